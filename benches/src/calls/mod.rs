//! What a call costs, beside what it costs with everybody else: all placements, all workloads.

use std::fs;

use peer_support::Result;
use serde::Serialize;

use crate::chart::{Bar, bars};
use crate::effort::Effort;
use crate::machine::{Machine, RULES};
use crate::peers::{self, LeftOut, Variant};
use crate::placement::Placement;
use crate::session::Session;
use crate::{keep, output_directory};

mod glance;
mod goals;
mod measured;
mod table;
mod workload;

use goals::{NEEDED_WITH_MANY, Reached};
use table::Table;
use workload::MANY;

pub(crate) use measured::{Contender, Measured, started};
pub use table::short;
pub use workload::Narrowed;
pub(crate) use workload::Workload;

/// Who and what is measured.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Whose costs are divided by.
    pub ours: String,
    /// Names of peers, or beginnings of them; all if there are none.
    pub only: Vec<String>,
    pub narrowed: Narrowed,
}

impl Choice {
    /// Whether less is measured than there is.
    fn is_narrow(&self) -> bool {
        let Narrowed { placements, shapes, payload_lens } = &self.narrowed;
        !(self.only.is_empty() && placements.is_empty() && shapes.is_empty() && payload_lens.is_empty())
    }

    /// Whether the peer of this name takes part. Raw does in any case: it says what could be reached at best.
    pub fn includes(&self, name: &str) -> bool {
        self.only.is_empty() || name == "raw" || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    method: String,
    peers: Vec<(String, String)>,
    left_out: Vec<LeftOut>,
    goals: Vec<Reached>,
    tables: Vec<Table>,
}

/// Measures, prints and keeps all tables, with a chart for each.
pub fn run(effort: &Effort, choice: &Choice) -> Result<()> {
    let machine = Machine::here();
    let (mut variants, mut left_out) = peers::built(|name| choice.includes(name))?;
    variants.splice(0..0, peers::ours()?);
    let workloads = Workload::list(effort.is_quick, &choice.narrowed);
    let method = format!(
        "{} blocks, slices of {} ms, in each block everybody once and once more in the opposite order; medians over \
         blocks; ratios of user + system CPU per call, client and server together; {RULES}",
        effort.blocks, effort.call_slice_ms
    );
    println!("# What a call costs\n\n{machine}\n\n{method}\n");
    for Variant { name, about, .. } in &variants {
        println!("- {name}: {about}");
    }
    println!();
    let mut all = Vec::new();
    for placement in Placement::ALL {
        let here: Vec<_> = workloads.iter().filter(|workload| workload.placement == placement).collect();
        if here.is_empty() {
            continue;
        }
        println!("## Placement {}\n", placement.description());
        // Whoever holds ten thousand connections is started for that, and ended afterwards.
        for is_many in [false, true] {
            let of_this_size = |workload: &&&Workload| (workload.connections() >= MANY) == is_many;
            let may_come = |variant: &&Variant| !is_many || may_come_with_many(variant, choice);
            let mut contenders = Vec::new();
            for workload in here.iter().filter(of_this_size) {
                if contenders.is_empty() {
                    contenders = start(variants.iter().filter(may_come), placement, &mut left_out);
                }
                let measured = Measured::of(**workload, &mut contenders, effort);
                left_out.extend(measured.left_out.iter().cloned());
                let table = Table::of(&measured, &choice.ours);
                table.print();
                draw(&table)?;
                all.push((measured, table));
            }
        }
        let tables: Vec<_> =
            all.iter().map(|(_, table)| table).filter(|table| table.placement == placement).collect();
        glance::print(&tables, &choice.ours);
    }
    let (measured, tables): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let goals = goals::reached(&measured, &choice.ours);
    // Of a part of the workloads most goals say nothing.
    let goals: Vec<_> =
        goals.into_iter().filter(|goal| !choice.is_narrow() || goal.found.is_some()).collect();
    goals::print(&goals);
    left_out.sort_by(|one, other| one.name.cmp(&other.name));
    left_out.dedup();
    if !left_out.is_empty() {
        println!("## Left out\n");
        left_out.iter().for_each(|LeftOut { name, reason }| println!("- {name}: {reason}"));
        println!();
    }
    let peers = variants.into_iter().map(|variant| (variant.name, variant.about)).collect();
    keep("calls.json", &Report { machine, method, peers, left_out, goals, tables })
}

fn may_come_with_many(variant: &Variant, choice: &Choice) -> bool {
    let name = variant.name.as_str();
    let is_asked_for = !choice.only.is_empty() && !variant.program.is_this();
    name == choice.ours || NEEDED_WITH_MANY.contains(&name) || is_asked_for
}

fn start<'v>(
    variants: impl Iterator<Item = &'v Variant>,
    placement: Placement,
    left_out: &mut Vec<LeftOut>,
) -> Vec<Contender> {
    let start = |variant: &Variant| {
        eprint!("\rstarting {}\x1b[K", variant.name);
        started(&variant.name, Session::of(&variant.program, placement), left_out)
    };
    variants.map(start).collect()
}

fn draw(table: &Table) -> Result<()> {
    if table.rows.is_empty() {
        return Ok(());
    }
    let bar = |row: &table::Row| Bar {
        label: row.name.clone(),
        value: row.cpu_us,
        text: match row.over_ours {
            Some(ratio) => format!("{} µs, {} × ours", short(row.cpu_us), short(ratio.median)),
            None => format!("{} µs", short(row.cpu_us)),
        },
        is_ours: row.name.starts_with("ferrywire"),
    };
    let rows: Vec<_> = table.rows.iter().map(bar).collect();
    let svg =
        bars(&format!("What a call costs: {}", table.title), "µs of CPU per call, client and server", &rows);
    Ok(fs::write(output_directory()?.join(format!("calls-{}.svg", table.slug)), svg)?)
}
