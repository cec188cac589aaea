//! A workload's rows, as people read them.

use serde::Serialize;

use super::measured::Measured;
use crate::machine::Conditions;
use crate::placement::Placement;
use crate::ratio::{Ratio, median};
use crate::session::{Cost, Side};

/// A workload as it is printed and kept.
#[derive(Debug, Serialize)]
pub struct Table {
    pub title: String,
    pub slug: String,
    pub placement: Placement,
    pub blocks_dropped: usize,
    pub rows: Vec<Row>,
    pub conditions: Vec<Conditions>,
    /// Everything that the rows are made of.
    names: Vec<String>,
    blocks: Vec<Vec<Option<Cost>>>,
}

/// Medians over blocks.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    /// CPU time per call, in microseconds: of both sides, and of the server where it is a process of its own.
    pub cpu_us: f64,
    pub server_us: f64,
    pub calls_per_second: f64,
    pub median_us: f64,
    pub tail_us: f64,
    /// CPU time per call over ours.
    pub over_ours: Option<Ratio>,
}

impl Table {
    /// The cheapest first.
    pub fn of(measured: &Measured, ours: &str) -> Self {
        let row = |name: &String| {
            let costs = measured.costs(name);
            if costs.is_empty() {
                return None;
            }
            let middle = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
            Some(Row {
                name: name.clone(),
                cpu_us: middle(|cost| cost.cpu_ns(Side::Both)) / 1e3,
                server_us: middle(|cost| cost.cpu_ns(Side::Server)) / 1e3,
                calls_per_second: middle(|cost| cost.calls_per_second()),
                median_us: middle(|cost| cost.median_ns as f64) / 1e3,
                tail_us: middle(|cost| cost.tail_ns as f64) / 1e3,
                over_ours: Some(name)
                    .filter(|name| *name != ours)
                    .and_then(|name| Ratio::of(&measured.pairs(name, ours))),
            })
        };
        let mut rows: Vec<Row> = measured.names.iter().filter_map(row).collect();
        rows.sort_by(|one, other| one.cpu_us.total_cmp(&other.cpu_us));
        let workload = measured.workload;
        Self {
            title: workload.title(),
            slug: workload.slug(),
            placement: workload.placement,
            blocks_dropped: measured.counts.iter().filter(|counts| !**counts).count(),
            rows,
            conditions: measured.conditions.clone(),
            names: measured.names.clone(),
            blocks: measured.blocks.clone(),
        }
    }

    /// The row of this name.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The title without the placement, for a column.
    pub fn column(&self) -> &str {
        self.title.split_once(", ").map_or(self.title.as_str(), |(_, load)| load)
    }

    pub fn print(&self) {
        let kept = self.conditions.len() - self.blocks_dropped;
        println!("### Placement {}\n\n{kept} blocks, {} dropped.\n", self.title, self.blocks_dropped);
        println!("| | µs CPU per call | server's | × ours | 95 % interval | calls/s | p50 µs | p99 µs |");
        println!("|---|--:|--:|--:|--:|--:|--:|--:|");
        for row in &self.rows {
            let server = match self.placement {
                Placement::A => String::new(),
                _ => short(row.server_us),
            };
            let (over, interval) = match row.over_ours {
                Some(Ratio { median, low, high, .. }) => {
                    (format!("**{}**", short(median)), format!("{} – {}", short(low), short(high)))
                }
                None => (String::new(), String::new()),
            };
            let Row { name, cpu_us, calls_per_second, median_us, tail_us, .. } = row;
            println!(
                "| {name} | {} | {server} | {over} | {interval} | {calls_per_second:.0} | {} | {} |",
                short(*cpu_us),
                short(*median_us),
                short(*tail_us)
            );
        }
        println!();
    }
}

/// Three figures that count.
pub fn short(value: f64) -> String {
    match value.abs() {
        ..1.0 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
