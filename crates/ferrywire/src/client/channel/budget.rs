//! How often a client may call again: a tenth of its calls, and three times a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What all calls of a channel share, so that servers in trouble do not get more than they had before.
///
/// Over any ten seconds there are at most a tenth as many further attempts as calls, and thirty. Calls read no clock: how many there
/// were lately is estimated when somebody asks.
#[derive(Debug)]
pub(super) struct Budget {
    /// Calls since the window began.
    calls: AtomicU64,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
struct Spent {
    since: Instant,
    /// Attempts since the window began.
    attempts: f64,
    /// What a window had before this one.
    calls_before: f64,
    attempts_before: f64,
}

const WINDOW: Duration = Duration::from_secs(10);
const SHARE: f64 = 0.1;
const PER_SECOND: f64 = 3.0;

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        let spent = Spent { since: now, attempts: 0.0, calls_before: 0.0, attempts_before: 0.0 };
        Self { calls: AtomicU64::new(0), spent: Mutex::new(spent) }
    }

    /// A call is made.
    #[inline]
    pub(super) fn note_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a further attempt, if there is one left.
    pub(super) fn spend(&self, now: Instant) -> bool {
        // Whole numbers of a window are put in.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_duration_since(spent.since).as_secs_f64() / WINDOW.as_secs_f64();
        if age >= 1.0 {
            // However long it was: as much of it as one window is.
            spent.calls_before = self.calls.swap(0, Ordering::Relaxed) as f64 / age;
            spent.attempts_before = spent.attempts / age;
            spent.attempts = 0.0;
            spent.since = now;
        }
        // What the window before had counts as far as it reaches into the ten seconds that end now.
        let old = if age >= 1.0 { 1.0 } else { 1.0 - age };
        let calls = self.calls.load(Ordering::Relaxed) as f64 + spent.calls_before * old;
        let attempts = spent.attempts + spent.attempts_before * old;
        let most = calls * SHARE + PER_SECOND * WINDOW.as_secs_f64();
        let is_left = attempts + 1.0 <= most;
        if is_left {
            spent.attempts += 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R13: what servers that all fail are asked more than they were.
    #[test]
    fn of_many_calls_that_fail_a_tenth_and_three_a_second_are_tried_again() {
        let began = Instant::now();
        let budget = Budget::new(began);
        let (mut calls, mut again) = (0, 0);
        for millis in 0..30_000 {
            let now = began + Duration::from_millis(millis);
            for _ in 0..2 {
                calls += 1;
                budget.note_call();
                while budget.spend(now) {
                    again += 1;
                }
            }
        }

        let most = f64::from(calls) * 0.1 + 3.0 * 30.0 + 30.0;
        assert!(f64::from(again) <= most && f64::from(again) > 0.9 * most, "{again} of {calls}, {most}");
    }

    #[test]
    fn calls_of_long_ago_allow_nothing_now() {
        let began = Instant::now();
        let budget = Budget::new(began);
        (0..1_000_000).for_each(|_| budget.note_call());

        let now = began + Duration::from_secs(3600);
        let again = (0..100_000).take_while(|_| budget.spend(now)).count();

        assert!((250..400).contains(&again), "{again}");
    }

    #[test]
    fn a_client_that_calls_seldom_may_try_again_too() {
        let budget = Budget::new(Instant::now());
        budget.note_call();

        assert_eq!((0..100).take_while(|_| budget.spend(Instant::now())).count(), 30);
    }

    proptest::proptest! {
        /// Whatever comes when: attempts of any ten seconds keep to the calls of the twenty that end with them.
        #[test]
        fn attempts_never_outgrow_calls(steps in proptest::collection::vec((0_u64..3_000, 0_u64..50), 1..200)) {
            let began = Instant::now();
            let budget = Budget::new(began);
            let (mut at, mut calls, mut attempts) = (0, Vec::new(), Vec::new());
            for (pause, count) in steps {
                at += pause;
                for _ in 0..count {
                    budget.note_call();
                    calls.push(at);
                    if budget.spend(began + Duration::from_millis(at)) {
                        attempts.push(at);
                    }
                }
                let within = |moments: &[u64], millis: u64| moments.iter().filter(|then| **then + millis >= at).count();
                let most = within(&calls, 20_000) as f64 * 0.1 + 60.0;
                proptest::prop_assert!(within(&attempts, 10_000) as f64 <= most + 1.0);
            }
        }
    }
}
