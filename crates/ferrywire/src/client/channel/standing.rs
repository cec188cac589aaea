//! How a server stands with its client: whether what it is asked is answered.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What has become of a server's calls. Counted by many threads at once; a count that is off by a few changes nothing.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Failures since the last answer.
    in_a_row: AtomicU32,
    answers: AtomicU32,
    failures: AtomicU32,
    /// When the window began in which answers and failures are counted; moments are milliseconds since the channel began.
    window: AtomicU64,
    /// Until when it is ejected; 0 if it is not.
    out_until: AtomicU64,
    /// How often it has been ejected without having been good in between.
    ejections: AtomicU32,
}

/// So many failures in a row are enough.
const IN_A_ROW_MAX: u32 = 5;
/// The time over which answers are counted.
const WINDOW: Duration = Duration::from_secs(30);
/// The least share of calls that are answered, in hundredths, of at least so many calls.
const ANSWERED_MIN: u32 = 80;
const CALLS_MIN: u32 = 20;
/// For how long a server is ejected at first, and at most.
const OUT_MIN: Duration = Duration::from_secs(5);
pub(super) const OUT_MAX: Duration = Duration::from_secs(300);

impl Standing {
    /// A call was answered, in whatever way.
    #[inline]
    pub(super) fn answered(&self) {
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// A call was not answered. Whether the server should be ejected for it.
    pub(super) fn failed(&self, now: u64) -> bool {
        let window = self.window.load(Ordering::Relaxed);
        if now.saturating_sub(window) > WINDOW.as_millis() as u64 {
            self.window.store(now, Ordering::Relaxed);
            self.answers.store(0, Ordering::Relaxed);
            self.failures.store(0, Ordering::Relaxed);
        }
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let failures = u64::from(self.failures.fetch_add(1, Ordering::Relaxed) + 1);
        let calls = failures + u64::from(self.answers.load(Ordering::Relaxed));
        let answered = (calls - failures) * 100 / calls;
        in_a_row >= IN_A_ROW_MAX || calls >= u64::from(CALLS_MIN) && answered < u64::from(ANSWERED_MIN)
    }

    /// Ejects it from now on, for longer each time; whether it was not ejected before. `luck` is a number below 1.
    pub(super) fn eject(&self, now: u64, luck: f64) -> bool {
        let before = self.out_until.load(Ordering::Relaxed);
        if before > now {
            return false;
        }
        // Good for as long as it can be ejected at most: it begins anew.
        let was_good = now.saturating_sub(before) > OUT_MAX.as_millis() as u64;
        let ejections = if was_good { 0 } else { self.ejections.load(Ordering::Relaxed) };
        let length = OUT_MIN.saturating_mul(1 << ejections.min(8)).min(OUT_MAX);
        // Clients that have seen the same do not all come back at once.
        let length = length.mul_f64(1.0 + luck / 2.0).min(OUT_MAX);
        let until = now + (length.as_millis() as u64).max(1);
        if self.out_until.compare_exchange(before, until, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        self.ejections.store(ejections + 1, Ordering::Relaxed);
        self.in_a_row.store(0, Ordering::Relaxed);
        self.answers.store(0, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        true
    }

    /// Until when it is ejected, if it is or was.
    #[inline]
    pub(super) fn out_until(&self) -> Option<u64> {
        match self.out_until.load(Ordering::Relaxed) {
            0 => None,
            until => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_are_enough_and_four_are_not() {
        let standing = Standing::default();
        for _ in 0..100 {
            for _ in 0..4 {
                assert!(!standing.failed(0) || standing.answers.load(Ordering::Relaxed) < 80);
            }
            (0..30).for_each(|_| standing.answered());
        }
        for _ in 0..4 {
            assert!(!standing.failed(0));
        }
        assert!(standing.failed(0));
    }

    #[test]
    fn a_fifth_of_many_that_fails_is_too_much() {
        let standing = Standing::default();
        let mut calls = 0;
        let ejected = loop {
            calls += 1;
            if calls % 4 == 0 {
                if standing.failed(1_000) {
                    break calls;
                }
            } else {
                standing.answered();
            }
        };

        assert_eq!(ejected, 20);
    }

    #[test]
    fn a_tenth_of_many_that_fails_is_not() {
        let standing = Standing::default();
        for call in 1..10_000 {
            if call % 10 == 0 {
                assert!(!standing.failed(call));
            } else {
                standing.answered();
            }
        }
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let standing = Standing::default();
        for half_minute in 0..100 {
            for _ in 0..3 {
                assert!(!standing.failed(half_minute * 31_000));
            }
            standing.answered();
        }
    }

    #[test]
    fn who_does_not_mend_is_ejected_for_longer_each_time_up_to_five_minutes() {
        let standing = Standing::default();
        let (mut now, mut lengths) = (1, Vec::new());
        for _ in 0..9 {
            assert!(standing.eject(now, 0.0));
            assert!(!standing.eject(now, 0.0), "it is ejected already");
            let until = standing.out_until().expect("it was ejected");
            lengths.push((until - now) / 1000);
            now = until + 1;
        }
        assert_eq!(lengths, [5, 10, 20, 40, 80, 160, 300, 300, 300]);

        now += 301_000;
        assert!(standing.eject(now, 0.5));
        assert_eq!(standing.out_until().map(|until| until - now), Some(6_250));
    }
}
