//! How long calls took, and which share of them longer.

use std::time::{Duration, Instant};

/// What was timed, each in nanoseconds; exact, because a slice's worth of them is small.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds the time since `started`; four seconds and more count as that.
    pub fn add_since(&mut self, started: Instant) {
        self.add(started.elapsed());
    }

    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    /// Adds those of another caller.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What so many of a thousand do not exceed, in nanoseconds; 0 of none.
    pub fn per_mille(&mut self, share: usize) -> u32 {
        if self.0.is_empty() {
            return 0;
        }
        let at = (self.0.len() * share / 1000).min(self.0.len() - 1);
        *self.0.select_nth_unstable(at).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_tail_of_a_hundred_are_where_they_belong() {
        let mut latencies = Latencies::default();
        (1..=100).rev().for_each(|ns| latencies.add(Duration::from_nanos(ns)));

        assert_eq!((latencies.per_mille(500), latencies.per_mille(990)), (51, 100));
    }
}
