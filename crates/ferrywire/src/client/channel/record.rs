//! What a channel knows of one of its servers, and what it counts of all of them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::load::Load;
use super::standing::{OUT_MAX, Standing};
use crate::error::{Code, Error};

/// What is counted of all servers together.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    servers: AtomicUsize,
    ejected: AtomicUsize,
    down: AtomicUsize,
    /// Somebody is down who was not.
    pub(super) went_down: Notify,
}

/// A moment, in milliseconds since a channel began, and of a quarter of the size: every call has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Millis(u32);

impl Tally {
    pub(super) fn new() -> Self {
        let (servers, ejected, down) = Default::default();
        Self { began: Instant::now(), servers, ejected, down, went_down: Notify::new() }
    }

    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment that it is.
    #[inline]
    pub(super) fn now(&self) -> Millis {
        Millis(self.millis() as u32)
    }

    /// The moment that was noted so, of less than 49 days ago.
    pub(super) fn moment(&self, then: Millis) -> Instant {
        let ago = Duration::from_millis(u64::from(self.now().0.wrapping_sub(then.0)));
        let now = Instant::now();
        now.checked_sub(ago).unwrap_or(now)
    }

    fn millis(&self) -> u64 {
        self.nanos() / 1_000_000
    }

    pub(super) fn set_servers(&self, count: usize) {
        self.servers.store(count, Ordering::Relaxed);
    }

    /// Whether so many servers are out that those who were ejected are better than none.
    pub(super) fn is_panic(&self) -> bool {
        let out = self.ejected.load(Ordering::Relaxed) + self.down.load(Ordering::Relaxed);
        2 * out > self.servers.load(Ordering::Relaxed)
    }

    /// Whether one more may be ejected.
    fn may_eject(&self) -> bool {
        2 * (self.ejected.load(Ordering::Relaxed) + 1) <= self.servers.load(Ordering::Relaxed)
    }
}

/// What is known of one server; it outlives its place in the list while calls are under way.
#[derive(Debug)]
pub(super) struct Record {
    /// Another for each server that was ever in the list.
    pub(super) id: u64,
    /// Where it is, for people.
    name: Arc<str>,
    pub(super) tally: Arc<Tally>,
    pub(super) load: Load,
    standing: Standing,
    /// As `state` has them, to be looked at for every call.
    is_down: AtomicBool,
    is_ejected: AtomicBool,
    /// How many callers wait for a connection to it.
    dialling: AtomicU32,
    failures: AtomicU32,
    /// Until when it asked to be left alone, in milliseconds since the channel began.
    alone_until: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_gone: bool,
    is_redialled: bool,
}

