//! Balancing: which of several servers gets a call.
//!
//! A [`Balance`] is arranged anew whenever the list of servers changes, and then asked for every call. It is told what it needs to know,
//! and has neither a clock nor a socket: who is healthy, who is near and how busy each is, others find out.

use std::time::Duration;

use crate::discovery::Endpoint;

mod consistent_hash;
mod least_loaded;
mod random;
mod round_robin;
mod weighted;

pub use consistent_hash::ConsistentHash;
pub use least_loaded::LeastLoaded;
pub use random::Random;
pub use round_robin::RoundRobin;
pub use weighted::WeightedRoundRobin;

/// A way of choosing servers.
pub trait Balance: Send + Sync + 'static {
    /// The name that people use, in lower case.
    const NAME: &'static str;

    /// Gets ready to choose among these servers.
    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose>;
}

/// Servers, arranged.
pub trait Choose: Send + Sync + 'static {
    /// The place in the list of the server that this call goes to: one that has not been tried for it, if there is one, and
    /// `None` if the list is empty.
    ///
    /// Called for every call: it takes less than a microsecond among a thousand servers, and allocates nothing.
    fn choose(&self, ask: &Ask<'_>) -> Option<usize>;
}

/// What is known of a call before its server is chosen.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What calls have in common that are to reach the same server, hashed by [`key_of`]; `None` if nothing.
    pub key: Option<u64>,
    /// The servers that have been tried for it already, by their places.
    pub tried: &'a [usize],
    /// How busy the server at a place is.
    pub load: &'a (dyn Fn(usize) -> Load + Sync),
}

impl Ask<'_> {
    /// A call of which nothing is known.
    pub const ANY: Ask<'static> = Ask { key: None, tried: &[], load: &|_| Load::NONE };

    fn is_tried(&self, place: usize) -> bool {
        self.tried.contains(&place)
    }
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("key", &self.key).field("tried", &self.tried).finish_non_exhaustive()
    }
}

/// How busy a server is, as its client sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many calls it has not answered yet.
    pub pending: u32,
    /// How long it takes lately; zero as long as it has answered nothing.
    pub latency: Duration,
}

impl Load {
    /// Of a server that nothing is known of.
    pub const NONE: Self = Self { pending: 0, latency: Duration::ZERO };
}

/// The hash of a key, the same in every program: those who know the same servers send the same key to the same one.
pub fn key_of(bytes: &[u8]) -> u64 {
    // FNV-1a, whose low bits are spread over all: a ring is cut by the high ones.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    spread(hash)
}

/// The finalizer of SplitMix64: every bit of the number moves half of the result's.
fn spread(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The places of the servers that get anything: all of them if none has a weight.
fn weighty(endpoints: &[Endpoint]) -> Vec<usize> {
    let places = |takes: fn(&Endpoint) -> bool| {
        let places = endpoints.iter().enumerate().filter(|(_, endpoint)| takes(endpoint));
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let weighty = places(|endpoint| endpoint.weight > 0);
    if weighty.is_empty() { places(|_| true) } else { weighty }
}

/// The first of `count` places from `start` on, round and round, that has not been tried; `start` if all have been.
fn untried(places: &[usize], start: usize, ask: &Ask<'_>) -> Option<usize> {
    let (before, from) = places.split_at_checked(start)?;
    let mut round = from.iter().chain(before).copied();
    let first = round.clone().next();
    round.find(|place| !ask.is_tried(*place)).or(first)
}
