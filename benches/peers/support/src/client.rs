//! A client that is told what to call: it opens connections as they are needed, and keeps them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::{Connection, Done, Payload, Peer, Result, Shape, Work, cpu_ns, heap_bytes, orders, say};

/// What is sent where only connections matter.
const SMALL_LEN: usize = 64;

/// A peer's calling side.
pub(crate) struct Client<P: Peer> {
    peer: P,
    runtime: Runtime,
    address: SocketAddr,
    connections: Vec<P::Connection>,
    idle: Vec<P::Connection>,
}

impl<P: Peer> Client<P> {
    pub(crate) fn new(peer: P, runtime: Runtime, address: SocketAddr) -> Self {
        Self { peer, runtime, address, connections: Vec::new(), idle: Vec::new() }
    }

    /// Answers orders until they end.
    pub(crate) fn take_orders(mut self) -> Result<()> {
        say("ready")?;
        orders(|words| match words {
            ["cpu"] => Ok(cpu_ns().to_string()),
            ["memory"] => Ok(heap_bytes()?.to_string()),
            ["idle", count] => self.open_idle(count.parse()?),
            ["connect", milliseconds] => self.connect_for(Duration::from_millis(milliseconds.parse()?)),
            [payload_len, connections, depth, milliseconds] => {
                let shape = Shape::of(payload_len, connections, depth)?;
                self.call_for(shape, Duration::from_millis(milliseconds.parse()?))
            }
            _ => Ok(format!("unsupported {words:?} is no order to a client")),
        })
    }

    /// Keeps the calls in flight for so long.
    fn call_for(&mut self, shape: Shape, length: Duration) -> Result<String> {
        if let Some(reason) = self.peer.unsupported(shape) {
            return Ok(format!("unsupported {reason}"));
        }
        let connections = self.open(shape.connections)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let shares: Vec<_> = Work::until_stopped(shape, &stopped).collect();
        self.measure(async move {
            let stopping = async {
                tokio::time::sleep(length).await;
                stopped.store(true, Ordering::Relaxed);
            };
            tokio::join!(all(connections, shares), stopping).0
        })
    }

    /// Makes `calls` calls, and says how many that were.
    pub(crate) fn call_so_often(&mut self, shape: Shape, calls: u64) -> Result<String> {
        if let Some(reason) = self.peer.unsupported(shape) {
            return Ok(format!("unsupported {reason}"));
        }
        let connections = self.open(shape.connections)?;
        let done = self.runtime.block_on(all(connections, Work::until_made(shape, calls).collect()))?;
        match done.calls == calls {
            true => Ok(calls.to_string()),
            false => Err(format!("{} calls were made, not {calls}", done.calls).into()),
        }
    }

    fn open_idle(&mut self, count: usize) -> Result<String> {
        for opened in 0..count {
            let connection = self.runtime.block_on(used_once(&self.peer, self.address, opened as u64))?;
            self.idle.push(connection);
        }
        Ok(count.to_string())
    }

    /// Connects, calls and closes, one after the other.
    fn connect_for(&self, length: Duration) -> Result<String> {
        self.measure(async {
            let (mut done, began) = (Done::default(), Instant::now());
            while began.elapsed() < length {
                let started = Instant::now();
                drop(used_once(&self.peer, self.address, done.calls).await?);
                done.latencies.add_since(started);
                done.calls += 1;
            }
            Ok(done)
        })
    }

    fn open(&mut self, count: usize) -> Result<Vec<P::Connection>> {
        while self.connections.len() < count {
            self.connections.push(self.runtime.block_on(self.peer.connect(self.address))?);
        }
        Ok(self.connections[..count].to_vec())
    }

    fn measure(&self, work: impl Future<Output = Result<Done>>) -> Result<String> {
        let (cpu, wall) = (cpu_ns(), Instant::now());
        let Done { calls, mut latencies } = self.runtime.block_on(work)?;
        let (cpu, wall) = (cpu_ns() - cpu, wall.elapsed().as_nanos());
        let [median, tail] = [500, 990].map(|share| latencies.per_mille(share));
        Ok(format!("{calls} {cpu} {wall} {median} {tail}"))
    }
}

/// Every connection does its share.
async fn all<C: Connection>(connections: Vec<C>, shares: Vec<Work>) -> Result<Done> {
    let mut driven: JoinSet<_> =
        connections.into_iter().zip(shares).map(|(connection, share)| connection.drive(share)).collect();
    let mut done = Done::default();
    while let Some(share) = driven.join_next().await {
        done.add(share??);
    }
    Ok(done)
}

/// A connection on which one call has been made.
async fn used_once<P: Peer>(peer: &P, address: SocketAddr, caller: u64) -> Result<P::Connection> {
    let connection = peer.connect(address).await?;
    let mut payload = Payload::new(SMALL_LEN, caller & 0xffff);
    let reply = connection.call(payload.advance()).await?;
    payload.verify(reply.as_ref())?;
    Ok(connection)
}
