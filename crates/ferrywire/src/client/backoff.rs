//! How long to wait before a server is dialled again: at random, up to a pause that grows.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Code, Error, Phase, Result};
use crate::pause::Pause;

/// What `making` comes to, begun when its time has come and within the time for a connection.
pub(super) async fn dialled<T>(
    not_before: Option<Instant>,
    timeout: Duration,
    making: impl Future<Output = Result<T>>,
    peer: impl FnOnce() -> String,
) -> Result<T> {
    if let Some(moment) = not_before {
        tokio::time::sleep_until(moment).await;
    }
    match tokio::time::timeout(timeout, making).await {
        Ok(made) => made,
        Err(_) => {
            let error = Error::new(Code::Unavailable, format!("no connection within {timeout:?}"));
            Err(error.in_phase(Phase::Connect).at_peer(peer()).not_executed())
        }
    }
}

/// How long to wait before the next dial.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Pause,
    /// When the next dial may go out.
    pub(super) not_before: Option<Instant>,
    up_since: Option<Instant>,
}

impl Backoff {
    /// The next dial goes out after a pause.
    pub(super) fn failed(&mut self) {
        self.not_before = Some(Instant::now() + self.pause.grow());
    }

    /// A connection that was lost soon after it was made counts as a failure: the server may be failing.
    pub(super) fn lost(&mut self) {
        const HEALTHY_AFTER: Duration = Duration::from_secs(10);
        if self.up_since.take().is_some_and(|since| since.elapsed() >= HEALTHY_AFTER) {
            self.pause.reset();
        }
        if self.pause.has_grown() {
            self.failed();
        } else {
            // The first dial after a loss goes out at once; it is the next ones that wait.
            self.pause.grow();
        }
    }

    pub(super) fn made(&mut self) {
        self.not_before = None;
        self.up_since = Some(Instant::now());
    }
}
