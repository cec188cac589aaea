//! The less busy of two.

use super::{Ask, Balance, Choose, Load, any_of, weighty};
use crate::discovery::Endpoint;

/// The less busy of two servers that are drawn at random: of that with fewer calls unanswered, of which each takes less long
/// lately, for its weight.
///
/// Nearly as good as the least busy of all, and many clients do not all run to the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastLoaded;

impl Balance for LeastLoaded {
    const NAME: &'static str = "least loaded";

    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose> {
        let places = weighty(endpoints);
        let weights =
            places.iter().map(|place| endpoints.get(*place).map_or(1, |endpoint| endpoint.weight.max(1)));
        Box::new(Arranged { weights: weights.collect(), places })
    }
}

struct Arranged {
    places: Vec<usize>,
    /// In the same order.
    weights: Vec<u32>,
}

impl Arranged {
    /// How long a call would take at the server drawn as `drawn`, more or less; without end if it is to be avoided.
    fn cost(&self, drawn: usize, ask: &Ask<'_>) -> u128 {
        let (Some(place), Some(weight)) = (self.places.get(drawn), self.weights.get(drawn)) else {
            return u128::MAX;
        };
        if (ask.avoid)(*place) {
            return u128::MAX;
        }
        let Load { pending, latency } = (ask.load)(*place);
        let latency = match (latency.as_nanos(), pending) {
            // Nothing is known of it: it gets one call, and no second before it has answered.
            (0, 0) => 0,
            (0, _) => UNKNOWN_NANOS,
            (nanos, _) => nanos,
        };
        (u128::from(pending) + 1) * latency / u128::from(*weight)
    }
}

/// What a call is thought to take at a server that has answered nothing yet and has been asked.
const UNKNOWN_NANOS: u128 = 1_000_000_000;

impl Choose for Arranged {
    fn choose(&self, ask: &Ask<'_>) -> Option<usize> {
        let len = self.places.len();
        if len == 0 {
            return None;
        }
        let first = fastrand::usize(..len);
        let second = (first + fastrand::usize(1..len.max(2))) % len;
        let (one, other) = (self.cost(first, ask), self.cost(second, ask));
        let drawn = if other < one { second } else { first };
        match one.min(other) {
            u128::MAX => any_of(&self.places, ask),
            _ => self.places.get(drawn).copied(),
        }
    }
}
