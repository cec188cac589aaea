//! What is to be reached, and whether it was.

use serde::Serialize;

use super::measured::Measured;
use super::table::short;
use super::workload::{MANY, Workload};
use crate::peers::IN_JSON;
use crate::placement::Placement;
use crate::ratio::{Bound, Ratio, Verdict};

/// A goal of calls.
struct Goal {
    placement: Placement,
    /// Bytes, connections, calls in flight on each.
    load: (usize, usize, usize),
    compared: Compared,
    bound: Bound,
}

enum Compared {
    /// Their CPU time per call over ours.
    Times(&'static str),
    /// Our CPU time per call over theirs.
    Beside(&'static str),
    /// The same in JSON, whoever is meant by us.
    InJsonBeside(&'static str),
    /// How ours grows from one connection to the load's, over how raw's does.
    Growth,
}

const RAW: &str = "raw";

const fn goal(placement: Placement, load: (usize, usize, usize), compared: Compared, bound: Bound) -> Goal {
    Goal { placement, load, compared, bound }
}

const fn times(load: (usize, usize, usize), less_than: &'static str, least: f64) -> Goal {
    goal(Placement::A, load, Compared::Times(less_than), Bound::AtLeast(least))
}

const fn beside_raw(load: (usize, usize, usize), most: f64) -> Goal {
    goal(Placement::A, load, Compared::Beside(RAW), Bound::AtMost(most))
}

const fn in_json(placement: Placement, less_than: &'static str, most: f64) -> Goal {
    goal(placement, (64, 1, 100), Compared::InJsonBeside(less_than), Bound::AtMost(most))
}

const GOALS: [Goal; 19] = [
    times((64, 1, 100), "tonic", 35.0),
    times((64, 1, 100), "tarpc", 6.0),
    times((64, 1, 100), "volo-thrift-multiplex", 20.0),
    times((64, 1, 100), "arpc", 9.0),
    times((64, 1, 100), "rpcx", 15.0),
    times((64, 1, 100), "go-netrpc-gob", 15.0),
    beside_raw((64, 1, 1), 1.15),
    beside_raw((64, 100, 1), 1.10),
    beside_raw((64, 1000, 1), 1.25),
    times((64, 100, 1), "tonic", 6.0),
    times((64, 1000, 1), "tonic", 8.0),
    goal(Placement::B, (64, 1000, 1), Compared::Growth, Bound::AtMost(1.08)),
    goal(Placement::B, (64, MANY, 1), Compared::Growth, Bound::AtMost(1.08)),
    beside_raw((64 << 10, 1, 1), 1.20),
    beside_raw((1 << 20, 1, 1), 1.10),
    in_json(Placement::A, "go-netrpc-json", 0.35),
    in_json(Placement::A, "jsonrpsee", 0.2),
    in_json(Placement::B, "go-netrpc-json", 0.35),
    in_json(Placement::B, "jsonrpsee", 0.2),
];

/// Who must be there with very many connections, where not everybody fits into memory.
pub const NEEDED_WITH_MANY: [&str; 3] = [RAW, "tonic", "tarpc"];

/// A goal, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Reached {
    pub goal: String,
    pub bound: Bound,
    pub found: Option<Ratio>,
    /// What bare frames would reach here, where the goal is to be cheaper than somebody.
    pub raw_would: Option<f64>,
    pub verdict: Option<Verdict>,
}

/// Holds what was measured against all goals; `ours` names who is meant by us.
pub fn reached(measured: &[Measured], ours: &str) -> Vec<Reached> {
    GOALS.iter().map(|goal| goal.held_against(measured, ours)).collect()
}

impl Goal {
    fn held_against(&self, measured: &[Measured], ours: &str) -> Reached {
        let workload = |load| Workload::of(self.placement, load);
        let here = workload(self.load);
        let pairs = |workload: Workload, over: &str, under: &str| {
            let found = measured.iter().find(|measured| measured.workload == workload);
            found.map(|measured| measured.pairs(over, under)).unwrap_or_default()
        };
        let mut raw_would = None;
        let (what, pairs) = match self.compared {
            Compared::Times(whom) => {
                raw_would = Ratio::of(&pairs(here, whom, RAW)).map(|ratio| ratio.median);
                (format!("CPU of {whom} over ours"), pairs(here, whom, ours))
            }
            Compared::Beside(whom) => (format!("our CPU over that of {whom}"), pairs(here, ours, whom)),
            Compared::InJsonBeside(whom) => {
                raw_would = Ratio::of(&pairs(here, RAW, whom)).map(|ratio| ratio.median);
                (format!("CPU of {IN_JSON} over that of {whom}"), pairs(here, IN_JSON, whom))
            }
            Compared::Growth => {
                let one = workload((self.load.0, 1, self.load.2));
                let quotient = |(over, under): (f64, f64)| over / under;
                let (many, one) = (pairs(here, ours, RAW), pairs(one, ours, RAW));
                let growth = many.into_iter().map(quotient).zip(one.into_iter().map(quotient));
                ("our CPU's growth from one connection over raw's".to_owned(), growth.collect())
            }
        };
        let found = Ratio::of(&pairs);
        let verdict = found.map(|found| found.against(self.bound));
        Reached { goal: format!("{}: {what}", here.title()), bound: self.bound, found, raw_would, verdict }
    }
}

/// Prints them as a table.
pub fn print(reached: &[Reached]) {
    println!("## Goals\n\n| goal | bound | found | 95 % interval | raw would reach | |");
    println!("|---|--:|--:|--:|--:|---|");
    for Reached { goal, bound, found, raw_would, verdict } in reached {
        let raw_would = raw_would.map(short).unwrap_or_default();
        match (found, verdict) {
            (Some(Ratio { median, low, high, .. }), Some(verdict)) => {
                println!(
                    "| {goal} | {bound} | {median:.3} | {low:.3} – {high:.3} | {raw_would} | {verdict} |"
                );
            }
            _ => println!("| {goal} | {bound} | | | {raw_would} | not measured |"),
        }
    }
    println!();
}