impl Record {
    pub(super) fn new(id: u64, name: Arc<str>, tally: Arc<Tally>) -> Self {
        Self {
            id,
            name,
            tally,
            load: Load::default(),
            standing: Standing::default(),
            is_down: AtomicBool::new(false),
            is_ejected: AtomicBool::new(false),
            dialling: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            alone_until: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it is to be avoided. No clock is read for a server of good standing.
    #[inline]
    pub(super) fn is_avoided(&self) -> bool {
        self.dialling.load(Ordering::Relaxed) != 0 || self.is_out()
    }

    /// Whether it gets no calls, as long as there are others.
    #[inline]
    pub(super) fn is_out(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
            || self.is_ejected.load(Ordering::Relaxed) && self.is_still_ejected() && !self.tally.is_panic()
    }

    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.is_ejected.load(Ordering::Relaxed) && self.is_still_ejected()
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether the time of its ejection is not over.
    #[cold]
    fn is_still_ejected(&self) -> bool {
        let until = self.standing.out_until().unwrap_or(0).max(self.alone_until.load(Ordering::Relaxed));
        if self.tally.millis() < until {
            return true;
        }
        self.change(|_| {
            if self.is_ejected.swap(false, Ordering::Relaxed) {
                self.tally.ejected.fetch_sub(1, Ordering::Relaxed);
            }
        });
        false
    }

    /// A call was answered.
    #[inline]
    pub(super) fn answered(&self) {
        self.standing.answered();
    }

    /// A call was not answered.
    #[cold]
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let now = self.tally.millis();
        if !self.standing.failed(now) {
            return;
        }
        self.change(|state| {
            if !state.is_gone
                && !self.is_ejected.load(Ordering::Relaxed)
                && self.tally.may_eject()
                && self.standing.eject(now, fastrand::f64())
            {
                self.is_ejected.store(true, Ordering::Relaxed);
                self.tally.ejected.fetch_add(1, Ordering::Relaxed);
                let millis = self.standing.out_until().map_or(0, |until| until - now);
                tracing::warn!(server = %self.name, millis, "calls fail: the server is left alone for a while");
            }
        });
    }

    /// It asks to be left alone.
    #[cold]
    pub(super) fn pushed_back(&self, time: Duration) {
        let time = time.min(OUT_MAX);
        self.alone_until.fetch_max(self.tally.millis() + time.as_millis() as u64, Ordering::Relaxed);
        self.change(|state| {
            if !state.is_gone && !self.is_ejected.load(Ordering::Relaxed) && self.tally.may_eject() {
                self.is_ejected.store(true, Ordering::Relaxed);
                self.tally.ejected.fetch_add(1, Ordering::Relaxed);
                tracing::info!(server = %self.name, ?time, "the server asks to be left alone");
            }
        });
    }

    /// For how long no call is tried again here.
    pub(super) fn alone_for(&self) -> Duration {
        let until = self.alone_until.load(Ordering::Relaxed);
        Duration::from_millis(until.saturating_sub(self.tally.millis()))
    }

    /// It cannot be connected to.
    #[cold]
    pub(super) fn went_down(&self, error: &Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.mark_down() {
            tracing::warn!(server = %self.name, %error, "the server cannot be reached, and is dialled again");
        }
    }

    /// A dial takes long: whoever waits for it had better go elsewhere.
    #[cold]
    pub(super) fn note_slow_dial(&self) {
        if self.mark_down() {
            tracing::info!(server = %self.name, "a dial takes long: calls go to other servers meanwhile");
        }
    }

    /// It is dialled again before calls go there; whether that is new.
    #[cold]
    pub(super) fn mark_down(&self) -> bool {
        let is_new = self.change(|state| {
            let is_new = !state.is_gone && !self.is_down.swap(true, Ordering::Relaxed);
            if is_new {
                self.tally.down.fetch_add(1, Ordering::Relaxed);
            }
            is_new
        });
        if is_new {
            self.tally.went_down.notify_one();
        }
        is_new
    }

    /// There is a connection to it.
    pub(super) fn came_up(&self) {
        if !self.is_down() {
            return;
        }
        self.change(|_| {
            if self.is_down.swap(false, Ordering::Relaxed) {
                self.tally.down.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(server = %self.name, "the server can be reached again");
            }
        });
    }

    /// Whether whoever asks is to dial it until it is up again, since nobody else does.
    pub(super) fn begins_redial(&self) -> bool {
        self.is_down() && self.change(|state| !std::mem::replace(&mut state.is_redialled, true))
    }

    pub(super) fn ends_redial(&self) {
        self.change(|state| state.is_redialled = false);
    }

    /// It has left the list.
    pub(super) fn leaves(&self) {
        self.change(|state| {
            state.is_gone = true;
            if self.is_down.swap(false, Ordering::Relaxed) {
                self.tally.down.fetch_sub(1, Ordering::Relaxed);
            }
            if self.is_ejected.swap(false, Ordering::Relaxed) {
                self.tally.ejected.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }
}

/// Somebody who waits for a connection: others prefer another server meanwhile.
pub(super) struct Dialling<'r>(&'r Record);

impl<'r> Dialling<'r> {
    pub(super) fn begin(record: &'r Record) -> Self {
        record.dialling.fetch_add(1, Ordering::Relaxed);
        Self(record)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.dialling.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether an error says that its server does not work, and not that the call was a bad one.
pub(super) fn is_servers_fault(error: &Error) -> bool {
    match error.code() {
        Code::Unavailable | Code::DeadlineExceeded => true,
        // It has too much to do, or is not the server that it is taken for.
        Code::ResourceExhausted | Code::Unimplemented => error.is_remote() && !error.may_have_run(),
        Code::DataLoss => !error.is_remote(),
        _ => false,
    }
}

/// Whether an error says that the connection has ended.
pub(super) fn is_loss(error: &Error) -> bool {
    error.code() == Code::Unavailable && !error.is_remote()
}
