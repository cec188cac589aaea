//! Counts what happens, within stretches of ten seconds.

use std::time::Duration;

use tokio::time::Instant;

/// How often something has happened in the current stretch.
#[derive(Debug, Default)]
pub(crate) struct Window {
    began: Option<Instant>,
    count: usize,
}

impl Window {
    /// Counts one more; returns how many there were in this stretch, and whether a new one has begun.
    pub(crate) fn add(&mut self) -> (usize, bool) {
        let now = Instant::now();
        let is_new = self.began.is_none_or(|began| now - began > Duration::from_secs(10));
        if is_new {
            (self.began, self.count) = (Some(now), 0);
        }
        self.count += 1;
        (self.count, is_new)
    }
}
