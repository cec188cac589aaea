//! Whether a message arrives fast enough: since when its beginning waits for its rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;
use crate::timer;

/// The beginning of a message that waits for its rest, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    since: Instant,
    came: usize,
}

impl Arrival {
    /// Whether the beginning of a message waits for its rest.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Nothing waits.
    pub(crate) fn reset(&mut self) {
        self.partial = None;
    }

    /// After a read: `used` bytes were done with, `left` are the beginning of a message.
    ///
    /// The clock is read only when a beginning is first left over.
    pub(crate) fn note(&mut self, used: usize, left: usize) {
        match &mut self.partial {
            _ if left == 0 => self.partial = None,
            Some(partial) if used == 0 => partial.came = left,
            _ => self.partial = Some(Partial { since: Instant::now(), came: left }),
        }
    }

    /// When the message has to be whole: the more of it has come, the later.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let partial = self.partial.as_ref()?;
        let by_length = partial.came as f64 / limits.frame_rate_min.max(1) as f64;
        Some(timer::later(partial.since, limits.frame_timeout) + Duration::from_secs_f64(by_length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_has_its_time_from_its_first_byte_on() {
        let limits = Limits::default();
        let mut arrival = Arrival::default();
        let began = Instant::now();

        arrival.note(100, 1);
        tokio::time::advance(Duration::from_secs(3)).await;
        arrival.note(0, 64 * 1024);

        assert_eq!(arrival.deadline(&limits), Some(began + Duration::from_secs(11)));
        arrival.note(64 * 1024, 0);
        assert_eq!(arrival.deadline(&limits), None);
    }
}
