//! The primitives of the standard library and of the runtime.

use std::future::Future;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::time::Instant as Stopwatch;
pub(crate) use tokio::task::AbortHandle;

/// Runs `task` on the current runtime.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}
