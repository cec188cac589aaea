//! How a connection's task is woken from outside: by a pending call, a spawned one that has ended, or an order
//! to end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use super::spawned::Finished;
use crate::error::Error;
use crate::sync::{AtomicBool, AtomicU8, AtomicUsize, Mutex, MutexGuard};

/// What a connection has been told to do. Orders only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Serve.
    Serve,
    /// Read no further request, finish what runs, close.
    Drain,
    /// Drop what runs and close.
    Stop,
}

/// One connection's bell. Whoever has something for the connection rings it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    order: AtomicU8,
    /// Bytes of replies that wait to be sent, those of spawned calls included.
    waiting: AtomicUsize,
    /// Whether somebody has rung since the connection last looked; set under the lock.
    is_rung: AtomicBool,
    /// Whether calls went the other way over this connection since it was last looked at.
    stirred: AtomicBool,
    rung: Mutex<Rung>,
}

#[derive(Debug, Default)]
struct Rung {
    seats: Vec<usize>,
    finished: Vec<Finished>,
    /// Spawned calls that are not polled until replies have been sent.
    held_back: Vec<Waker>,
    task: Option<Waker>,
    /// What is wrong with the peer.
    blame: Option<Error>,
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn rung(&self) -> MutexGuard<'_, Rung> {
        // Only pushes and swaps happen under this lock; a panic leaves nothing half done.
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which task to wake.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut rung = self.rung();
        if !rung.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            let old = rung.task.replace(waker.clone());
            drop(rung);
            drop(old);
        }
    }

    /// Gives an order, unless a stronger one was given.
    pub(crate) fn order(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        let task = self.rung().task.clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Orders to drain. What is wrong with the peer, it is told.
    pub(crate) fn drain(&self, blame: Option<&Error>) {
        self.rung().blame = blame.cloned();
        self.order(Order::Drain);
    }

    /// What is wrong with the peer, if the connection ends for that.
    pub(crate) fn blame(&self) -> Option<Error> {
        self.rung().blame.clone()
    }

    /// The order that holds.
    #[inline]
    pub(crate) fn ordered(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Stop,
        }
    }

    /// The connection is in use, though not for calls that this bank answers.
    pub(crate) fn stir(&self) {
        self.stirred.store(true, Ordering::Relaxed);
    }

    /// Whether it was, since this was last asked.
    pub(crate) fn take_stir(&self) -> bool {
        self.stirred.swap(false, Ordering::Relaxed)
    }

    /// Whether as many bytes of replies wait as `most`; a spawned call is then woken when there are fewer.
    pub(crate) fn holds_back(&self, most: usize, call: &Waker) -> bool {
        if self.waiting.load(Ordering::Acquire) < most {
            return false;
        }
        let mut rung = self.rung();
        // Looked at again under the lock: whoever makes room wakes those who stand in the list by then.
        let is_full = self.waiting.load(Ordering::Acquire) >= most;
        // One that was woken for something else stands there already.
        if is_full && !rung.held_back.iter().any(|other| other.will_wake(call)) {
            rung.held_back.push(call.clone());
        }
        is_full
    }

    /// Says how many bytes of replies wait; spawned calls go on if there are fewer than `most`.
    pub(crate) fn note_waiting(&self, waiting: usize, most: usize) {
        if self.waiting.load(Ordering::Acquire) == waiting {
            return;
        }
        let before = self.waiting.swap(waiting, Ordering::AcqRel);
        if before >= most && waiting < most {
            let held_back = std::mem::take(&mut self.rung().held_back);
            held_back.into_iter().for_each(Waker::wake);
        }
    }

    /// A spawned call has ended.
    pub(crate) fn finish(&self, finished: Finished) {
        self.waiting.fetch_add(finished.len(), Ordering::AcqRel);
        let task = {
            let mut rung = self.rung();
            rung.finished.push(finished);
            self.is_rung.store(true, Ordering::Release);
            rung.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Adds the seats that were woken and the spawned calls that have ended since the last time.
    #[inline]
    pub(crate) fn take(&self, seats: &mut Vec<usize>, finished: &mut Vec<Finished>) {
        if self.is_rung.load(Ordering::Acquire) {
            self.take_rung(seats, finished);
        }
    }

    fn take_rung(&self, seats: &mut Vec<usize>, finished: &mut Vec<Finished>) {
        let mut rung = self.rung();
        match seats.is_empty() {
            true => std::mem::swap(&mut rung.seats, seats),
            false => seats.append(&mut rung.seats),
        }
        finished.append(&mut rung.finished);
        self.is_rung.store(false, Ordering::Release);
    }
}

/// Wakes one seat of a connection; made once with the seat.
#[derive(Debug)]
pub(crate) struct SeatBell {
    seat: usize,
    /// Set while the seat stands in the connection's list, so that it stands there once.
    queued: AtomicBool,
    bell: Arc<Bell>,
}

impl SeatBell {
    pub(crate) fn new(seat: usize, bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Self { seat, queued: AtomicBool::new(false), bell })
    }

    /// From now on a wake queues the seat again. Called before the seat is polled, never after.
    #[inline]
    pub(crate) fn reset(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for SeatBell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut rung = self.bell.rung();
            rung.seats.push(self.seat);
            self.bell.is_rung.store(true, Ordering::Release);
            rung.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(all(test, not(ferrywire_loom)))]
mod tests {
    use super::*;

    /// One that was woken for something else stood in the list once more each time.
    #[test]
    fn a_call_that_is_held_back_stands_in_the_list_once() {
        let bell = Bell::new();
        let call = Waker::from(SeatBell::new(0, bell.clone()));
        bell.note_waiting(100, 100);

        for _ in 0..10 {
            assert!(bell.holds_back(100, &call));
        }

        assert_eq!(bell.rung().held_back.len(), 1);
        bell.note_waiting(0, 100);
        assert!(bell.rung().held_back.is_empty());
    }
}
