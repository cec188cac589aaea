//! Balancing: which of several servers gets a call.
//!
//! A [`Balance`] is arranged anew whenever the list of servers changes, and then asked for every call. It is told what it needs to know,
//! and has neither a clock nor a socket: who is dead, who is near and how busy each is, others find out.

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
    /// The place in the list of the server that this call goes to: one that is not to be avoided, if there is one, and
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
    /// Whether the server at a place is to be avoided: because it has been tried for this call, or is thought to be dead.
    pub avoid: &'a dyn Fn(usize) -> bool,
    /// How busy the server at a place is.
    pub load: &'a dyn Fn(usize) -> Load,
}

impl Ask<'static> {
    /// A call of which nothing is known.
    pub const ANY: Self = Self { key: None, avoid: &|_| false, load: &|_| Load::NONE };
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("key", &self.key).finish_non_exhaustive()
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

/// Any of the places that is not to be avoided; any of all if there is none.
fn any_of(places: &[usize], ask: &Ask<'_>) -> Option<usize> {
    // Drawn again rather than the next in the row, which would have to do the work of all before it.
    const DRAWS: usize = 16;
    let drawn = || places.get(fastrand::usize(..places.len().max(1))).copied();
    let mut draws = (0..DRAWS).filter_map(|_| drawn());
    let found = draws.find(|place| !(ask.avoid)(*place));
    found.or_else(|| next_of(places, fastrand::usize(..places.len().max(1)), ask))
}

/// The first of the places from `start` on, round and round, that is not to be avoided; that at `start` if all are.
fn next_of(places: &[usize], start: usize, ask: &Ask<'_>) -> Option<usize> {
    let (before, from) = places.split_at_checked(start)?;
    let mut round = from.iter().chain(before).copied();
    let first = round.clone().next();
    round.find(|place| !(ask.avoid)(*place)).or(first)
}
