//! Loom's primitives, and a runtime of its threads: of every model each order of events is tried.

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) use loom::stop_exploring;
use loom::sync::Condvar;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use loom::thread::{JoinHandle, yield_now};
/// Stands still, as all clocks of a model: how long a method takes must not depend on the machine.
pub(crate) use tokio::time::Instant as Stopwatch;

/// What a thread that runs a future waits for.
#[derive(Debug)]
struct Bed {
    state: Mutex<Sleep>,
    condvar: Condvar,
}

#[derive(Debug, Default)]
struct Sleep {
    is_woken: bool,
    is_asleep: bool,
    is_aborted: bool,
}

impl Bed {
    fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), condvar: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, Sleep> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stir(&self, change: impl FnOnce(&mut Sleep)) {
        let is_asleep = {
            let mut state = self.state();
            change(&mut state);
            state.is_asleep
        };
        if is_asleep {
            self.condvar.notify_one();
        }
    }

    /// Runs `future` to its end, on this thread. `None` if it is aborted first; it is then dropped.
    ///
    /// A wake that nobody gives is a deadlock, which loom reports.
    fn run<F: Future>(self: &Arc<Self>, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Some(output);
            }
            let mut state = self.state();
            state.is_asleep = true;
            while !state.is_woken && !state.is_aborted {
                state = self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            (state.is_woken, state.is_asleep) = (false, false);
            if state.is_aborted {
                return None;
            }
        }
    }
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.stir(|sleep| sleep.is_woken = true);
    }
}

/// Runs `future` to its end, on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    Bed::new().run(future).expect("nobody can abort it")
}

/// Ends a task.
#[derive(Debug)]
pub(crate) struct AbortHandle(Arc<Bed>);

impl AbortHandle {
    /// The task's future is dropped by its thread, unless it has ended.
    pub(crate) fn abort(&self) {
        self.0.stir(|sleep| sleep.is_aborted = true);
    }
}

/// Runs `task` on a thread of its own. A model ends when all have ended.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let bed = Bed::new();
    let handle = AbortHandle(bed.clone());
    loom::thread::Builder::new()
        .stack_size(STACK_WORDS)
        .spawn(move || bed.run(task).unwrap_or_default())
        .expect("loom has room for the thread");
    handle
}

/// Runs `play` on a thread of its own.
pub(crate) fn thread<T: Send + 'static>(play: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    loom::thread::Builder::new().stack_size(STACK_WORDS).spawn(play).expect("loom has room for the thread")
}

/// What a call takes of a thread's stack, in words: loom gives its threads very little.
const STACK_WORDS: usize = 16 * 1024;

/// Runs `model` in every order of events in which at most so many threads are interrupted as
/// `LOOM_MAX_PREEMPTIONS` says, 2 unless it says so.
///
/// Clocks stand still, and no timer goes off.
pub(crate) fn model(model: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets can be made");
    let _entered = runtime.enter();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.max_branches = 10_000;
    let tried = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (began, count) = (std::time::Instant::now(), tried.clone());
    builder.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let tried = tried.load(std::sync::atomic::Ordering::Relaxed);
    let thread = std::thread::current();
    let (name, took) = (thread.name().unwrap_or_default(), began.elapsed().as_secs_f32());
    let _ = writeln!(std::io::stdout(), "{name}: {tried} orders in {took:.1} s");
}
