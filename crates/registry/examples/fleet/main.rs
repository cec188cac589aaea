//! A registry, three servers and a client in one process; one of the servers is killed.
//!
//! ```text
//! cargo run --release --example fleet
//! cargo run --release --example fleet --features ferrywire-registry/etcd -- --discovery etcd://127.0.0.1:2379/fleet
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferrywire::balance::RoundRobin;
use ferrywire::server::Builder;
use ferrywire::{Client, Code, Error, Result, Server, service};
use ferrywire_registry::{Announcer, Registry, Scheme, WithRegistry};
use tokio::task::JoinHandle;

#[cfg(not(feature = "etcd"))]
#[path = "without_etcd.rs"]
mod etcd;
#[cfg(feature = "etcd")]
mod etcd;

#[service]
trait Greeter {
    /// Greets, and says who does.
    async fn greet(&self, name: String) -> (char, String);
}

struct Polite(char);

impl Greeter for Polite {
    async fn greet(&self, name: String) -> (char, String) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        (self.0, format!("hello, {name}"))
    }
}

const SERVERS: [char; 3] = ['a', 'b', 'c'];
const CALLERS: usize = 8;

/// What has become of calls.
#[derive(Default)]
struct Tally {
    answered: BTreeMap<char, usize>,
    failed: Vec<(Instant, Error)>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let discovery = discovery()?;
    // A registry that is a part of this program, if no other is asked.
    let registry =
        Server::builder().with_registry(&Registry::builder().build()).bind("tcp://127.0.0.1:0").await?;
    let registry_at = registry.address().to_string().replace("tcp://", "http://");
    let url = discovery.unwrap_or_else(|| format!("registry+{registry_at}/Greeter"));
    tokio::spawn(registry.run());
    println!("servers are found at {url}");

    let mut servers = Vec::new();
    for name in SERVERS {
        let builder = Server::builder().register(GreeterServer::new(Polite(name)));
        let server = announced(builder, &url, &registry_at)?.bind("tcp://127.0.0.1:0").await?;
        println!("{name} serves at {}", server.address());
        servers.push((server.address(), tokio::spawn(server.run())));
    }

    let builder = Client::builder().balance(RoundRobin).scheme(Scheme);
    let client = etcd::known(builder).discover(&url).await?;
    while client.servers().is_none_or(|known| known.servers.len() < SERVERS.len()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (tally, is_over) = (Arc::new(Mutex::new(Tally::default())), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..CALLERS).map(|_| calling(&client, &tally, &is_over)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("\nafter 1 s: {}", shares(&tally));

    let (address, running) = servers.swap_remove(1);
    running.abort();
    let killed = Instant::now();
    println!("b is killed");
    // Until the client knows.
    let is_out = || {
        let known = client.servers().map(|known| known.servers).unwrap_or_default();
        let status = known.into_iter().find(|server| server.endpoint.address == address);
        status.is_none_or(|server| server.is_down || server.is_ejected)
    };
    while !is_out() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let out = Instant::now();
    println!("b gets no more calls after {} ms", (out - killed).as_millis());
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        let _ = caller.await;
    }

    let tally_now = tally.lock().expect("nobody panicked");
    let (held, late): (Vec<_>, Vec<_>) = tally_now.failed.iter().partition(|(at, _)| *at <= out);
    println!("\nafter 3 s: {}", shares_of(&tally_now));
    println!("{} calls failed that b was holding", held.len());
    println!("{} calls failed after that", late.len());
    match late.first() {
        None => Ok(()),
        Some((_, error)) => Err(error.clone()),
    }
}

/// What stands behind `--discovery`.
fn discovery() -> Result<Option<String>> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next(), words.next()) {
        (None, ..) => Ok(None),
        (Some("--discovery"), Some(url), None) => Ok(Some(url)),
        _ => Err(Error::new(Code::InvalidArgument, "usage: fleet [--discovery URL]")),
    }
}

/// The server makes itself known where it will be looked for.
fn announced(builder: Builder, url: &str, registry: &str) -> Result<Builder> {
    match url.strip_prefix("etcd://") {
        Some(_) => etcd::announced(builder, url),
        None => Ok(builder.announce(Announcer::to(registry)?)),
    }
}

/// Calls one after the other until it is over.
fn calling(client: &Client, tally: &Arc<Mutex<Tally>>, is_over: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (greeter, tally, is_over) = (GreeterClient::new(client.clone()), tally.clone(), is_over.clone());
    tokio::spawn(async move {
        while !is_over.load(Ordering::Relaxed) {
            let greeted = greeter.greet("Ada".to_owned()).await;
            let mut tally = tally.lock().expect("nobody panicked");
            match greeted {
                Ok((name, _)) => *tally.answered.entry(name).or_default() += 1,
                Err(error) => tally.failed.push((Instant::now(), error)),
            }
        }
    })
}

fn shares(tally: &Mutex<Tally>) -> String {
    shares_of(&tally.lock().expect("nobody panicked"))
}

/// Calls per server.
fn shares_of(tally: &Tally) -> String {
    let shares = SERVERS.map(|name| format!("{name} {}", tally.answered.get(&name).copied().unwrap_or(0)));
    format!("answered calls: {}", shares.join(", "))
}
