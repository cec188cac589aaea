//! A server on threads of its own, each with a runtime: a connection stays on the thread that took it.
//!
//! Where the system deals out those who come (TCP on Linux), every thread listens for itself. Elsewhere one
//! acceptor on the caller's runtime deals out sockets in turn.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use futures_util::future::{Either, select};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::accept::{self, Patience};
use super::announce::Announcing;
use super::spoken::Spoken;
use super::{Door, Inner, Server, StopOnDrop};
use crate::error::{Code, Error, Result};
use crate::transport::{Listen, Made, Stream};

/// How many sockets wait for a thread that is held up; then those who come wait unaccepted.
const QUEUE_LEN: usize = 64;

impl Server {
    /// Serves as [`run`](Self::run) does, on as many threads of its own as the machine has cores.
    ///
    /// See [`serve_on_threads`](Self::serve_on_threads).
    ///
    /// # Errors
    ///
    /// As `serve_on_threads`.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run): dropping the future ends the threads.
    pub async fn serve_per_core(self) -> Result<()> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        self.serve_on_threads(cores).await
    }

    /// Serves as [`run`](Self::run) does, on so many threads of its own, at least one; each has a runtime for
    /// itself.
    ///
    /// A connection and its methods stay on the thread that took the connection: nothing is handed from core to
    /// core, and more cores serve more calls. The price is that a thread with busy connections is not helped by
    /// one without. [`run`](Self::run) is better for few connections, for methods that compute for long,
    /// and where the program has a runtime with several threads anyway. Methods still have to be [`Send`].
    ///
    /// On Linux the system deals out TCP connections: every thread listens at the same address
    /// (`SO_REUSEPORT`), which from then on other programs of the same user can listen at too. Other connections
    /// are dealt out in turn. The threads are called `ferrywire-0` and so on. Limits and counts are those of the
    /// server, not of a thread.
    ///
    /// # Errors
    ///
    /// - [`Code::Unavailable`] if a thread cannot be started, or cannot listen.
    /// - [`Code::Internal`] if one of the threads panicked, which nothing that a method or a peer does makes it
    ///   do. The server is shut down first, as by [`ServerHandle::shutdown`](super::ServerHandle::shutdown).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run): dropping the future ends the threads.
    pub async fn serve_on_threads(self, threads: usize) -> Result<()> {
        let Self { inner, doors, announcers, addresses, .. } = self;
        let stop = StopOnDrop(&inner);
        let mut crew = Crew::start(&inner, threads.max(1))?;
        let mut accepting = JoinSet::new();
        for Door { listener, spoken } in doors {
            match listener.split(crew.len()) {
                Ok(parts) => crew.hand_out(parts, spoken, &inner.doors).await,
                Err(listener) => {
                    let threads = crew.threads.iter().map(|thread| thread.work.clone()).collect();
                    let dealing = deal(inner.clone(), Door { listener, spoken }, threads);
                    accepting.spawn(inner.doors.track_future(dealing));
                }
            }
        }
        let announcing = Announcing::begin(&inner, announcers, addresses);
        let shutdown = pin!(inner.shutdown.cancelled());
        let failed = match select(shutdown, pin!(crew.failed())).await {
            Either::Left(_) => None,
            Either::Right((failed, _)) => Some(failed),
        };
        if failed.is_some() {
            super::ServerHandle { inner: inner.clone() }.shutdown();
        }
        inner.leave(announcing).await;
        inner.drain().await;
        drop(stop);
        let ended = crew.end().await;
        failed.map_or(ended, Err)
    }
}

/// What a thread is given to do.
enum Work {
    /// The server waits for what is listened at to be closed.
    Listen(Made<Box<dyn Listen>>, Spoken, TaskTrackerToken),
    /// While it is on its way, the server does not take itself for drained.
    Serve(Made<Stream>, Spoken, TaskTrackerToken),
}

/// The threads of a server.
struct Crew {
    threads: Vec<Thread>,
    /// Why threads that ended early did.
    failures: mpsc::Receiver<Error>,
    /// Ends the threads, when it is dropped at the latest.
    end: DropGuard,
}

struct Thread {
    work: mpsc::Sender<Work>,
    /// Ready once the thread has ended.
    ended: oneshot::Receiver<()>,
}

