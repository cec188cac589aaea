//! A registry alone: `ferrywire-registry --listen tcp://127.0.0.1:9999`; see `USAGE`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ferrywire::transport::{Address, Place};
use ferrywire::{Limits, Server};
use ferrywire_registry::{Registry, Settings, WithRegistry};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: ferrywire-registry [OPTION..]

  --listen ADDRESS     where to listen; tcp://127.0.0.1:9999 unless given; may be repeated
  --host NAME          a name, beside addresses in numbers, by which it is asked; may be repeated
  --token-file PATH    what other machines show to write: the first line of this file
  --trust-network      other machines write without a token, each for itself; servers of WgRPC and GeeRPC know of none
  --snapshot PATH      keeps what is registered over a restart
  --ttl SECONDS        for how long a server is listed after a beat, unless it asks for another time; 30 unless given
  --clients N          the most connections; 10000 unless given, and as many of one network address";

type Failure = Box<dyn std::error::Error>;

/// What the program was told.
struct Orders {
    listen: Vec<String>,
    hosts: Vec<String>,
    token: Option<String>,
    snapshot: Option<PathBuf>,
    settings: Settings,
    limits: Limits,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), Failure> {
    let orders = Orders::read(words)?;
    // One thread is enough for ten thousand servers, and the store has one lock.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(orders))
}

async fn serve(orders: Orders) -> Result<(), Failure> {
    let has_token = orders.token.is_some();
    let trusts_network = orders.settings.trusts_network;
    let mut registry = Registry::builder().settings(orders.settings);
    if let Some(token) = orders.token {
        registry = registry.token(token);
    }
    if let Some(path) = orders.snapshot {
        registry = registry.snapshot(path);
    }
    let registry = registry.build();
    let mut builder = Server::builder().limits(orders.limits).with_registry(&registry);
    builder = orders.hosts.into_iter().fold(builder, |builder, host| builder.allow_host(host));
    let mut places = orders.listen.into_iter();
    let first = places.next().unwrap_or_else(|| "tcp://127.0.0.1:9999".to_owned());
    let builder = places.fold(builder, |builder, place| builder.listen(place));
    let server = builder.bind(first).await?;
    for address in server.addresses() {
        println!("listening at {address}");
        if !has_token && !trusts_network && !is_loopback(address) {
            eprintln!("{address}: only this machine can register servers, as there is no --token-file");
        }
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let told = async {
        futures_util::future::select(std::pin::pin!(interrupt.recv()), std::pin::pin!(terminate.recv()))
            .await;
    };
    Ok(server.run_until(told).await?)
}

fn is_loopback(address: &Address) -> bool {
    match address.place() {
        Place::Tcp(place) => {
            let socket = place.parse::<std::net::SocketAddr>();
            socket.is_ok_and(|socket| socket.ip().is_loopback())
        }
        _ => true,
    }
}

impl Orders {
    fn read(words: &[String]) -> Result<Self, Failure> {
        let mut orders = Self {
            listen: Vec::new(),
            hosts: Vec::new(),
            token: None,
            snapshot: None,
            settings: Settings::default(),
            limits: Limits::default(),
        };
        // Clients of a registry share addresses more than callers do, and each waits at it all day long.
        orders.limits.connections_per_address_max = orders.limits.connections_max;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--trust-network" {
                orders.settings.trusts_network = true;
                continue;
            }
            let value =
                words.next().ok_or_else(|| format!("{word}: expected something behind it\n\n{USAGE}"))?;
            match word.as_str() {
                "--listen" => orders.listen.push(value.clone()),
                "--host" => orders.hosts.push(value.clone()),
                "--token-file" => orders.token = Some(token(value)?),
                "--snapshot" => orders.snapshot = Some(value.into()),
                "--ttl" => orders.settings.ttl = Duration::from_secs(number(word, value)?.max(1)),
                "--clients" => {
                    orders.limits.connections_max = usize::try_from(number(word, value)?)?;
                    orders.limits.connections_per_address_max = orders.limits.connections_max;
                }
                _ => return Err(format!("{word}: no such option\n\n{USAGE}").into()),
            }
        }
        Ok(orders)
    }
}

fn number(word: &str, value: &str) -> Result<u64, Failure> {
    value.parse().map_err(|_| format!("{word}: expected a number, not `{value}`").into())
}

fn token(path: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|cause| format!("{path}: {cause}"))?;
    let token = text.lines().next().unwrap_or_default().trim().to_owned();
    if token.is_empty() {
        return Err(format!("{path}: its first line is to be the token").into());
    }
    Ok(token)
}
