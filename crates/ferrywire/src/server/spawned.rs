//! Calls of methods that would hold up their connection: each runs as a task, its reply comes back by the
//! bell.
//!
//! Whatever becomes of the task, its end is told: a seat is free again when its method has really ended,
//! and not when somebody gave up on it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use tokio::time::Instant;

use super::bell::Bell;
use super::connection::Shared;
use super::guard::guarded;
use super::router::Route;
use crate::ambient::Ambient;
use crate::body::{Body, Sink, Written};
use crate::codec::{Format, Types};
use crate::error::{Code, Error, Result};
use crate::metadata::Metadata;
use crate::service::{CallSlot, Request};
use crate::sync::{self, AbortHandle, Stopwatch};

/// A call on its way to a task of its own.
pub(crate) struct Job {
    pub(crate) seat: usize,
    pub(crate) slot: Box<dyn CallSlot>,
    pub(crate) route: Route,
    pub(crate) deadline: Instant,
    pub(crate) request: OwnedRequest,
    /// See [`Sink::may_splice`].
    pub(crate) may_splice: bool,
    pub(crate) bell: Arc<Bell>,
    pub(crate) shared: Arc<Shared>,
}

/// A request that no longer borrows from what was read.
pub(crate) struct OwnedRequest {
    method: usize,
    format: Format,
    bytes: Bytes,
    is_shared: bool,
    types: Option<Arc<Types>>,
    timeout: std::time::Duration,
    metadata: Option<Box<Metadata>>,
    previous_attempts: u32,
}

impl OwnedRequest {
    pub(crate) fn of(request: Request<'_>) -> Self {
        Self {
            method: request.method,
            format: request.body.format,
            bytes: request.body.to_shared(),
            is_shared: request.body.shared.is_some(),
            types: request.body.types.cloned(),
            timeout: request.timeout,
            previous_attempts: request.previous_attempts(),
            metadata: request.metadata,
        }
    }

    fn lend(&mut self) -> Request<'_> {
        let shared = self.is_shared.then_some(&self.bytes);
        let body = Body { format: self.format, bytes: &self.bytes, types: self.types.as_ref(), shared };
        Request { method: self.method, body, timeout: self.timeout, metadata: self.metadata.take() }
    }
}

/// What a spawned call leaves behind.
pub(crate) struct Finished {
    pub(crate) seat: usize,
    /// Its slot, if the call came to its end.
    pub(crate) slot: Option<Box<dyn CallSlot>>,
    /// Its reply, if it came to its end.
    pub(crate) reply: Option<Outcome>,
}

/// A reply that was written apart from its connection.
pub(crate) struct Outcome {
    pub(crate) result: Result<()>,
    pub(crate) body: Vec<u8>,
    pub(crate) written: Written,
}

impl Finished {
    /// How many bytes its reply takes.
    pub(crate) fn len(&self) -> usize {
        self.reply.as_ref().map_or(0, |reply| reply.body.len() + reply.written.spliced_len())
    }
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("seat", &self.seat).finish_non_exhaustive()
    }
}

/// Tells the connection that the task has ended, however it ended.
struct Telling {
    finished: Option<Finished>,
    bell: Arc<Bell>,
    shared: Arc<Shared>,
}

impl Telling {
    /// The call has come to its end.
    fn tell(mut self, finished: Finished) {
        self.finished = Some(finished);
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, Ordering::Relaxed);
        if let Some(finished) = self.finished.take() {
            self.bell.finish(finished);
        }
    }
}

/// Runs the call; the task's end is told even if it is aborted.
pub(crate) fn spawn(job: Job) -> AbortHandle {
    let Job { seat, mut slot, route, deadline, mut request, may_splice, bell, shared } = job;
    shared.running.fetch_add(1, Ordering::Relaxed);
    let lost = Finished { seat, slot: None, reply: None };
    let telling = Telling { finished: Some(lost), bell: bell.clone(), shared: shared.clone() };
    let previous_attempts = request.previous_attempts;
    let run = async move {
        let (mut body, mut written, mut is_new) = (Vec::new(), Written::default(), true);
        let (format, taken) = (request.format, request.bytes.len());
        let result = poll_fn(|cx| {
            // A reply that nobody could take yet is not made.
            if bell.holds_back(shared.limits.outbound_len_max, cx.waker()) {
                return Poll::Pending;
            }
            let mut sink = Sink::new(format, &mut body);
            sink.may_splice = may_splice;
            let began = Stopwatch::now();
            if is_new && Instant::now() >= deadline {
                let text = "the deadline passed before the method was begun";
                return Poll::Ready(Err(Error::new(Code::DeadlineExceeded, text).not_executed()));
            }
            let polled = guarded(&mut *slot, Ambient::until(deadline, previous_attempts), |slot| {
                if std::mem::replace(&mut is_new, false) {
                    slot.start(&mut request.lend(), cx, &mut sink)
                } else {
                    slot.poll(cx, &mut sink)
                }
            });
            written = sink.written;
            shared.router.note_time(route, began.elapsed(), taken + body.len());
            polled
        })
        .await;
        let reply = Some(Outcome { result, body, written });
        telling.tell(Finished { seat, slot: Some(slot), reply });
    };
    sync::spawn(run)
}
