//! Values against Go's `encoding/gob`: what CPU it costs to encode and decode them.

use peer_support::Result;
use serde::Serialize;

use crate::codec::{OPERATIONS, VALUES};
use crate::effort::Effort;
use crate::keep;
use crate::machine::{Conditions, Machine, RULES, Watch, undisturbed};
use crate::peers;
use crate::placement::Placement;
use crate::process::{Process, Program};
use crate::ratio::{Bound, Ratio};

const GOAL: Bound = Bound::AtMost(0.33);

/// What so many operations cost.
#[derive(Clone, Copy, Debug)]
struct Slice {
    operations: u64,
    cpu_ns: u64,
}

impl Slice {
    fn of(process: &mut Process, order: &str) -> Result<Self> {
        process.numbers(order).map(|[operations, cpu_ns]| Self { operations, cpu_ns })
    }

    /// Two slices of one block as one.
    fn and(self, other: Self) -> Self {
        Self { operations: self.operations + other.operations, cpu_ns: self.cpu_ns + other.cpu_ns }
    }

    fn ns_per_operation(self) -> f64 {
        self.cpu_ns as f64 / self.operations as f64
    }
}

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    method: String,
    blocks_dropped: usize,
    conditions: Vec<Conditions>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    value: &'static str,
    operation: &'static str,
    goal: Bound,
    ratio: Option<Ratio>,
}

/// Measures, prints and keeps the table.
pub fn run(effort: &Effort) -> Result<()> {
    let machine = Machine::here();
    let go = Program { path: peers::build_named("go-netrpc")?, variant: Vec::new() };
    let mut ours = Process::start(&Program::of_this(&[])?, Placement::B, &["peer-gob"])?;
    let mut gos = Process::start(&go, Placement::B, &["encoding-gob"])?;
    for (value, _) in VALUES {
        // Both decode what Go wrote; that it is the value they encode is checked when it is loaded.
        let bytes = gos.ask(&format!("bytes {value}"))?;
        ours.ask(&format!("load {value} {bytes}"))?;
    }
    let method = format!(
        "{} blocks, slices of {} ms, ABBA, both processes on one CPU, GOMAXPROCS=1; ratios ours / Go's of user + \
         system CPU per operation; {RULES}",
        effort.blocks, effort.value_slice_ms
    );
    println!("encoding/gob, a stream's encoder into memory and decoder from it; {machine}\n{method}\n");
    let (mut blocks, mut conditions) = (Vec::new(), Vec::new());
    // The first block is the warm-up.
    for block in 0..=effort.blocks {
        eprint!("\rgob, block {block} of {} ", effort.blocks);
        let watch = Watch::begin();
        let mut costs = Vec::new();
        for (value, _) in VALUES {
            for (operation, _) in OPERATIONS {
                let order = format!("run {value} {operation} {}", effort.value_slice_ms);
                let (a, b) = (Slice::of(&mut ours, &order)?, Slice::of(&mut gos, &order)?);
                let (c, d) = (Slice::of(&mut gos, &order)?, Slice::of(&mut ours, &order)?);
                costs.push((a.and(d), b.and(c)));
            }
        }
        if block > 0 {
            blocks.push(costs);
            conditions.push(watch.end());
        }
    }
    eprintln!();
    let counts = undisturbed(&conditions);
    let blocks: Vec<_> =
        blocks.into_iter().zip(&counts).filter(|(_, counts)| **counts).map(|(block, _)| block).collect();
    let report = Report {
        machine,
        method,
        blocks_dropped: counts.len() - blocks.len(),
        conditions,
        rows: rows(&blocks),
    };
    print(&report);
    keep("gob.json", &report)
}

fn rows(blocks: &[Vec<(Slice, Slice)>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (_, value) in VALUES {
        for (_, operation) in OPERATIONS {
            let at = rows.len();
            let costs = |block: &Vec<(Slice, Slice)>| {
                let (ours, gos) = block[at];
                (ours.ns_per_operation(), gos.ns_per_operation())
            };
            let pairs: Vec<_> = blocks.iter().map(costs).collect();
            rows.push(Row { value, operation, goal: GOAL, ratio: Ratio::of(&pairs) });
        }
    }
    rows
}

fn print(report: &Report) {
    println!("{} blocks dropped\n", report.blocks_dropped);
    println!("| value | operation | ours / Go's | 95 % interval | blocks | ns ours | ns Go's | goal |");
    println!("|---|---|--:|--:|--:|--:|--:|---|");
    for Row { value, operation, goal, ratio } in &report.rows {
        let Some(ratio) = ratio else {
            println!("| {value} | {operation} | too few blocks are left | | | | | |");
            continue;
        };
        println!(
            "| {value} | {operation} | **{:.3}** | {:.3} – {:.3} | {} | {:.0} | {:.0} | {goal}: {} |",
            ratio.median,
            ratio.low,
            ratio.high,
            ratio.blocks,
            ratio.over,
            ratio.under,
            ratio.against(*goal),
        );
    }
    println!();
}
