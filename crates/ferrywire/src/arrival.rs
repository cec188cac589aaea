//! Whether a message arrives fast enough: since when its beginning waits for its rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;
use crate::timer;

/// The beginning of a message that waits for its rest, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    partial: Option<Partial>,
    /// The oldest of the bodies that come in pieces.
    body: Option<Piecemeal>,
}

#[derive(Debug)]
struct Partial {
    since: Instant,
    came: usize,
}

/// A body that comes in pieces. Others may come between them: all that comes is to its credit.
#[derive(Debug)]
struct Piecemeal {
    number: u64,
    since: Instant,
    /// How many bytes of such bodies had come by then, and by now.
    before: u64,
    came: u64,
}

impl Arrival {
    /// Whether the beginning of a message waits for its rest.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Whether anything does: the beginning of a message, or a body of which some has come.
    #[inline]
    pub(crate) fn is_under_way(&self) -> bool {
        self.partial.is_some() || self.body.is_some()
    }

    /// Whether a body has begun to come in pieces.
    #[inline]
    pub(crate) fn has_bodies(&self) -> bool {
        self.body.is_some()
    }

    /// No beginning of a message waits.
    pub(crate) fn reset(&mut self) {
        self.partial = None;
    }

    /// After a read: the number of the oldest body that comes in pieces, if there is one, and how many bytes of
    /// such bodies have come.
    ///
    /// The clock is read when another body becomes the oldest.
    #[inline]
    pub(crate) fn note_bodies(&mut self, oldest: Option<(u64, u64)>) {
        if self.body.is_some() || oldest.is_some() {
            self.note_some(oldest);
        }
    }

    fn note_some(&mut self, oldest: Option<(u64, u64)>) {
        match (&mut self.body, oldest) {
            (None, None) => {}
            (Some(_), None) => self.body = None,
            (Some(body), Some((number, came))) if body.number == number => body.came = came,
            (_, Some((number, came))) => {
                self.body = Some(Piecemeal { number, since: Instant::now(), before: came, came });
            }
        }
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
    #[inline]
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.is_under_way() { self.earliest(limits) } else { None }
    }

    fn earliest(&self, limits: &Limits) -> Option<Instant> {
        let partial = self.partial.as_ref().map(|partial| (partial.since, partial.came as u64));
        let body = self.body.as_ref().map(|body| (body.since, body.came.saturating_sub(body.before)));
        let deadline = |(since, came): (Instant, u64)| {
            let by_length = came as f64 / limits.frame_rate_min.max(1) as f64;
            timer::later(since, limits.frame_timeout) + Duration::from_secs_f64(by_length)
        };
        partial.into_iter().chain(body).map(deadline).min()
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

    #[tokio::test(start_paused = true)]
    async fn a_body_in_pieces_has_its_time_while_others_come_between_them() {
        let limits = Limits::default();
        let mut arrival = Arrival::default();
        let began = Instant::now();

        arrival.note_bodies(Some((7, 1000)));
        tokio::time::advance(Duration::from_secs(3)).await;
        arrival.note_bodies(Some((7, 1000 + 64 * 1024)));

        assert_eq!(arrival.deadline(&limits), Some(began + Duration::from_secs(11)));
        arrival.note_bodies(Some((8, 1000 + 64 * 1024)));
        assert_eq!(arrival.deadline(&limits), Some(began + Duration::from_secs(13)));
        arrival.note_bodies(None);
        assert_eq!(arrival.deadline(&limits), None);
    }
}
