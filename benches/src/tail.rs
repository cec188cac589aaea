//! Calls beside slow ones: what one in a hundred that sleeps costs the others on its connection. Ours alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use peer_support::{Latencies, Payload, Peer, Result, orders, runtime, say};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::effort::Effort;
use crate::keep;
use crate::machine::{Conditions, Watch, undisturbed};
use crate::ours::{Line, Ours};
use crate::placement::Placement;
use crate::process::{Process, Program};
use crate::ratio::{Bound, Ratio, Verdict};

const DEPTH: usize = 100;
const PAYLOAD_LEN: usize = 64;
const NAPPING_PER_MILLE: usize = 10;
const GOAL: Bound = Bound::AtMost(1.5);
/// A tail needs more calls than a mean does.
const SLICE_MIN_MS: u64 = 200;

/// The process `tail-client PROTOCOL THREADS ADDRESS`: answers `PER_MILLE MILLISECONDS`, the share of calls that sleep and
/// for how long to call, with `CALLS P50_NS P99_NS` of the others.
pub fn call(protocol: &str, threads: &str, address: &str) -> Result<()> {
    let runtime = runtime(threads.parse()?)?;
    let address: SocketAddr = address.parse()?;
    let line = runtime.block_on(Ours::new(&[protocol])?.connect(address))?;
    say("ready")?;
    orders(|words| {
        let [per_mille, milliseconds] = words else { return Err("expected two numbers".into()) };
        let (per_mille, length) = (per_mille.parse()?, Duration::from_millis(milliseconds.parse()?));
        let mut latencies = runtime.block_on(call_for(&line, per_mille, length))?;
        let [median, tail] = [500, 990].map(|share| latencies.per_mille(share));
        Ok(format!("{} {median} {tail}", latencies.len()))
    })
}

async fn call_for(line: &Line, per_mille: usize, length: Duration) -> Result<Latencies> {
    let stopped = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..DEPTH {
        callers.spawn(call_until(line.clone(), caller, per_mille, stopped.clone()));
    }
    tokio::time::sleep(length).await;
    stopped.store(true, Ordering::Relaxed);
    let mut latencies = Latencies::default();
    while let Some(caller) = callers.join_next().await {
        latencies.append(caller??);
    }
    Ok(latencies)
}

async fn call_until(
    line: Line,
    caller: usize,
    per_mille: usize,
    stopped: Arc<AtomicBool>,
) -> Result<Latencies> {
    let (mut payload, mut latencies) = (Payload::new(PAYLOAD_LEN, caller as u64), Latencies::default());
    let mut random = fastrand::Rng::with_seed(caller as u64);
    while !stopped.load(Ordering::Relaxed) {
        if random.usize(..1000) < per_mille {
            line.echo.nap().await?;
            continue;
        }
        let started = Instant::now();
        let reply = line.echo.say(payload.advance()).await?;
        latencies.add_since(started);
        payload.verify(&reply)?;
    }
    Ok(latencies)
}

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    protocol: &'static str,
    placement: Placement,
    blocks_dropped: usize,
    conditions: Vec<Conditions>,
    /// Latency that 99 in a hundred do not exceed, beside slow calls over without them; in nanoseconds.
    ratio: Option<Ratio>,
    verdict: Option<Verdict>,
}

/// Measures, prints and keeps the table.
pub fn run(effort: &Effort) -> Result<()> {
    println!("# Beside slow calls\n");
    println!(
        "p99 of calls of {PAYLOAD_LEN} B, 1×{DEPTH}, while {} % of the calls on their connection sleep 5 ms, over p99 without \
         these; client and server are processes of their own.\n",
        NAPPING_PER_MILLE as f64 / 10.0
    );
    println!("| protocol | placement | ratio | 95 % interval | µs beside them | µs without | goal |");
    println!("|---|---|--:|--:|--:|--:|---|");
    let mut rows = Vec::new();
    for protocol in ["native", "netrpc"] {
        for placement in [Placement::B, Placement::C] {
            rows.push(row(protocol, placement, effort)?);
        }
    }
    println!();
    keep("tail.json", &Report { rows })
}

fn row(protocol: &'static str, placement: Placement, effort: &Effort) -> Result<Row> {
    let threads = placement.threads().to_string();
    let server = Process::start(&Program::of_this(&["ours", protocol])?, placement, &["server", &threads])?;
    let command = ["tail-client", protocol, &threads, &server.greeting];
    let mut client = Process::start(&Program::of_this(&[])?, placement, &command)?;
    let slice_ms = effort.call_slice_ms.max(SLICE_MIN_MS);
    let mut p99 = |per_mille: usize| -> Result<f64> {
        client.ask(&format!("{per_mille} {}", effort.warm_up_ms))?;
        let [_, _, p99] = client.numbers(&format!("{per_mille} {slice_ms}"))?;
        Ok(p99 as f64)
    };
    let (mut pairs, mut conditions) = (Vec::new(), Vec::new());
    for block in 1..=effort.blocks {
        eprint!("\rbeside slow calls, {protocol}, {placement:?}, block {block} of {}\x1b[K", effort.blocks);
        let watch = Watch::begin();
        let (a, b, c, d) = (p99(0)?, p99(NAPPING_PER_MILLE)?, p99(NAPPING_PER_MILLE)?, p99(0)?);
        pairs.push(((b + c) / 2.0, (a + d) / 2.0));
        conditions.push(watch.end());
    }
    eprint!("\r\x1b[K");
    let counts = undisturbed(&conditions);
    let kept: Vec<_> =
        pairs.into_iter().zip(&counts).filter(|(_, counts)| **counts).map(|(p, _)| p).collect();
    let ratio = Ratio::of(&kept);
    let verdict = ratio.map(|ratio| ratio.against(GOAL));
    match (ratio, verdict) {
        (Some(Ratio { median, low, high, over, under, .. }), Some(verdict)) => println!(
            "| {protocol} | {placement:?} | **{median:.2}** | {low:.2} – {high:.2} | {:.0} | {:.0} | {GOAL}: {verdict} |",
            over / 1e3,
            under / 1e3
        ),
        _ => println!("| {protocol} | {placement:?} | too few blocks are left | | | | |"),
    }
    Ok(Row { protocol, placement, blocks_dropped: counts.len() - kept.len(), conditions, ratio, verdict })
}
