//! Which loads are measured where.

use peer_support::Shape;
use serde::Serialize;

use crate::placement::Placement;
use crate::session::Load;

/// A load in a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    pub placement: Placement,
    pub load: Load,
}

/// What the command line says of workloads; what it does not mention is not narrowed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Narrowed {
    pub placements: Vec<Placement>,
    /// Connections and calls in flight on each.
    pub shapes: Vec<(usize, usize)>,
    pub payload_lens: Vec<usize>,
}

const SMALL: usize = 64;
const KIB: usize = 1024;
const LARGE: usize = 64 * KIB;
const HUGE: usize = 1024 * KIB;

/// Bytes, connections, calls in flight on each.
type Numbers = (usize, usize, usize);

const QUICK_A: &[Numbers] =
    &[(SMALL, 1, 100), (SMALL, 1, 1), (SMALL, 100, 1), (SMALL, 1000, 1), (LARGE, 1, 1), (HUGE, 1, 1)];
const QUICK_B: &[Numbers] = &[(SMALL, 1, 100), (SMALL, 1, 1), (SMALL, 100, 1)];
const QUICK_C: &[Numbers] = &[(SMALL, 1, 100), (SMALL, 1, 1)];
const ALSO_A: &[Numbers] = &[(KIB, 1, 100), (KIB, 1, 1)];
const ALSO_B: &[Numbers] =
    &[(SMALL, 1000, 1), (SMALL, MANY, 1), (KIB, 1, 100), (KIB, 1, 1), (LARGE, 1, 1), (HUGE, 1, 1)];
const ALSO_C: &[Numbers] = &[(SMALL, 100, 1), (SMALL, 1000, 1), (KIB, 1, 100), (LARGE, 1, 1), (HUGE, 1, 1)];

/// So many connections are more than most machines let one process have, with both of their ends.
pub const MANY: usize = 10_000;

impl Workload {
    /// What is measured, in this order.
    pub fn list(is_quick: bool, narrowed: &Narrowed) -> Vec<Self> {
        let lists = [
            (Placement::A, QUICK_A, ALSO_A),
            (Placement::B, QUICK_B, ALSO_B),
            (Placement::C, QUICK_C, ALSO_C),
        ];
        let usual = lists.into_iter().flat_map(|(placement, quick, also)| {
            let also = if is_quick { &[] } else { also };
            quick.iter().chain(also).map(move |load| Self::of(placement, *load))
        });
        let usual = usual.chain([Self { placement: Placement::B, load: Load::Connecting }]);
        let Narrowed { placements, shapes, payload_lens } = narrowed;
        let is_asked_for = |Self { placement, load }: &Self| {
            let is_here = placements.is_empty() || placements.contains(placement);
            is_here
                && match load {
                    Load::Connecting => shapes.is_empty() && payload_lens.is_empty(),
                    Load::Calls(shape) => {
                        (shapes.is_empty() || shapes.contains(&(shape.connections, shape.depth)))
                            && (payload_lens.is_empty() || payload_lens.contains(&shape.payload_len))
                    }
                }
        };
        let found: Vec<_> = usual.filter(is_asked_for).collect();
        if !found.is_empty() || shapes.is_empty() && payload_lens.is_empty() {
            return found;
        }
        // Nothing usual is meant, so it is taken at its word.
        let or = |given: &[usize], usual: usize| if given.is_empty() { vec![usual] } else { given.to_vec() };
        let placements = if placements.is_empty() { &Placement::ALL[..] } else { placements };
        let shapes = if shapes.is_empty() { &[(1, 1)][..] } else { shapes };
        let mut asked = Vec::new();
        for placement in placements {
            for payload_len in or(payload_lens, SMALL) {
                asked.extend(shapes.iter().map(|(c, k)| Self::of(*placement, (payload_len, *c, *k))));
            }
        }
        asked
    }

    pub fn of(placement: Placement, (payload_len, connections, depth): Numbers) -> Self {
        Self { placement, load: Load::Calls(Shape { payload_len, connections, depth }) }
    }

    /// Connections in use at once.
    pub fn connections(self) -> usize {
        match self.load {
            Load::Calls(shape) => shape.connections,
            Load::Connecting => 1,
        }
    }

    /// Such as `a-64-1x100`: what files are called.
    pub fn slug(self) -> String {
        let load = match self.load {
            Load::Calls(Shape { payload_len, connections, depth }) => {
                format!("{payload_len}-{connections}x{depth}")
            }
            Load::Connecting => "connect".to_owned(),
        };
        format!("{:?}-{load}", self.placement).to_lowercase()
    }

    /// Such as `A, 64 B, 1×100`.
    pub fn title(self) -> String {
        let load = match self.load {
            Load::Calls(Shape { payload_len, connections, depth }) => {
                format!("{}, {connections}×{depth}", bytes(payload_len))
            }
            Load::Connecting => "connect, one call, close".to_owned(),
        };
        format!("{:?}, {load}", self.placement)
    }
}

fn bytes(len: usize) -> String {
    match len {
        _ if len >= HUGE && len.is_multiple_of(HUGE) => format!("{} MiB", len / HUGE),
        _ if len >= KIB && len.is_multiple_of(KIB) => format!("{} KiB", len / KIB),
        _ => format!("{len} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_that_is_usual_is_measured_where_it_is_usual_and_another_where_it_is_asked_for() {
        let asked = |shape| {
            let narrowed =
                Narrowed { shapes: vec![shape], placements: vec![Placement::B], ..Narrowed::default() };
            Workload::list(true, &narrowed).into_iter().map(Workload::slug).collect::<Vec<_>>()
        };

        assert_eq!(asked((1, 100)), ["b-64-1x100"]);
        assert_eq!(asked((3, 7)), ["b-64-3x7"]);
    }
}
