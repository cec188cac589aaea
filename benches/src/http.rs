//! Requests of HTTP with JSON: our server and axum's, with the same handler and under the same client, by how many they answer
//! and by what each costs the server.

use peer_support::Result;
use serde::Serialize;

use crate::calls::{Contender, Measured, Workload, short, started};
use crate::effort::Effort;
use crate::keep;
use crate::machine::{Conditions, Machine, RULES};
use crate::peers::{self, LeftOut};
use crate::placement::Placement;
use crate::process::Program;
use crate::ratio::{Bound, Ratio, Verdict};
use crate::session::{Cost, Session, Side};

/// Bytes, connections, requests in flight on each.
const LOADS: [(usize, usize, usize); 2] = [(64, 1, 1), (64, 64, 1)];

const OURS: &str = "ferrywire";
const AXUM: &str = "axum";

/// What our throughput over axum's is to be.
const GOAL: Bound = Bound::AtLeast(0.95);

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    method: String,
    goal: Bound,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    workload: String,
    blocks_dropped: usize,
    conditions: Vec<Conditions>,
    /// Requests per second, ours over axum's.
    throughput: Option<Ratio>,
    verdict: Option<Verdict>,
    /// CPU time of the server per request, in nanoseconds, ours over axum's.
    server: Option<Ratio>,
    left_out: Vec<LeftOut>,
}

/// Measures, prints and keeps the table.
pub fn run(effort: &Effort) -> Result<()> {
    let machine = Machine::here();
    let ours = peers::http()?.program;
    let axum = Program { path: peers::build_named(AXUM)?, variant: Vec::new() };
    let method = format!(
        "{} blocks, slices of {} ms, in each block both once and once more in the opposite order; {RULES}",
        effort.blocks, effort.call_slice_ms
    );
    println!("# HTTP with JSON: our server and axum's under the same client\n\n{machine}\n\n{method}\n");
    println!(
        "| | requests/s, ours / axum's | 95 % interval | goal | ours | axum's | server's CPU, ours / axum's | 95 % interval | µs ours | µs axum's | blocks |"
    );
    println!("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut rows = Vec::new();
    for placement in [Placement::B, Placement::C] {
        let mut left_out = Vec::new();
        // Whoever serves, the client is ours.
        let mut start =
            |name, server| started(name, Session::between(&ours, server, placement), &mut left_out);
        let mut contenders = [start(OURS, &ours), start(AXUM, &axum)];
        for load in LOADS {
            let row = Row::of(Workload::of(placement, load), &mut contenders, effort, &left_out);
            row.print();
            rows.push(row);
        }
    }
    println!();
    keep("http.json", &Report { machine, method, goal: GOAL, rows })
}

impl Row {
    fn of(workload: Workload, contenders: &mut [Contender], effort: &Effort, left_out: &[LeftOut]) -> Self {
        let measured = Measured::of(workload, contenders, effort);
        let ratio = |of: fn(&Cost) -> f64| {
            let of = |name| measured.costs(name).iter().map(of).collect::<Vec<_>>();
            Ratio::of(&of(OURS).into_iter().zip(of(AXUM)).collect::<Vec<_>>())
        };
        let throughput = ratio(|cost| cost.calls_per_second());
        Self {
            workload: workload.title(),
            blocks_dropped: measured.counts.iter().filter(|counts| !**counts).count(),
            throughput,
            verdict: throughput.map(|ratio| ratio.against(GOAL)),
            server: ratio(|cost| cost.cpu_ns(Side::Server)),
            left_out: [left_out, &measured.left_out[..]].concat(),
            conditions: measured.conditions,
        }
    }

    fn print(&self) {
        let Self { workload, throughput, verdict, server, left_out, .. } = self;
        match (throughput, verdict, server) {
            (Some(throughput), Some(verdict), Some(server)) => println!(
                "| {workload} | **{:.3}** | {:.3} – {:.3} | {GOAL}: {verdict} | {:.0} | {:.0} | {:.3} | {:.3} – {:.3} | {} | {} | {} |",
                throughput.median,
                throughput.low,
                throughput.high,
                throughput.over,
                throughput.under,
                server.median,
                server.low,
                server.high,
                short(server.over / 1e3),
                short(server.under / 1e3),
                throughput.blocks,
            ),
            _ => {
                let reasons: Vec<_> =
                    left_out.iter().map(|LeftOut { name, reason }| format!("{name}: {reason}")).collect();
                println!("| {workload} | not measured {} | | | | | | | | | |", reasons.join("; "));
            }
        }
    }
}
