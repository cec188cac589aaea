//! How long to wait before a server is dialled again: at random, up to a pause that grows.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Code, Error, Phase, Result};

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
    /// How long the last pause could have been.
    pause: Option<Duration>,
    /// When the next dial may go out.
    pub(super) not_before: Option<Instant>,
    up_since: Option<Instant>,
}

impl Backoff {
    /// Full jitter from the first failure on, so that many clients of a server that failed do not come back
    /// at once.
    pub(super) fn failed(&mut self) {
        const PAUSE_MIN: Duration = Duration::from_millis(100);
        const PAUSE_MAX: Duration = Duration::from_secs(10);
        let pause = self.pause.map_or(PAUSE_MIN, |pause| pause.mul_f64(1.6).min(PAUSE_MAX));
        self.pause = Some(pause);
        self.not_before = Some(Instant::now() + pause.mul_f64(fastrand::f64()));
    }

    /// A connection that was lost soon after it was made counts as a failure: the server may be failing.
    pub(super) fn lost(&mut self) {
        const HEALTHY_AFTER: Duration = Duration::from_secs(10);
        if self.up_since.take().is_some_and(|since| since.elapsed() >= HEALTHY_AFTER) {
            self.pause = None;
        }
        if self.pause.is_some() {
            self.failed();
        } else {
            // The first dial after a loss goes out at once; it is the next ones that wait.
            self.pause = Some(Duration::from_millis(100));
        }
    }

    pub(super) fn made(&mut self) {
        self.not_before = None;
        self.up_since = Some(Instant::now());
    }
}
