//! One server after the other, each as often as it has weight, and evenly spread.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use super::{Ask, Balance, Choose, any_of, weighty};
use crate::discovery::Endpoint;

/// One server after the other, each as often as it has weight: in as many calls as all weights are together, exactly so
/// often, and evenly spread among the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedRoundRobin;

impl Balance for WeightedRoundRobin {
    const NAME: &'static str = "weighted round robin";

    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose> {
        let mut places = weighty(endpoints);
        fastrand::shuffle(&mut places);
        let weight = |place: usize| endpoints.get(place).map_or(1, |endpoint| endpoint.weight.max(1));
        let count = places.len() as u64;
        let turns = places.iter().zip(0..).map(|(place, rank)| {
            Reverse(Turn {
                place: *place,
                weight: weight(*place),
                taken: 0,
                phase: 2 * rank + 1,
                phases: 2 * count,
            })
        });
        let cycle = Cycle { turns: turns.collect(), left: 0 };
        Box::new(Arranged { cycle: Mutex::new(cycle.begun()), places })
    }
}

struct Arranged {
    cycle: Mutex<Cycle>,
    places: Vec<usize>,
}

/// A cycle in which every server has as many turns as it has weight, each due at a fraction of the cycle; who is due first is next.
struct Cycle {
    turns: BinaryHeap<Reverse<Turn>>,
    /// How many turns are left.
    left: u64,
}

impl Cycle {
    fn begun(mut self) -> Self {
        self.left = self.turns.iter().map(|Reverse(turn)| u64::from(turn.weight)).sum();
        self
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<usize> {
        let place = {
            let mut first = self.turns.peek_mut()?;
            let Reverse(turn) = &mut *first;
            turn.taken += 1;
            turn.place
        };
        self.left -= 1;
        if self.left == 0 {
            // All have had theirs: numbers stay small.
            let again = std::mem::take(&mut self.turns)
                .into_iter()
                .map(|Reverse(turn)| Reverse(Turn { taken: 0, ..turn }));
            *self = Self { turns: again.collect(), left: 0 }.begun();
        }
        Some(place)
    }
}

/// A server's next turn.
#[derive(Clone, Copy)]
struct Turn {
    place: usize,
    weight: u32,
    /// How many it has had in this cycle.
    taken: u32,
    /// At which part of its share of the cycle each of its turns is due: another for each server, so that those with few turns do not
    /// all have them at once.
    phase: u64,
    phases: u64,
}

impl Turn {
    /// By which fraction of the cycle it is due, times its phases and another's weight.
    fn due(&self, other: &Self) -> u128 {
        let turns = u128::from(self.taken) * u128::from(self.phases) + u128::from(self.phase);
        turns * u128::from(other.weight)
    }
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due(other).cmp(&other.due(self)).then(self.phase.cmp(&other.phase))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

impl Choose for Arranged {
    fn choose(&self, ask: &Ask<'_>) -> Option<usize> {
        // Who is passed over has had its turn: otherwise the one behind it would have two.
        for _ in &self.places {
            let place = self.cycle.lock().unwrap_or_else(PoisonError::into_inner).next()?;
            if !(ask.avoid)(place) {
                return Some(place);
            }
        }
        // The heavy ones are all to be avoided.
        any_of(&self.places, ask)
    }
}
