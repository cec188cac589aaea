//! What a registry with a large fleet costs, and how fast a change reaches those who wait for it.
//!
//! ```text
//! cargo run --release -p ferrywire-registry --example load
//! ```
//!
//! A registry on one thread of a process of its own has 10,000 servers of 100 services, 2,000 watchers and 1,000 beats a second, each on
//! a connection of its own, as an announcer makes them. Ten times a second a server comes, and every watcher of its service notes when
//! it hears of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrywire::discovery::Scheme as _;
use ferrywire::{Limits, Server};
use ferrywire_registry::{Registry, Scheme, Settings, WithRegistry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const SERVERS: usize = 10_000;
const SERVICES: usize = 100;
const WATCHERS: usize = 2000;
const BEATS_PER_SECOND: usize = 1000;
const CHANGES_PER_SECOND: usize = 10;
const SECONDS: usize = 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::args().nth(1).as_deref() {
        Some("registry") => runtime.block_on(serve()),
        _ => runtime.block_on(load()),
    }
}

/// The registry that is measured.
async fn serve() -> Result<(), Failure> {
    let mut settings = Settings::default();
    settings.ttl = Duration::from_secs(300);
    // Those that come while it is measured.
    settings.entries_max = SERVERS + SECONDS * CHANGES_PER_SECOND;
    let mut limits = Limits::default();
    limits.connections_per_address_max = limits.connections_max;
    let registry = Registry::builder().settings(settings).build();
    let server = Server::builder().limits(limits).with_registry(&registry).bind("tcp://127.0.0.1:0").await?;
    println!("{}", server.address());
    Ok(server.run().await?)
}

async fn load() -> Result<(), Failure> {
    let mut registry =
        Process(Command::new(std::env::current_exe()?).arg("registry").stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(registry.0.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let place: Arc<str> = line.trim().trim_start_matches("tcp://").into();
    println!("empty: {} KiB", registry.memory_kib()?);

    let began = Instant::now();
    for number in 0..SERVERS {
        beat(&place, number, 1).await?;
    }
    println!("{SERVERS} servers entered in {:?}: {} KiB", began.elapsed(), registry.memory_kib()?);

    let (heard, mut hearing) = mpsc::channel(1024);
    for number in 0..WATCHERS {
        let (place, heard) = (place.clone(), heard.clone());
        tokio::spawn(async move { watch(&place, number % SERVICES, heard).await });
    }
    for _ in 0..WATCHERS {
        let _first = hearing.recv().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{WATCHERS} watchers wait: {} KiB", registry.memory_kib()?);

    let (began, used) = (Instant::now(), registry.cpu()?);
    let beating = tokio::spawn(beats(place.clone()));
    let changing = tokio::spawn(changes(place.clone()));
    let mut delays = Vec::new();
    while let Ok(Some((version, at))) =
        tokio::time::timeout_at((began + Duration::from_secs(SECONDS as u64 + 2)).into(), hearing.recv())
            .await
    {
        delays.push((version, at));
    }
    let sent = changing.await??;
    let (count, slowest) = beating.await??;
    let cpu = (registry.cpu()? - used).as_secs_f64() / began.elapsed().as_secs_f64();
    let mut delays: Vec<Duration> = (delays.into_iter())
        .filter_map(|(weight, at)| Some(at.saturating_duration_since(*sent.get(weight as usize)?)))
        .collect();
    delays.sort_unstable();
    let at =
        |share: f64| delays.get(((delays.len() - 1) as f64 * share) as usize).copied().unwrap_or_default();
    let expected = sent.len().saturating_sub(2) * WATCHERS / SERVICES;
    println!("{:.0} beats/s for {SECONDS} s, the slowest took {slowest:?}", count as f64 / SECONDS as f64);
    println!(
        "{} of {expected} changes heard: median {:?}, 99 % {:?}, slowest {:?}",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("{:.0} % of one core, {} KiB", cpu * 100.0, registry.memory_kib()?);
    Ok(())
}

/// One beat, as an announcer makes it.
async fn beat(place: &str, number: usize, weight: u32) -> Result<(), Failure> {
    let (service, port) = (number % SERVICES, number + 1);
    let body = format!(
        r#"{{"address":"tcp://127.0.0.1:{port}","services":["Service{service}"],"weight":{weight},"zone":"eu-1"}}"#
    );
    let request = format!(
        "POST /registry/v1/servers HTTP/1.1\r\nHost: {place}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(place).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    if said.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(said.into()) }
}

/// Beats that change nothing; how many there were, and how long the slowest took.
async fn beats(place: Arc<str>) -> Result<(usize, Duration), Failure> {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut waiting = tokio::task::JoinSet::new();
    let mut numbers = (0..SERVERS).cycle();
    for _ in 0..SECONDS * 100 {
        ticks.tick().await;
        for number in numbers.by_ref().take(BEATS_PER_SECOND / 100) {
            let place = place.clone();
            waiting.spawn(async move {
                let began = Instant::now();
                beat(&place, number, 1).await.map(|()| began.elapsed())
            });
        }
    }
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while let Some(beaten) = waiting.join_next().await {
        (count, slowest) = (count + 1, slowest.max(beaten??));
    }
    Ok((count, slowest))
}

/// Servers that come; when each said so, by its weight.
async fn changes(place: Arc<str>) -> Result<Vec<Instant>, Failure> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1000 / CHANGES_PER_SECOND as u64));
    // The weight says which change it is; 0 and 1 are none.
    let mut sent = vec![Instant::now(); 2];
    for change in 0..SECONDS * CHANGES_PER_SECOND {
        ticks.tick().await;
        sent.push(Instant::now());
        // A server that was not there before.
        let number = change * SERVICES + (change % SERVICES);
        beat(&place, SERVERS + number, sent.len() as u32 - 1).await?;
    }
    Ok(sent)
}

/// Waits at one service, and says of every change when it was heard of.
async fn watch(place: &str, service: usize, heard: mpsc::Sender<(u32, Instant)>) -> Result<(), Failure> {
    let url = format!("registry+http://{place}/Service{service}");
    let mut source = Scheme.open(&url).ok_or("no scheme")??;
    let mut last = 0;
    loop {
        let Ok(list) = source.next().await else { continue };
        let newest = list.iter().map(|endpoint| endpoint.weight).max().unwrap_or_default();
        if newest > last {
            last = newest;
            heard.send((newest, Instant::now())).await?;
        }
    }
}

/// A process that is ended with this one.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// The processor time that it has used.
    fn cpu(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }

    fn memory_kib(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}
