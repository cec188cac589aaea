//! How busy a server is, as its client sees it: calls that it has not answered, and how long it takes lately.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::balance;

/// What is counted of a server. Moments are nanoseconds since the channel began.
#[derive(Debug)]
pub(super) struct Load {
    pending: AtomicU32,
    calls: AtomicU64,
    /// How long an answer takes: at once as long as one that takes longer, and slowly less.
    latency: AtomicU64,
    /// When that was last looked at.
    at: AtomicU64,
    /// The call whose time is taken, and when it was sent. One at a time: the clock is not read for the others.
    timed: AtomicU64,
    timed_since: AtomicU64,
}

const NONE: u64 = u64::MAX;

/// After this time a third of what was seen still counts.
const MEMORY: Duration = Duration::from_secs(10);

impl Default for Load {
    fn default() -> Self {
        Self {
            pending: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            at: AtomicU64::new(0),
            timed: AtomicU64::new(NONE),
            timed_since: AtomicU64::new(0),
        }
    }
}

impl Load {
    /// A call is on its way, as `ticket`, another for each call.
    #[inline]
    pub(super) fn sent(&self, ticket: u64, now: impl FnOnce() -> u64) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.timed.load(Ordering::Relaxed) == NONE {
            let now = now();
            let claimed = self.timed.compare_exchange(NONE, ticket, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() {
                self.timed_since.store(now, Ordering::Relaxed);
            }
        }
    }

    /// It has ended; whether by an answer. If not, it shows only that one takes at least so long.
    #[inline]
    pub(super) fn ended(&self, ticket: u64, is_answered: bool, now: impl FnOnce() -> u64) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
        if self.timed.load(Ordering::Relaxed) == ticket {
            self.note(is_answered, now());
            self.timed.store(NONE, Ordering::Relaxed);
        }
    }

    /// The connection was lost: how long its calls waited says nothing of whoever is there when another one is made. It is tried as one of
    /// whom nothing is known.
    #[cold]
    pub(super) fn forget(&self) {
        self.latency.store(0, Ordering::Relaxed);
    }

    /// Takes what the timed call took into account.
    fn note(&self, is_answered: bool, now: u64) {
        let took = now.saturating_sub(self.timed_since.load(Ordering::Relaxed)).max(1);
        let seen = self.seen(now);
        let latency = match took >= seen {
            // Nothing is known yet, and it did not answer quickly either.
            _ if seen == 0 && !is_answered => return,
            // A peak counts at once.
            true => took,
            false if !is_answered => return,
            // What is quicker counts as much as the time for which nothing was seen.
            false => {
                let new = (1.0 - self.kept(now)).max(0.05);
                (seen as f64 + (took as f64 - seen as f64) * new) as u64
            }
        };
        self.latency.store(latency.max(1), Ordering::Relaxed);
        self.at.store(now, Ordering::Relaxed);
    }

    /// How much of what was seen counts still.
    fn kept(&self, now: u64) -> f64 {
        let age = now.saturating_sub(self.at.load(Ordering::Relaxed));
        (-(age as f64) / MEMORY.as_nanos() as f64).exp()
    }

    /// What was seen, as far as it counts still.
    fn seen(&self, now: u64) -> u64 {
        let latency = self.latency.load(Ordering::Relaxed);
        let age = now.saturating_sub(self.at.load(Ordering::Relaxed));
        if latency == 0 || age < MEMORY.as_nanos() as u64 / 100 {
            return latency;
        }
        ((latency as f64 * self.kept(now)) as u64).max(1)
    }

    /// As a balancer wants to know it.
    pub(super) fn look(&self, now: u64) -> balance::Load {
        let mut latency = self.seen(now);
        let timed = self.timed.load(Ordering::Relaxed);
        if latency != 0 && timed != NONE {
            // One that does not answer at all is not waited for before that counts.
            latency = latency.max(now.saturating_sub(self.timed_since.load(Ordering::Relaxed)));
        }
        balance::Load { pending: self.pending(), latency: Duration::from_nanos(latency) }
    }

    pub(super) fn pending(&self) -> u32 {
        self.pending.load(Ordering::Relaxed)
    }

    /// How many calls it has been sent.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn call(load: &Load, ticket: u64, from: u64, to: u64) {
        load.sent(ticket, || from);
        load.ended(ticket, true, || to);
    }

    #[test]
    fn a_server_that_becomes_slow_is_slow_at_once_and_quick_again_slowly() {
        let load = Load::default();
        call(&load, 1, 0, 2 * MS);
        assert_eq!(load.look(2 * MS).latency, Duration::from_millis(2));

        call(&load, 2, 3 * MS, 103 * MS);
        assert_eq!(load.look(103 * MS).latency, Duration::from_millis(100));

        call(&load, 3, 104 * MS, 105 * MS);
        let latency = load.look(105 * MS).latency;
        assert!((90..100).contains(&latency.as_millis()), "{latency:?}");
    }

    #[test]
    fn a_server_that_is_not_asked_is_forgiven() {
        let load = Load::default();
        call(&load, 1, 0, 100 * MS);

        let latency = load.look(60_000 * MS).latency;

        assert!(latency < Duration::from_millis(1) && latency > Duration::ZERO, "{latency:?}");
    }

    #[test]
    fn a_server_that_does_not_answer_is_slow_before_it_has() {
        let load = Load::default();
        call(&load, 1, 0, MS);
        load.sent(2, || 2 * MS);

        assert_eq!(load.look(502 * MS).latency, Duration::from_millis(500));
        assert_eq!(load.look(502 * MS).pending, 1);
    }

    #[test]
    fn a_call_that_was_lost_with_its_connection_says_nothing() {
        let load = Load::default();
        call(&load, 1, 0, MS);
        load.sent(2, || 2 * MS);
        load.forget();
        load.ended(2, false, || 5_000 * MS);

        assert_eq!(load.look(5_000 * MS), balance::Load::NONE);
    }

    #[test]
    fn what_was_withdrawn_early_says_nothing() {
        let load = Load::default();
        load.sent(1, || 0);
        load.ended(1, false, || MS);

        assert_eq!(load.look(MS), balance::Load::NONE);
    }
}
