//! How long to wait before something that failed is tried again: at random, up to a bound that grows.

use std::time::Duration;

/// The pauses between tries: each at random up to its bound, which is 100 ms at first, 1.6 times as long after every try,
/// and 10 s at most.
///
/// At random from the first on, so that many who lost the same thing do not come back to it at once.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// How long the last pause could have been.
    bound: Option<Duration>,
}

impl Pause {
    /// The next pause.
    pub(crate) fn grow(&mut self) -> Duration {
        const FIRST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(10);
        let bound = self.bound.map_or(FIRST, |bound| bound.mul_f64(1.6).min(LONGEST));
        self.bound = Some(bound);
        bound.mul_f64(fastrand::f64())
    }

    /// Whether something has failed since the last success.
    pub(crate) fn has_grown(&self) -> bool {
        self.bound.is_some()
    }

    /// Success: the next pause is a first one.
    pub(crate) fn reset(&mut self) {
        self.bound = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_at_random_below_a_bound_that_grows_to_ten_seconds() {
        let mut pause = Pause::default();
        let mut bound = 0.1_f64;

        for _ in 0..100 {
            assert!(pause.grow().as_secs_f64() <= bound + 1e-6);
            bound = (bound * 1.6).min(10.0);
        }

        let longest = (0..1000).map(|_| pause.grow()).max().unwrap();
        assert!(longest > Duration::from_secs(8), "{longest:?}");
        pause.reset();
        assert!(!pause.has_grown() && pause.grow() <= Duration::from_millis(100));
    }
}
