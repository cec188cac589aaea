//! How far a connection has come with its request, and when it has to have come further.

use std::time::Duration;

use tokio::time::Instant;

use crate::arrival::Arrival;
use crate::limits::Limits;
use crate::timer;

/// What a connection is waiting for.
#[derive(Debug)]
pub(super) struct Pace {
    stage: Stage,
    /// How much of a body has come, and since when.
    arrival: Arrival,
    came: usize,
    /// Whether bytes have come that belong to the next request.
    is_ahead: bool,
}

#[derive(Debug)]
enum Stage {
    /// The next request, since then.
    Request(Instant),
    /// The rest of its head, since then.
    Head(Instant),
    /// The rest of its body.
    Body,
    /// Its call.
    Call,
    /// The response, which is being sent.
    Response,
}

/// What is to be done when nothing more comes.
pub(super) enum End {
    /// The connection ends.
    Now,
    /// What is asked for has a moment left.
    Soon,
    /// A response is on its way; it will be seen whether anybody takes it.
    NotYet,
}

impl Pace {
    /// The beginning of a head has come, whose first byte came then.
    pub(super) fn beginning(since: Instant) -> Self {
        Self { stage: Stage::Head(since), arrival: Arrival::default(), came: 0, is_ahead: false }
    }

    /// Bytes have come.
    pub(super) fn note_read(&mut self, len: usize) {
        match self.stage {
            Stage::Request(_) => self.stage = Stage::Head(Instant::now()),
            Stage::Head(_) => {}
            Stage::Body => {
                self.came += len;
                self.arrival.note(0, self.came);
            }
            Stage::Call | Stage::Response => self.is_ahead = true,
        }
    }

    /// A head has come, and a body is to follow.
    pub(super) fn begin_body(&mut self) {
        (self.stage, self.is_ahead, self.came) = (Stage::Body, false, 1);
        self.arrival.note(0, self.came);
    }

    /// All of a request has come.
    pub(super) fn begin_call(&mut self) {
        if let Stage::Request(_) | Stage::Head(_) = self.stage {
            self.is_ahead = false;
        }
        self.stage = Stage::Call;
        self.arrival.reset();
    }

    /// The response is made.
    pub(super) fn begin_response(&mut self) {
        self.stage = Stage::Response;
        self.arrival.reset();
    }

    /// Everything that was written has been sent; says whether this was a response.
    pub(super) fn note_sent(&mut self) -> bool {
        let is_response = matches!(self.stage, Stage::Response);
        if is_response {
            let now = Instant::now();
            self.stage = if self.is_ahead { Stage::Head(now) } else { Stage::Request(now) };
        }
        is_response
    }

    /// What it means that the peer has ended its direction.
    pub(super) fn end(&self) -> End {
        match self.stage {
            Stage::Request(_) | Stage::Head(_) => End::Now,
            // Whether all of the body has come, hyper knows.
            Stage::Body | Stage::Call => End::Soon,
            Stage::Response => End::NotYet,
        }
    }

    /// When more must have come, and by which limit.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<(Instant, &'static str)> {
        match self.stage {
            Stage::Request(since) => {
                let idle: Duration = limits.idle_timeout.min(limits.idle_timeout_reconnecting);
                Some((timer::later(since, idle), "idle_timeout"))
            }
            Stage::Head(since) => Some((timer::later(since, limits.handshake_timeout), "handshake_timeout")),
            Stage::Body => self.arrival.deadline(limits).map(|at| (at, "frame_timeout")),
            Stage::Call | Stage::Response => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(pace: &Pace) -> Option<(Duration, &'static str)> {
        pace.deadline(&Limits::default()).map(|(at, limit)| (at - Instant::now(), limit))
    }

    #[tokio::test(start_paused = true)]
    async fn every_stage_of_a_request_has_its_time() {
        let mut pace = Pace::beginning(Instant::now());
        assert_eq!(by(&pace), Some((Duration::from_secs(5), "handshake_timeout")));
        pace.begin_body();
        pace.note_read(64 * 1024 - 1);
        assert_eq!(by(&pace), Some((Duration::from_secs(11), "frame_timeout")));
        pace.begin_call();
        assert_eq!(by(&pace), None);
        pace.begin_response();
        assert_eq!(by(&pace), None);
        assert!(pace.note_sent());
        assert_eq!(by(&pace), Some((Duration::from_secs(300), "idle_timeout")));
        pace.note_read(1);
        assert_eq!(by(&pace), Some((Duration::from_secs(5), "handshake_timeout")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_ahead_is_the_beginning_of_a_head() {
        let mut pace = Pace::beginning(Instant::now());
        pace.begin_call();
        pace.note_read(10);
        pace.begin_response();

        assert!(pace.note_sent());

        assert_eq!(by(&pace), Some((Duration::from_secs(5), "handshake_timeout")));
    }
}
