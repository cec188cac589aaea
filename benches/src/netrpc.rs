//! Calls against Go's `net/rpc`: server and client of both, in all four pairs, by what CPU a call costs.

use serde::Serialize;

use crate::machine::{Conditions, Machine, RULES, Watch, undisturbed};
use crate::peer::Result;
use crate::process::{Peer, Placement, Programs};
use crate::ratio::{Ratio, Slice};
use crate::{Effort, keep};

/// A payload and how many calls are in flight, on one connection.
#[derive(Clone, Copy, Debug, Serialize)]
struct Load {
    payload_len: usize,
    depth: usize,
}

const LOADS: [Load; 4] = [
    Load { payload_len: 64, depth: 100 },
    Load { payload_len: 1024, depth: 100 },
    Load { payload_len: 64, depth: 1 },
    Load { payload_len: 1024, depth: 1 },
];

/// Who calls whom; the places of the pairs in a block.
const GO_ON_GO: usize = 0;
const GO_ON_OURS: usize = 1;
const OURS_ON_GO: usize = 2;
const OURS_ON_OURS: usize = 3;

/// One row for every load.
struct Comparison {
    what: &'static str,
    side: Side,
    ours: usize,
    goal: Goal,
}

/// What the ratio must not exceed, with many calls in flight and with one.
#[derive(Clone, Copy)]
struct Goal {
    many: Option<f64>,
    one: Option<f64>,
}

impl Goal {
    const NONE: Self = Self { many: None, one: None };
    const SERVER: Self = Self { many: Some(0.4), one: Some(0.4) };
    /// One call at a time is mostly the kernel's work, the same for both: a quarter is out of reach there.
    const BOTH: Self = Self { many: Some(0.25), one: Some(0.56) };

    fn of(self, load: Load) -> Option<f64> {
        match load.depth {
            1 => self.one,
            _ => self.many,
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Server,
    Client,
    Both,
}

/// Each is divided by the same side of Go calling Go.
const COMPARISONS: [Comparison; 5] = [
    Comparison {
        what: "our server under a Go client: server",
        side: Side::Server,
        ours: GO_ON_OURS,
        goal: Goal::SERVER,
    },
    Comparison {
        what: "our server under a Go client: both sides",
        side: Side::Both,
        ours: GO_ON_OURS,
        goal: Goal::NONE,
    },
    Comparison {
        what: "our client on a Go server: client",
        side: Side::Client,
        ours: OURS_ON_GO,
        goal: Goal::NONE,
    },
    Comparison {
        what: "our client on a Go server: both sides",
        side: Side::Both,
        ours: OURS_ON_GO,
        goal: Goal::NONE,
    },
    Comparison { what: "both ours: both sides", side: Side::Both, ours: OURS_ON_OURS, goal: Goal::BOTH },
];

/// What one pair's server and client cost for the same calls.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    server: Slice,
    client: Slice,
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self { server: self.server.and(other.server), client: self.client.and(other.client) }
    }

    fn ns_per_call(self, side: Side) -> f64 {
        let (server, client) = (self.server.ns_per_operation(), self.client.ns_per_operation());
        match side {
            Side::Server => server,
            Side::Client => client,
            Side::Both => server + client,
        }
    }
}

/// A server and its client.
struct Pair {
    server: Peer,
    client: Peer,
}

impl Pair {
    fn slice(&mut self, load: Load, effort: &Effort) -> Result<Cost> {
        let Load { payload_len, depth } = load;
        self.client.ask(&format!("{payload_len} {depth} {}", effort.call_warm_up_ms))?;
        let before: u64 = self.server.ask("cpu")?.parse()?;
        let client = self.client.measure(&format!("{payload_len} {depth} {}", effort.call_slice_ms))?;
        let after: u64 = self.server.ask("cpu")?.parse()?;
        Ok(Cost { server: Slice { operations: client.operations, cpu_ns: after - before }, client })
    }
}

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    method: String,
    tables: Vec<Table>,
}

#[derive(Debug, Serialize)]
struct Table {
    placement: Placement,
    description: &'static str,
    blocks_dropped: usize,
    conditions: Vec<Conditions>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    #[serde(flatten)]
    load: Load,
    goal: Option<f64>,
    ratio: Option<Ratio>,
}

