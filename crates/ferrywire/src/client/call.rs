//! A call: lazy until it is awaited, within its deadline in every phase, withdrawn when it is dropped.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::link::{Link, Outgoing, Room, Sent};
use super::pool::Pool;
use crate::ambient;
use crate::body::{Encode, Sink};
use crate::codec::{Format, Preamble, Shape};
use crate::error::{Code, Error, Phase, Result};
use crate::message::Head;
use crate::timer;
use crate::transport::BoxFuture;

/// A call that is sent when it is first awaited.
///
/// Made by a method that answers a call itself, it ends with that call at the latest: it inherits the
/// method's deadline, and is withdrawn with it. A task that the method spawns inherits neither.
///
/// # Errors
///
/// - [`Code::DeadlineExceeded`] once its timeout has passed; the error's phase says where: while it
///   connected, queued, was written, or waited for the reply.
/// - [`Code::Unavailable`] if the server cannot be reached or the connection is lost. Ask
///   [`Error::may_have_run`] before calling again.
/// - [`Code::Unimplemented`] if the server has no such method.
/// - What the method itself answered.
///
/// # Cancel safety
///
/// Dropping it withdraws the call and, where the protocol has a word for it, tells the server to stop. The
/// connection stays usable.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<'c, A, R> {
    pool: &'c Arc<Pool>,
    head: Head<'c>,
    argument: Argument<A>,
    timeout: Duration,
    deadline: Option<Instant>,
    stage: Stage,
    reply: PhantomData<fn() -> R>,
}

/// What is sent: a value of a known shape, or bytes that were encoded when the call was made.
pub(crate) enum Argument<A> {
    Typed(A, &'static Shape),
    Encoded(Encoded),
}

/// An encoded argument, or why there is none.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    preamble: Option<&'static Preamble>,
    failed: Option<Error>,
}

impl Encoded {
    pub(crate) fn new<A: Serialize + ?Sized>(format: Format, value: &A, shape: &Shape) -> Self {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(format, &mut bytes);
        let failed = sink.put(value, shape).err();
        let preamble = sink.preamble;
        Self { bytes, preamble, failed }
    }
}

impl<A: Serialize> Encode for Argument<A> {
    #[inline]
    fn encode(&self, sink: &mut Sink<'_>) -> Result<()> {
        match self {
            Argument::Typed(value, shape) => sink.put(value, shape),
            Argument::Encoded(encoded) => {
                if let Some(error) = &encoded.failed {
                    return Err(error.clone());
                }
                sink.out.extend_from_slice(&encoded.bytes);
                sink.preamble = encoded.preamble;
                Ok(())
            }
        }
    }
}

/// A connection, and the room on it if the call had to wait for that.
type Way = (Arc<dyn Link>, Option<Room>);

enum Stage {
    Fresh,
    /// No connection, or no room on it.
    Waiting(BoxFuture<'static, Result<Way>>),
    Sent(Arc<dyn Link>, u64),
    Done,
}

impl<'c, A, R> Call<'c, A, R> {
    pub(crate) fn new(pool: &'c Arc<Pool>, method: &'c str, argument: Argument<A>) -> Self {
        let timeout = pool.limits().call_timeout;
        Self {
            pool,
            head: Head { method },
            argument,
            timeout,
            deadline: None,
            stage: Stage::Fresh,
            reply: PhantomData,
        }
    }

    /// Sets how long the call may take in all, from its first poll on; [`Limits::call_timeout`] unless set.
    ///
    /// [`Limits::call_timeout`]: crate::Limits::call_timeout
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the moment at which the call ends, finished or not.
    pub fn deadline(mut self, deadline: std::time::Instant) -> Self {
        self.deadline = Some(deadline.into());
        self
    }

    /// Waits for a connection with room, until the deadline.
    fn wait(&self, link: Option<Arc<dyn Link>>, deadline: Instant) -> Stage {
        let pool = self.pool.clone();
        let phase = if link.is_some() { Phase::Queue } else { Phase::Connect };
        Stage::Waiting(Box::pin(async move {
            let found = async {
                match link {
                    Some(link) => {
                        let room = link.clone().room().await;
                        Ok((link, Some(room)))
                    }
                    None => Ok((pool.link().await?, None)),
                }
            };
            match tokio::time::timeout_at(deadline, found).await {
                Ok(found) => found,
                Err(_) => {
                    Err(Error::new(Code::DeadlineExceeded, "the deadline passed before the call was sent")
                        .in_phase(phase)
                        .at_peer(pool.name())
                        .not_executed())
                }
            }
        }))
    }
}

// Nothing in it is ever pinned in place; the boxed futures are pinned where they are.
impl<A, R> Unpin for Call<'_, A, R> {}

impl<A: Serialize, R: DeserializeOwned> Future for Call<'_, A, R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let call = &mut *self;
        loop {
            let (link, room) = match &mut call.stage {
                Stage::Sent(link, id) => {
                    let mut reply = None;
                    ready!(link.poll(*id, cx, &mut |outcome| {
                        let decoded = outcome.and_then(|body| {
                            // Whoever passes this on says that it was not their own caller's argument.
                            body.decode::<R>().map_err(|error| error.at_peer(call.pool.name()))
                        });
                        reply = Some(decoded);
                    }));
                    call.stage = Stage::Done;
                    let reply = reply.expect("a settled call has an outcome");
                    return Poll::Ready(reply);
                }
                Stage::Waiting(waiting) => match ready!(waiting.as_mut().poll(cx)) {
                    Ok((link, room)) => (Some(link), room),
                    Err(error) => {
                        call.stage = Stage::Done;
                        return Poll::Ready(Err(error));
                    }
                },
                Stage::Fresh => (call.pool.current(), None),
                Stage::Done => panic!("a call was polled after it ended"),
            };
            let deadline = match (&call.stage, call.deadline) {
                (Stage::Fresh, own) => {
                    let own = own.unwrap_or_else(|| timer::after(call.timeout));
                    *call.deadline.insert(ambient::bounded(own))
                }
                (_, settled) => settled.expect("a call settles its deadline when it is first polled"),
            };
            let Some(link) = link else {
                call.stage = call.wait(None, deadline);
                continue;
            };
            let outgoing = Outgoing { head: call.head, argument: &call.argument, deadline };
            call.stage = match link.send(&outgoing, room, cx) {
                Ok(Sent::As(id)) => {
                    call.stage = Stage::Sent(link, id);
                    return Poll::Pending;
                }
                Ok(Sent::NoRoom) => call.wait(Some(link), deadline),
                // Lost since it was looked at: nothing was sent, another connection will do.
                Err(_) if !link.is_open() && Instant::now() < deadline => call.wait(None, deadline),
                Err(error) => {
                    call.stage = Stage::Done;
                    return Poll::Ready(Err(error));
                }
            };
        }
    }
}

impl<A, R> Drop for Call<'_, A, R> {
    fn drop(&mut self) {
        if let Stage::Sent(link, id) = &self.stage {
            link.withdraw(*id);
        }
    }
}

impl<A, R> std::fmt::Debug for Call<'_, A, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match self.stage {
            Stage::Fresh => "fresh",
            Stage::Waiting(_) => "waiting",
            Stage::Sent(..) => "sent",
            Stage::Done => "done",
        };
        f.debug_struct("Call")
            .field("method", &self.head.method)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
