//! How long to wait, so that many who wait do not come back together: what everything of this crate that tries again goes by, and what
//! sources and announcers of one's own may.

use std::time::Duration;

/// The pauses between tries: each at random up to its bound, which is 100 ms at first, 1.6 times as long after every try,
/// and 10 s at most.
///
/// At random from the first on ("full jitter"), so that many who lost the same thing do not come back to it at once.
///
/// ```
/// use std::time::Duration;
/// use ferrywire::pause::Pause;
///
/// let mut pause = Pause::default();
/// assert!(pause.grow() <= Duration::from_millis(100));
/// assert!(pause.grow() <= Duration::from_millis(160));
/// pause.reset();
/// assert!(!pause.has_grown());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pause {
    /// How long the last pause could have been.
    bound: Option<Duration>,
}

impl Pause {
    /// The next pause.
    pub fn grow(&mut self) -> Duration {
        const FIRST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(10);
        let bound = self.bound.map_or(FIRST, |bound| bound.mul_f64(1.6).min(LONGEST));
        self.bound = Some(bound);
        bound.mul_f64(fastrand::f64())
    }

    /// Whether something has failed since the last success.
    pub fn has_grown(&self) -> bool {
        self.bound.is_some()
    }

    /// Success: the next pause is a first one.
    pub fn reset(&mut self) {
        self.bound = None;
    }
}

/// A length of time, up to a tenth shorter or longer, for what is done again and again by many.
pub fn about(length: Duration) -> Duration {
    length.mul_f64(0.9 + 0.2 * fastrand::f64())
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

    #[test]
    fn what_is_done_again_is_done_a_tenth_sooner_or_later() {
        let all: Vec<f64> = (0..1000).map(|_| about(Duration::from_secs(10)).as_secs_f64()).collect();

        assert!(all.iter().all(|time| (9.0..=11.0).contains(time)));
        assert!(all.iter().any(|time| *time < 9.2) && all.iter().any(|time| *time > 10.8));
    }
}
