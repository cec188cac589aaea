//! The same server for the same key, as long as it is there.

use super::{Ask, Balance, Choose, key_of, spread, weighty};
use crate::discovery::Endpoint;

/// The same server for the same [key](Ask::key), as long as it is there; any for a call without one.
///
/// Servers lie at many points of a ring, and a key belongs to the next of them. When one of `n` servers comes or goes, about
/// one key of `n` moves, to it or from it, and no other. Where the points are, only addresses say: all clients
/// that know the same servers agree, in whatever order they know them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsistentHash;

/// How many points a server of the weight 1 has. The share of one among equals is within a tenth of theirs, mostly.
const POINTS: u64 = 128;

/// How many points there are in all, more or less: beyond that servers have fewer each.
const POINTS_MAX: u64 = 1 << 18;

impl Balance for ConsistentHash {
    const NAME: &'static str = "consistent hash";

    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose> {
        let places = weighty(endpoints);
        let weight =
            |place: &usize| endpoints.get(*place).map_or(1, |endpoint| u64::from(endpoint.weight.max(1)));
        let total = places.iter().map(weight).sum::<u64>().max(1);
        let each = |weight: u64| match total.checked_mul(POINTS) {
            Some(points) if points <= POINTS_MAX => weight * POINTS,
            _ => (u128::from(weight) * u128::from(POINTS_MAX) / u128::from(total)) as u64,
        };
        let mut ring = Vec::new();
        for place in &places {
            let Some(endpoint) = endpoints.get(*place) else { continue };
            let name = key_of(endpoint.address.to_string().as_bytes());
            let points = each(weight(place)).max(1);
            ring.extend((0..points).map(|point| (spread(name.wrapping_add(spread(point))), *place)));
        }
        ring.sort_unstable();
        Box::new(Arranged { ring })
    }
}

struct Arranged {
    /// Points, and whose they are, in their order.
    ring: Vec<(u64, usize)>,
}

impl Choose for Arranged {
    fn choose(&self, ask: &Ask<'_>) -> Option<usize> {
        let key = ask.key.unwrap_or_else(|| fastrand::u64(..));
        let start = self.ring.partition_point(|(point, _)| *point < key);
        let (before, from) = self.ring.split_at_checked(start)?;
        let mut round = from.iter().chain(before).map(|(_, place)| *place);
        let first = round.clone().next();
        // The next on the ring takes over, which is the next for all callers.
        round.find(|place| !(ask.avoid)(*place)).or(first)
    }
}