impl Crew {
    fn start(inner: &Arc<Inner>, count: usize) -> Result<Self> {
        let (failed, failures) = mpsc::channel(count);
        let end = CancellationToken::new();
        let mut crew = Self { threads: Vec::new(), failures, end: end.clone().drop_guard() };
        for number in 0..count {
            let name = format!("ferrywire-{number}");
            let unavailable = |cause: io::Error| {
                Error::new(Code::Unavailable, format!("the thread {name} does not start: {cause}"))
                    .caused_by(cause)
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .thread_name(format!("{name}-blocking"))
                .build()
                .map_err(unavailable)?;
            let (work, works) = mpsc::channel(QUEUE_LEN);
            let (ending, ended) = oneshot::channel();
            let (inner, failed, end, own_name) = (inner.clone(), failed.clone(), end.clone(), name.clone());
            let body = move || {
                let serving = AssertUnwindSafe(|| runtime.block_on(serve(inner, works, end)));
                let outcome = catch_unwind(serving).unwrap_or_else(|panic| Err(panicked(&own_name, &*panic)));
                // What is left are calls that outlived the drain, and blocking work that nobody waits for.
                runtime.shutdown_background();
                if let Err(error) = outcome {
                    let _ = failed.try_send(error);
                }
                let _ = ending.send(());
            };
            thread::Builder::new().name(name.clone()).spawn(body).map_err(unavailable)?;
            crew.threads.push(Thread { work, ended });
        }
        Ok(crew)
    }

    fn len(&self) -> usize {
        self.threads.len()
    }

    async fn hand_out(&self, parts: Vec<Made<Box<dyn Listen>>>, spoken: Spoken, doors: &TaskTracker) {
        for (thread, part) in self.threads.iter().zip(parts) {
            // A thread that is gone has said why.
            let _ = thread.work.send(Work::Listen(part, spoken, doors.token())).await;
        }
    }

    /// Why the first thread ended that did so before it was told to.
    async fn failed(&mut self) -> Error {
        match self.failures.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Ends the threads and waits for them.
    async fn end(mut self) -> Result<()> {
        drop(self.end);
        for thread in self.threads {
            let _ = thread.ended.await;
        }
        self.failures.try_recv().map_or(Ok(()), Err)
    }
}

fn panicked(name: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    Error::new(Code::Internal, format!("the thread {name} panicked: {text}"))
}

/// What a thread does until the end: it listens, and serves what it is given.
async fn serve(inner: Arc<Inner>, mut works: mpsc::Receiver<Work>, end: CancellationToken) -> Result<()> {
    let mut accepting = JoinSet::new();
    let mut end = pin!(end.cancelled_owned());
    loop {
        let turn = poll_fn(|cx| {
            if end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Turn::End);
            }
            if let Poll::Ready(Some(ended)) = accepting.poll_join_next(cx) {
                return Poll::Ready(Turn::Accepted(ended));
            }
            match works.poll_recv(cx) {
                Poll::Ready(Some(work)) => Poll::Ready(Turn::Work(work)),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        });
        match turn.await {
            Turn::End => return Ok(()),
            // Accepting goes on until the server drains.
            Turn::Accepted(ended) => {
                if let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) {
                    resume_unwind(panic);
                }
            }
            Turn::Work(Work::Listen(make, spoken, token)) => {
                let listener = make().map_err(|cause| {
                    Error::new(Code::Unavailable, format!("a thread cannot listen: {cause}")).caused_by(cause)
                })?;
                let accept = accept::accept(inner.clone(), Door { listener, spoken });
                let accept = async move {
                    accept.await;
                    drop(token);
                };
                accepting.spawn(accept);
            }
            Turn::Work(Work::Serve(make, spoken, _token)) => match make() {
                Ok(stream) => inner.clone().admit(stream, spoken),
                Err(cause) => tracing::debug!(%cause, "lost before it was served"),
            },
        }
    }
}

/// What a thread has to see to next.
enum Turn {
    /// Nothing is left to be done.
    End,
    /// Accepting at one place has ended.
    Accepted(std::result::Result<(), JoinError>),
    Work(Work),
}

/// Accepts streams and deals them out to the threads in turn, until the server drains.
async fn deal(inner: Arc<Inner>, door: Door, threads: Vec<mpsc::Sender<Work>>) {
    let Door { mut listener, spoken } = door;
    let mut patience = Patience::default();
    let mut closing = pin!(accept::closing(&inner));
    for thread in threads.iter().cycle() {
        let next = pin!(patience.accept_elsewhere(&mut *listener));
        let Some(made) = accept::unless(closing.as_mut(), next).await else {
            return;
        };
        // Until it is taken off there, which takes a moment unless a method holds up the thread.
        let _ = thread.send(Work::Serve(made, spoken, inner.tasks.token())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Address, BoxFuture, Split};

    /// A listener of which nothing becomes on the threads.
    struct Broken(fn() -> io::Result<Box<dyn Listen>>);

    impl Listen for Broken {
        fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>> {
            Box::pin(std::future::pending())
        }

        fn split(self: Box<Self>, _count: usize) -> Split {
            Ok(vec![Box::new(self.0)])
        }

        fn address(&self) -> Address {
            "memory://broken".parse().expect("this is an address")
        }
    }

    async fn outcome_with(listener: Broken) -> Error {
        let mut server = Server::builder().build().expect("a server without services can be made");
        server.doors.push(Door { listener: Box::new(listener), spoken: Spoken::ALL });
        server.serve_on_threads(2).await.expect_err("a thread has ended early")
    }

    #[tokio::test]
    async fn a_panic_of_a_thread_is_reported() {
        let error = outcome_with(Broken(|| panic!("out of order"))).await;

        assert_eq!(error.code(), Code::Internal);
        assert_eq!(error.message(), "the thread ferrywire-0 panicked: out of order");
    }

    #[tokio::test]
    async fn a_thread_that_cannot_listen_ends_the_server() {
        let error = outcome_with(Broken(|| Err(io::Error::other("out of sockets")))).await;

        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(error.message(), "a thread cannot listen: out of sockets");
    }
}
