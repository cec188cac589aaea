//! Calls against Go's `net/rpc`: server and client of both, in all four pairs, by what CPU a call costs.

use peer_support::{Result, Shape};
use serde::Serialize;

use crate::effort::Effort;
use crate::keep;
use crate::machine::{Conditions, Machine, RULES, Watch, undisturbed};
use crate::peers;
use crate::placement::Placement;
use crate::process::Program;
use crate::ratio::{Bound, Ratio};
use crate::session::{Cost, Load, Session, Side};

const SHAPES: [Shape; 4] = [
    Shape { payload_len: 64, connections: 1, depth: 100 },
    Shape { payload_len: 1024, connections: 1, depth: 100 },
    Shape { payload_len: 64, connections: 1, depth: 1 },
    Shape { payload_len: 1024, connections: 1, depth: 1 },
];

/// Who calls whom; the places of the pairs in a block.
const GO_ON_GO: usize = 0;
const GO_ON_OURS: usize = 1;
const OURS_ON_GO: usize = 2;
const OURS_ON_OURS: usize = 3;

/// One row for every shape.
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

    fn of(self, shape: Shape) -> Option<Bound> {
        let most = if shape.depth == 1 { self.one } else { self.many };
        most.map(Bound::AtMost)
    }
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
    payload_len: usize,
    depth: usize,
    goal: Option<Bound>,
    ratio: Option<Ratio>,
}

/// Measures, prints and keeps the tables.
pub fn run(effort: &Effort) -> Result<()> {
    let machine = Machine::here();
    let ours = Program::of_this(&["ours", "netrpc"])?;
    let go = Program { path: peers::build_named("go-netrpc")?, variant: vec!["gob".to_owned()] };
    let method = format!(
        "{} blocks, slices of {} ms, palindromic; ratios ours / Go's of user + system CPU per call; {RULES}",
        effort.blocks, effort.call_slice_ms
    );
    println!("net/rpc, echo of []byte over TCP, 1 connection; {machine}\n{method}\n");
    let tables = [Placement::B, Placement::C].map(|placement| table(&ours, &go, placement, effort));
    let tables = tables.into_iter().collect::<Result<Vec<_>>>()?;
    keep("netrpc.json", &Report { machine, method, tables })
}

fn table(ours: &Program, go: &Program, placement: Placement, effort: &Effort) -> Result<Table> {
    // In the order of their places.
    let mut pairs = [
        Session::between(go, go, placement)?,
        Session::between(go, ours, placement)?,
        Session::between(ours, go, placement)?,
        Session::between(ours, ours, placement)?,
    ];
    for pair in &mut pairs {
        for shape in SHAPES {
            pair.slice(Load::Calls(shape), effort.first_ms, effort.first_ms)?;
        }
    }
    let (mut blocks, mut conditions) = (Vec::new(), Vec::new());
    for block in 1..=effort.blocks {
        eprint!("\rplacement {placement:?}, block {block} of {} ", effort.blocks);
        let watch = Watch::begin();
        let costs = SHAPES.map(|shape| block_of(&mut pairs, shape, effort));
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
fn block_of(pairs: &mut [Session; 4], shape: Shape, effort: &Effort) -> Result<[Cost; 4]> {
    let mut costs = [None::<Cost>; 4];
    for place in (0..pairs.len()).chain((0..pairs.len()).rev()) {
        let cost = pairs[place].slice(Load::Calls(shape), effort.warm_up_ms, effort.call_slice_ms)?;
        costs[place] = Some(costs[place].map_or(cost, |first| first.and(cost)));
    }
    Ok(costs.map(|cost| cost.expect("every pair was measured")))
}

fn rows(blocks: &[Vec<[Cost; 4]>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for Comparison { what, side, ours, goal } in COMPARISONS {
        for (at, shape) in SHAPES.into_iter().enumerate() {
            let costs = |block: &Vec<[Cost; 4]>| {
                let costs = block[at];
                (costs[ours].cpu_ns(side), costs[GO_ON_GO].cpu_ns(side))
            };
            let pairs: Vec<_> = blocks.iter().map(costs).collect();
            let Shape { payload_len, depth, .. } = shape;
            rows.push(Row { what, payload_len, depth, goal: goal.of(shape), ratio: Ratio::of(&pairs) });
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
    for Row { what, payload_len, depth, goal, ratio } in &table.rows {
        let shape = format!("1×{depth} | {payload_len} B");
        let Some(ratio) = ratio else {
            println!("| {what} | {shape} | too few blocks are left | | | | | |");
            continue;
        };
        let verdict = goal.map(|goal| format!("{goal}: {}", ratio.against(goal))).unwrap_or_default();
        println!(
            "| {what} | {shape} | **{:.3}** | {:.3} – {:.3} | {} | {:.2} | {:.2} | {verdict} |",
            ratio.median,
            ratio.low,
            ratio.high,
            ratio.blocks,
            ratio.over / 1000.0,
            ratio.under / 1000.0,
        );
    }
    println!();
}
