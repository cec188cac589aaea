//! What is known of a source of servers, to be read at any time and by anybody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// What is known of a source of servers: its keeper writes it down, others read it.
#[derive(Debug, Default)]
pub struct Status(Mutex<Known>);

/// What is known of a source of servers at a moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// What the source calls itself.
    pub name: String,
    /// How many servers were told last.
    pub servers: usize,
    /// For how long the source has said nothing new; `None` if it never said anything.
    ///
    /// A source that is not lost says nothing while nothing changes.
    pub age: Option<Duration>,
    /// For how long the source has been lost; `None` while it is not.
    pub lost_for: Option<Duration>,
    /// How often it has failed since it last said a list; 0 unless it is lost.
    pub failures: u64,
    /// Why it failed last, if it is lost.
    pub error: Option<Error>,
    /// How many lists were distrusted at first.
    pub distrusted: u64,
    /// How many lists were told in all.
    pub told: u64,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) servers: usize,
    heard_at: Option<Instant>,
    lost_at: Option<Instant>,
    failures: u64,
    error: Option<Error>,
    pub(super) distrusted: u64,
    pub(super) told: u64,
}

impl Status {
    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        self.note(|known| Snapshot {
            name: known.name.clone(),
            servers: known.servers,
            age: known.heard_at.map(|at| at.elapsed()),
            lost_for: known.lost_at.map(|at| at.elapsed()),
            failures: known.failures,
            error: known.error.clone(),
            distrusted: known.distrusted,
            told: known.told,
        })
    }

    pub(super) fn note<T>(&self, notes: impl FnOnce(&mut Known) -> T) -> T {
        notes(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn heard(&self) {
        self.note(|known| {
            known.heard_at = Some(Instant::now());
            known.lost_at = None;
            known.failures = 0;
            known.error = None;
        });
    }

    pub(super) fn failed(&self, error: &Error) {
        self.note(|known| {
            known.lost_at.get_or_insert_with(Instant::now);
            known.failures += 1;
            known.error = Some(error.clone());
        });
    }
}
