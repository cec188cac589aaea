//! A client and the server that it calls, in their placement, and what a slice of their work costs.

use std::fmt::{Display, Formatter};

use peer_support::{Result, Shape};
use serde::Serialize;

use crate::placement::Placement;
use crate::process::{Process, Program};

/// Both sides of a measurement.
#[derive(Debug)]
pub struct Session {
    /// Absent where the client has its server with it.
    server: Option<Process>,
    client: Process,
}

/// What the client is kept busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Calls in flight on connections that stay.
    Calls(Shape),
    /// Connecting, one call, and closing, one after the other.
    Connecting,
}

/// What calls have cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    pub calls: u64,
    pub server_ns: u64,
    pub client_ns: u64,
    pub wall_ns: u64,
    /// Latencies that half of the calls and 99 in a hundred do not exceed.
    pub median_ns: u64,
    pub tail_ns: u64,
}

/// Whose share of the CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
    Both,
}

impl Cost {
    /// Two slices of one block as one; of their latencies the mean.
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            server_ns: self.server_ns + other.server_ns,
            client_ns: self.client_ns + other.client_ns,
            wall_ns: self.wall_ns + other.wall_ns,
            median_ns: (self.median_ns + other.median_ns) / 2,
            tail_ns: (self.tail_ns + other.tail_ns) / 2,
        }
    }

    /// CPU time per call, user and system, in nanoseconds.
    pub fn cpu_ns(self, side: Side) -> f64 {
        let used = match side {
            Side::Server => self.server_ns,
            Side::Client => self.client_ns,
            Side::Both => self.server_ns + self.client_ns,
        };
        used as f64 / self.calls as f64
    }

    pub fn calls_per_second(self) -> f64 {
        self.calls as f64 * 1e9 / self.wall_ns as f64
    }
}

impl Session {
    /// One program on both sides.
    pub fn of(program: &Program, placement: Placement) -> Result<Self> {
        match placement {
            Placement::A => Ok(Self { server: None, client: Process::start(program, placement, &["both"])? }),
            _ => Self::between(program, program, placement),
        }
    }

    /// A client of one program and a server of another, in processes of their own.
    pub fn between(client: &Program, server: &Program, placement: Placement) -> Result<Self> {
        let threads = placement.threads().to_string();
        let server = Process::start(server, placement, &["server", &threads])?;
        let client = Process::start(client, placement, &["client", &threads, &server.greeting])?;
        Ok(Self { server: Some(server), client })
    }

    /// What `load` costs for `slice_ms` milliseconds, after `warm_up_ms` that do not count.
    pub fn slice(&mut self, load: Load, warm_up_ms: u64, slice_ms: u64) -> Result<Cost> {
        let order = |milliseconds: u64| match load {
            Load::Calls(Shape { payload_len, connections, depth }) => {
                format!("{payload_len} {connections} {depth} {milliseconds}")
            }
            Load::Connecting => format!("connect {milliseconds}"),
        };
        self.client.ask(&order(warm_up_ms))?;
        self.cost(&order(slice_ms))
    }

    /// Opens so many connections more, and says by how many bytes the server and the client have grown.
    pub fn idle(&mut self, count: usize) -> Result<[Held; 2]> {
        let before = self.held()?;
        self.client.ask(&format!("idle {count}"))?;
        let after = self.held()?;
        Ok([0, 1].map(|side| after[side].since(before[side])))
    }

    fn cost(&mut self, order: &str) -> Result<Cost> {
        let before = self.server_ns()?;
        let [calls, client_ns, wall_ns, median_ns, tail_ns] = self.client.numbers(order)?;
        let server_ns = self.server_ns()? - before;
        match calls {
            0 => Err("no call was made".into()),
            _ => Ok(Cost { calls, server_ns, client_ns, wall_ns, median_ns, tail_ns }),
        }
    }

    fn server_ns(&mut self) -> Result<u64> {
        match &mut self.server {
            Some(server) => server.numbers("cpu").map(|[ns]| ns),
            None => Ok(0),
        }
    }

    fn held(&mut self) -> Result<[Held; 2]> {
        let server = self.server.as_mut().ok_or("memory is told apart only between processes")?;
        Ok([Held::by(server)?, Held::by(&mut self.client)?])
    }
}

/// Bytes that a process holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Held {
    /// Handed out by its allocator, as it says itself.
    pub heap: u64,
    /// Pages that are its own, as the kernel says; with what the allocator keeps for later.
    pub resident: u64,
}

impl Held {
    fn by(process: &mut Process) -> Result<Self> {
        let [heap] = process.numbers("memory")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(Self { heap, resident: kib.ok_or("the kernel does not say what a process holds")? * 1024 })
    }

    pub fn and(self, other: Self) -> Self {
        Self { heap: self.heap + other.heap, resident: self.resident + other.resident }
    }

    pub fn per(self, count: usize) -> Self {
        Self { heap: self.heap / count as u64, resident: self.resident / count as u64 }
    }

    fn since(self, before: Self) -> Self {
        let less = |after: u64, before: u64| after.saturating_sub(before);
        Self { heap: less(self.heap, before.heap), resident: less(self.resident, before.resident) }
    }
}

impl Display for Held {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.heap, self.resident)
    }
}
