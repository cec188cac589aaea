//! One timer for everything that a connection waits for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The moment that lies `timeout` ahead.
pub(crate) fn after(timeout: Duration) -> Instant {
    later(Instant::now(), timeout)
}

/// The moment that lies `timeout` behind `from`; for lengths beyond what a clock can say, one that never
/// comes.
pub(crate) fn later(from: Instant, timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    from.checked_add(timeout.min(FAR)).unwrap_or(from)
}

/// A timer that is only moved when it has to go off earlier. It belongs to one task.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
    /// Whether the runtime knows whom to wake.
    is_registered: bool,
}

impl Timer {
    /// Sees to it that the task is woken at `at` or earlier.
    #[inline]
    pub(crate) fn by(&mut self, at: Instant) {
        if self.armed.is_none_or(|armed| at < armed) {
            self.arm(at);
        }
    }

    #[cold]
    fn arm(&mut self, at: Instant) {
        self.armed = Some(at);
        self.is_registered = false;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
    }

    /// Whether it is armed, has not gone off, and the runtime knows whom to wake: there is nothing to poll it for.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_registered && self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// The moment, once the timer has gone off; it is then disarmed.
    ///
    /// Most turns of a task have nothing to do with its timer: those only look at a flag.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let (Some(sleep), Some(_)) = (&mut self.sleep, self.armed) else {
            return Poll::Pending;
        };
        if self.is_registered && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.is_registered = true;
        ready!(sleep.as_mut().poll(cx));
        self.armed = None;
        Poll::Ready(Instant::now())
    }
}
