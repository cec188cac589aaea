//! One server after the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ask, Balance, Choose, weighty};
use crate::discovery::Endpoint;

/// One server after the other, beginning with any; weights do not count, but for 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Balance for RoundRobin {
    const NAME: &'static str = "round robin";

    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose> {
        let places = weighty(endpoints);
        // Clients that start together do not all begin with the first.
        let next = AtomicUsize::new(fastrand::usize(..places.len().max(1)));
        Box::new(Arranged { places, next })
    }
}

struct Arranged {
    places: Vec<usize>,
    next: AtomicUsize,
}

impl Choose for Arranged {
    fn choose(&self, ask: &Ask<'_>) -> Option<usize> {
        // Who is passed over has had its turn: otherwise the one behind it would have two.
        let turns = self.places.iter().filter_map(|_| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            self.places.get(turn % self.places.len()).copied()
        });
        let mut first = None;
        for place in turns {
            if !(ask.avoid)(place) {
                return Some(place);
            }
            first = first.or(Some(place));
        }
        first
    }
}