/// Measures, prints and keeps the tables.
pub fn run(effort: &Effort) -> Result<()> {
    let programs = Programs::build()?;
    let machine = Machine::of(&programs.go_version);
    let method = format!(
        "{} blocks, slices of {} ms, palindromic; ratios ours / Go's of user + system CPU per call; {RULES}",
        effort.blocks, effort.call_slice_ms
    );
    println!("net/rpc, echo of []byte over TCP, 1 connection; {machine}\n{method}\n");
    let tables = [Placement::B, Placement::C].map(|placement| table(&programs, placement, effort));
    let tables = tables.into_iter().collect::<Result<Vec<_>>>()?;
    keep("netrpc.json", &Report { machine, method, tables })
}

fn table(programs: &Programs, placement: Placement, effort: &Effort) -> Result<Table> {
    let threads = placement.threads().to_string();
    let pair = |ours_calls: bool, ours_serves: bool| -> Result<Pair> {
        let server = match ours_serves {
            true => programs.ours(placement, &["peer-server", &threads])?,
            false => programs.gos(placement, &["server"])?,
        };
        let client = match ours_calls {
            true => programs.ours(placement, &["peer-client", &threads, &server.greeting])?,
            false => programs.gos(placement, &["client", &server.greeting])?,
        };
        Ok(Pair { server, client })
    };
    // In the order of their places.
    let mut pairs = [pair(false, false)?, pair(false, true)?, pair(true, false)?, pair(true, true)?];
    for pair in &mut pairs {
        for load in LOADS {
            pair.slice(load, &Effort { call_slice_ms: 250, ..*effort })?;
        }
    }
    let (mut blocks, mut conditions) = (Vec::new(), Vec::new());
    for block in 1..=effort.blocks {
        eprint!("\rplacement {placement:?}, block {block} of {} ", effort.blocks);
        let watch = Watch::begin();
        let costs = LOADS.map(|load| block_of(&mut pairs, load, effort));
        blocks.push(costs.into_iter().collect::<Result<Vec<_>>>()?);
        conditions.push(watch.end());
    }
    eprintln!();
    let counts = undisturbed(&conditions);
    let blocks: Vec<_> =
        blocks.into_iter().zip(&counts).filter(|(_, counts)| **counts).map(|(block, _)| block).collect();
    let table = Table {
        placement,
        description: placement.description(),
        blocks_dropped: counts.len() - blocks.len(),
        conditions,
        rows: rows(&blocks),
    };
    print(&table);
    Ok(table)
}

/// Every pair once and once more in the opposite order, so that a drift meets all alike.
fn block_of(pairs: &mut [Pair; 4], load: Load, effort: &Effort) -> Result<[Cost; 4]> {
    let mut costs = [Cost::default(); 4];
    for place in (0..pairs.len()).chain((0..pairs.len()).rev()) {
        costs[place] = costs[place].and(pairs[place].slice(load, effort)?);
    }
    Ok(costs)
}

fn rows(blocks: &[Vec<[Cost; 4]>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for Comparison { what, side, ours, goal } in COMPARISONS {
        for (at, load) in LOADS.into_iter().enumerate() {
            let costs = |block: &Vec<[Cost; 4]>| {
                let costs = block[at];
                (costs[ours].ns_per_call(side), costs[GO_ON_GO].ns_per_call(side))
            };
            let pairs: Vec<_> = blocks.iter().map(costs).collect();
            rows.push(Row { what, load, goal: goal.of(load), ratio: Ratio::of(&pairs) });
        }
    }
    rows
}

fn print(table: &Table) {
    println!("{}; {} blocks dropped\n", table.description, table.blocks_dropped);
    println!(
        "| CPU per call | in flight | payload | ours / Go's | 95 % interval | blocks | µs ours | µs Go's | goal |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|---|");
    for Row { what, load, goal, ratio } in &table.rows {
        let shape = format!("1×{} | {} B", load.depth, load.payload_len);
        let Some(ratio) = ratio else {
            println!("| {what} | {shape} | too few blocks are left | | | | | |");
            continue;
        };
        let verdict = goal.map(|goal| ratio.verdict(goal)).unwrap_or_default();
        println!(
            "| {what} | {shape} | **{:.3}** | {:.3} – {:.3} | {} | {:.2} | {:.2} | {verdict} |",
            ratio.median,
            ratio.low,
            ratio.high,
            ratio.blocks,
            ratio.ours_ns / 1000.0,
            ratio.theirs_ns / 1000.0,
        );
    }
    println!();
}
