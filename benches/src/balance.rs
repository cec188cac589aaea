//! What it costs to choose a server among a thousand, and whether anything is allocated for it.

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use ferrywire::balance::{
    Ask, Balance, Choose, ConsistentHash, LeastLoaded, Load, Random, RoundRobin, WeightedRoundRobin, key_of,
};
use ferrywire::discovery::Endpoint;
use peer_support::{Result, cpu_ns};
use serde::Serialize;

use crate::counts::{counted, output_of};
use crate::effort::Effort;
use crate::keep;
use crate::machine::{Conditions, Machine, RULES, Watch, undisturbed};
use crate::ratio::{Bound, median};

/// Nanoseconds and allocations per choice.
const TIME_GOAL: Bound = Bound::AtMost(1000.0);
const ALLOCATIONS_GOAL: Bound = Bound::AtMost(0.0);

const SERVERS: usize = 1000;
/// How many of them are to be avoided, in the second half of the table.
const AVOIDED: usize = 300;
/// Choices between two looks at the clock.
const AT_ONCE: u64 = 1000;

/// A way of choosing, ready to choose.
struct Chooser {
    name: &'static str,
    chooses: Box<dyn Choose>,
    avoided: Vec<bool>,
}

impl Chooser {
    fn of<B: Balance>(balance: B, endpoints: &[Endpoint], avoided: usize) -> Self {
        let mut places = vec![false; SERVERS];
        // Spread at random, and the same everywhere.
        let mut random = fastrand::Rng::with_seed(27);
        let (chosen, _) = places.split_at_mut(avoided);
        chosen.fill(true);
        random.shuffle(&mut places);
        Self { name: B::NAME, chooses: balance.arrange(endpoints), avoided: places }
    }

    /// Chooses so often, each time with another key and for servers that are busy to different degrees.
    fn choose(&self, count: u64) {
        let load = |place: usize| Load {
            pending: (place as u32).wrapping_mul(7) % 5,
            latency: Duration::from_micros(100 + (place as u64 * 31) % 400),
        };
        let avoid = |place: usize| self.avoided.get(place).is_none_or(|avoided| *avoided);
        for number in 0..count {
            let key = Some(key_of(&number.to_le_bytes()));
            black_box(self.chooses.choose(&Ask { key, avoid: &avoid, load: &load }));
        }
    }
}

/// All ways of choosing among a thousand servers of different weights, so many of which are to be avoided.
fn choosers(avoided: usize) -> Result<Vec<Chooser>> {
    let endpoint = |number: usize| {
        let address = format!("tcp://10.0.{}.{}:7001", number / 256, number % 256).parse()?;
        Ok(Endpoint::new(address).with_weight(1 + number as u32 % 4))
    };
    let endpoints = (0..SERVERS).map(endpoint).collect::<Result<Vec<_>>>()?;
    Ok(vec![
        Chooser::of(Random, &endpoints, avoided),
        Chooser::of(RoundRobin, &endpoints, avoided),
        Chooser::of(WeightedRoundRobin, &endpoints, avoided),
        Chooser::of(ConsistentHash, &endpoints, avoided),
        Chooser::of(LeastLoaded, &endpoints, avoided),
    ])
}

/// What `allocations` counts while each way chooses so often, in the order of the table.
///
/// # Errors
///
/// If an address is none.
pub fn allocated(count: u64, allocations: impl Fn(&dyn Fn()) -> usize) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for avoided in [0, AVOIDED] {
        for chooser in choosers(avoided)? {
            // What is made once is not a choice's.
            chooser.choose(AT_ONCE);
            counts.push(allocations(&|| chooser.choose(count)));
        }
    }
    Ok(counts)
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
    name: &'static str,
    avoided: usize,
    /// Nanoseconds of CPU time per choice: the median of the blocks, and the worst of them.
    median_ns: f64,
    worst_ns: f64,
    /// Per choice.
    allocations: f64,
}

/// Measures, prints and keeps the table.
pub fn run(effort: &Effort) -> Result<()> {
    const COUNTED: u64 = 100_000;
    let machine = Machine::here();
    let method = format!(
        "{} blocks, slices of {} ms of CPU time; a key is hashed for each choice; {RULES}",
        effort.blocks, effort.value_slice_ms
    );
    println!("# What choosing one of {SERVERS} servers costs\n\n{machine}\n{method}\n");
    let mut choosers = Vec::new();
    for avoided in [0, AVOIDED] {
        choosers.extend(self::choosers(avoided)?.into_iter().map(|chooser| (avoided, chooser)));
    }
    let (mut blocks, mut conditions) = (Vec::new(), Vec::new());
    // The first block is the warm-up.
    for block in 0..=effort.blocks {
        let watch = Watch::begin();
        let costs: Vec<f64> =
            choosers.iter().map(|(_, chooser)| ns_per_choice(chooser, effort.value_slice_ms)).collect();
        if block > 0 {
            blocks.push(costs);
            conditions.push(watch.end());
        }
    }
    let counts = undisturbed(&conditions);
    let kept: Vec<_> =
        blocks.iter().zip(&counts).filter(|(_, counts)| **counts).map(|(block, _)| block).collect();
    let allocations = allocations(COUNTED)?;
    let rows = choosers.iter().enumerate().map(|(at, (avoided, chooser))| {
        let costs: Vec<f64> = kept.iter().map(|block| block[at]).collect();
        Row {
            name: chooser.name,
            avoided: *avoided,
            worst_ns: costs.iter().copied().fold(0.0, f64::max),
            median_ns: if costs.is_empty() { f64::NAN } else { median(costs) },
            allocations: allocations[at] / COUNTED as f64,
        }
    });
    let blocks_dropped = counts.len() - kept.len();
    let report = Report { machine, method, blocks_dropped, rows: rows.collect(), conditions };
    print(&report);
    keep("balance.json", &report)
}

fn ns_per_choice(chooser: &Chooser, slice_ms: u64) -> f64 {
    let (began, mut choices) = (cpu_ns(), 0);
    loop {
        chooser.choose(AT_ONCE);
        choices += AT_ONCE;
        let used = cpu_ns() - began;
        if used >= slice_ms * 1_000_000 {
            return used as f64 / choices as f64;
        }
    }
}

/// What each way allocates for so many choices, as the program says that counts.
fn allocations(count: u64) -> Result<Vec<f64>> {
    let text = output_of(Command::new(counted()?).args(["balance", &count.to_string()]))?;
    text.lines().map(|line| Ok(line.parse()?)).collect()
}

fn print(report: &Report) {
    println!("{} blocks dropped\n", report.blocks_dropped);
    println!("| | to be avoided | ns | worst block | goal | allocations | goal |");
    println!("|---|--:|--:|--:|---|--:|---|");
    for Row { name, avoided, median_ns, worst_ns, allocations } in &report.rows {
        println!(
            "| {name} | {avoided} | **{median_ns:.0}** | {worst_ns:.0} | {TIME_GOAL}: {} | {allocations} | {ALLOCATIONS_GOAL}: {} |",
            TIME_GOAL.verdict(*median_ns),
            ALLOCATIONS_GOAL.verdict(*allocations),
        );
    }
    println!();
}
