//! One workload, measured: blocks in which everybody had a turn, and then another in the opposite order.

use peer_support::Result;

use super::workload::{MANY, Workload};
use crate::effort::Effort;
use crate::machine::{Conditions, Watch, undisturbed};
use crate::peers::LeftOut;
use crate::process::Unsupported;
use crate::session::{Cost, Session, Side};

/// Who takes part; who has failed has no session any more.
#[derive(Debug)]
pub struct Contender {
    pub name: String,
    pub session: Option<Session>,
}

/// What was found.
#[derive(Debug)]
pub struct Measured {
    pub workload: Workload,
    /// In the order of the costs of a block.
    pub names: Vec<String>,
    /// By block, what each cost there; nothing for who did not take part.
    pub blocks: Vec<Vec<Option<Cost>>>,
    pub conditions: Vec<Conditions>,
    /// Which blocks count.
    pub counts: Vec<bool>,
    pub left_out: Vec<LeftOut>,
}

/// Ten thousand callers need longer for their turn.
const SLICE_MIN_MS_OF_MANY: u64 = 500;

impl Measured {
    /// Measures `workload` with whoever can do it.
    pub fn of(workload: Workload, contenders: &mut [Contender], effort: &Effort) -> Self {
        let mut measured = Self {
            workload,
            names: contenders.iter().map(|contender| contender.name.clone()).collect(),
            blocks: Vec::new(),
            conditions: Vec::new(),
            counts: Vec::new(),
            left_out: Vec::new(),
        };
        let mut takes_part: Vec<bool> =
            contenders.iter().map(|contender| contender.session.is_some()).collect();
        let slice_ms = match workload.connections() {
            MANY.. => effort.call_slice_ms.max(SLICE_MIN_MS_OF_MANY),
            _ => effort.call_slice_ms,
        };
        // The first block warms up.
        for block in 0..=effort.blocks {
            eprint!("\r{}, block {block} of {}\x1b[K", workload.title(), effort.blocks);
            let (warm_up_ms, slice_ms) = match block {
                0 => (1, effort.first_ms),
                _ => (effort.warm_up_ms, slice_ms),
            };
            let watch = Watch::begin();
            let mut costs = vec![None::<Cost>; contenders.len()];
            let there = 0..contenders.len();
            let back = if block == 0 { 0..0 } else { 0..contenders.len() };
            for place in there.chain(back.rev()) {
                let session = contenders[place].session.as_mut().filter(|_| takes_part[place]);
                let Some(session) = session else { continue };
                match session.slice(workload.load, warm_up_ms, slice_ms) {
                    Ok(cost) => costs[place] = Some(costs[place].map_or(cost, |first| first.and(cost))),
                    Err(error) => {
                        takes_part[place] = false;
                        costs[place] = None;
                        if !error.is::<Unsupported>() {
                            contenders[place].session = None;
                        }
                        let name = contenders[place].name.clone();
                        let reason = format!("{}: {error}", workload.title());
                        measured.left_out.push(LeftOut { name, reason });
                    }
                }
            }
            if block > 0 {
                measured.blocks.push(costs);
                measured.conditions.push(watch.end());
            }
        }
        eprint!("\r\x1b[K");
        measured.counts = undisturbed(&measured.conditions);
        measured
    }

    /// What one contender cost in every block that counts; nothing if it was not there to the end.
    pub fn costs(&self, name: &str) -> Vec<Cost> {
        let Some(place) = self.names.iter().position(|known| known == name) else { return Vec::new() };
        let counted = || self.blocks.iter().zip(&self.counts).filter(|(_, counts)| **counts);
        counted().map(|(block, _)| block[place]).collect::<Option<_>>().unwrap_or_default()
    }

    /// CPU time per call of one and another, block by block.
    pub fn pairs(&self, over: &str, under: &str) -> Vec<(f64, f64)> {
        let cpu_ns = |name| self.costs(name).into_iter().map(|cost| cost.cpu_ns(Side::Both));
        cpu_ns(over).zip(cpu_ns(under)).collect()
    }
}

/// Starts a session; who cannot start is left out with its reason.
pub fn started(name: &str, session: Result<Session>, left_out: &mut Vec<LeftOut>) -> Contender {
    let session = session.map_err(|error| {
        left_out.push(LeftOut { name: name.to_owned(), reason: error.to_string() });
    });
    Contender { name: name.to_owned(), session: session.ok() }
}
