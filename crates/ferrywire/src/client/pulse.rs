//! Whether the server is there while calls wait for it: looked at now and then, and asked after a silence.

use tokio::time::Instant;

use crate::limits::Limits;
use crate::timer;

/// What has been seen of a server.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// When it is next looked at; not, while nobody waits.
    look_at: Option<Instant>,
    /// How often something had come when it was last looked at.
    reads: u64,
    /// Whether it has been asked since.
    has_asked: bool,
}

/// What has to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing: it is there.
    Alive,
    /// It is to be asked.
    Silent,
    /// It was asked, and has had its time.
    Gone,
}

impl Pulse {
    /// When it is to be looked at.
    #[inline]
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// From `now` on silence is of interest; something has come `reads` times.
    pub(super) fn begin(&mut self, now: Instant, reads: u64, limits: &Limits) {
        (self.reads, self.has_asked) = (reads, false);
        self.look_at = Some(timer::later(now, limits.ping_interval));
    }

    /// Nobody waits.
    pub(super) fn rest(&mut self) {
        self.look_at = None;
    }

    /// Looks at `now` whether something has come.
    pub(super) fn look(&mut self, now: Instant, reads: u64, limits: &Limits) -> Finding {
        if reads != self.reads {
            self.begin(now, reads, limits);
            return Finding::Alive;
        }
        if self.has_asked {
            return Finding::Gone;
        }
        self.has_asked = true;
        self.look_at = Some(timer::later(now, limits.ping_timeout));
        Finding::Silent
    }
}
