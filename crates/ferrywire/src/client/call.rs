//! A call as its caller holds it: what may be said of it before it is awaited, and what comes of it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::broadcast::Broadcast;
use super::channel::FailMode;
use super::flight::{Argument, Flight};
use super::pending::Until;
use super::pool::Pool;

use crate::balance;
use crate::description::{self, SCHEMA_LINE};
use crate::error::{Code, Error, Result};
use crate::message::Head;
use crate::metadata::{Metadata, Trace};

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
/// - [`Code::InvalidArgument`] if its metadata cannot be sent; it has then not run.
/// - [`Code::FailedPrecondition`] if the method has other types there, where the wire can tell; the text names
///   the places.
/// - What the method itself answered.
///
/// # Cancel safety
///
/// Dropping it withdraws the call and, where the protocol has a word for it, tells the server to stop. The
/// connection stays usable.
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct Call<'c, A, R> {
    flight: Flight<'c, A>,
    reply: PhantomData<fn() -> R>,
}

impl<'c, A, R> Call<'c, A, R> {
    pub(crate) fn new(pool: &'c Arc<Pool>, head: Head<'c>, argument: Argument<A>) -> Self {
        Self { flight: Flight::new(pool, head, argument), reply: PhantomData }
    }

    /// Sets how long the call may take in all, from its first poll on; [`Limits::call_timeout`] unless set.
    ///
    /// [`Limits::call_timeout`]: crate::Limits::call_timeout
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.flight.until = Until::In(timeout.into());
        self
    }

    /// Sets the moment at which the call ends, finished or not.
    pub fn deadline(mut self, deadline: std::time::Instant) -> Self {
        self.flight.until = Until::At(deadline.into());
        self
    }

    /// Adds an entry that travels beside the argument, on wires that carry such; see [`Metadata`] for what
    /// names and values may be.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.flight.head.metadata.get_or_insert_default().insert(name, value);
        self
    }

    /// Says which trace the call belongs to, on wires that carry that.
    pub fn trace(mut self, trace: Trace) -> Self {
        self.flight.head.metadata.get_or_insert_default().set_trace(Some(trace));
        self
    }

    /// Sends it to the same server as other calls with this key, where the client's servers are chosen
    /// [so](crate::balance::ConsistentHash).
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.flight.route.get_or_insert_default().key = Some(balance::key_of(key.as_ref()));
        self
    }

    /// Says what it does when a server fails it, of a client with several; as the client's calls do unless said.
    pub fn fail_mode(mut self, mode: FailMode) -> Self {
        self.flight.route.get_or_insert_default().mode = Some(mode);
        self
    }

    /// Says that it does no harm if the method runs more than once: a client with several servers asks another when
    /// the connection to one is lost on which the call may have run. Calls of methods that are marked `#[method(idempotent)]` need not.
    pub fn idempotent(mut self) -> Self {
        self.flight.route.get_or_insert_default().is_idempotent = true;
        self
    }

    /// A call of every server that the client knows and that takes calls. The first error ends it, or [none
    /// does](Broadcast::settled).
    pub fn broadcast(self) -> Broadcast<'c, A, R> {
        Broadcast::new(self.flight)
    }

    /// The reply together with what came beside it.
    pub fn with_metadata(self) -> WithMetadata<'c, A, R> {
        WithMetadata(self)
    }

    /// A call that nobody waits for: it is handed over when this is ready.
    ///
    /// Whether the method ran and how it ended is not told. Over wires on which every request is answered the
    /// answer is thrown away.
    pub fn one_way(mut self) -> OneWay<'c, A> {
        self.flight.head.is_one_way = true;
        OneWay(self.flight)
    }
}

impl<A> Flight<'_, A> {
    /// An error as its caller gets it.
    #[cold]
    pub(super) fn explained(&self, error: Error) -> Error {
        if !error.is_remote() {
            // Whoever passes this on says that it was not their own caller's argument.
            return if error.peer().is_some() { error } else { error.at_peer(self.pool.name()) };
        }
        let error = error.of_call(self.head.method);
        let theirs = error.details().and_then(|details| std::str::from_utf8(details).ok());
        let theirs = theirs.and_then(|text| text.strip_prefix(SCHEMA_LINE)?.strip_prefix('\n'));
        let (Code::FailedPrecondition, Some(theirs), Some(method)) =
            (error.code(), theirs, self.head.described)
        else {
            return error;
        };
        let Some(difference) = description::difference(&method.schema_text(), theirs) else {
            return error;
        };
        let text = format!("{} has other types at the server: {difference}", self.head.method);
        error.with_text(text)
    }
}

// Nothing in it is ever pinned in place; the boxed futures are pinned where they are.
impl<A, R> Unpin for Call<'_, A, R> {}

impl<A: Serialize, R: DeserializeOwned> Future for Call<'_, A, R> {
    type Output = Result<R>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let mut reply = None;
        let polled = self.flight.poll(cx, &mut |outcome, _| {
            reply = Some(outcome.and_then(|body| body.decode::<R>()));
        });
        match (ready!(polled), reply) {
            (Ok(()), Some(Ok(reply))) => Poll::Ready(Ok(reply)),
            (Ok(()), Some(Err(error))) => Poll::Ready(Err(self.flight.explained(error))),
            (Ok(()), None) => unreachable!("a settled call has an outcome"),
            (Err(error), _) => Poll::Ready(Err(error)),
        }
    }
}

/// A call whose reply comes with its metadata; see [`Call::with_metadata`].
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct WithMetadata<'c, A, R>(Call<'c, A, R>);

impl<A, R> Unpin for WithMetadata<'_, A, R> {}

impl<A: Serialize, R: DeserializeOwned> Future for WithMetadata<'_, A, R> {
    type Output = Result<(R, Metadata)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut reply, mut beside) = (None, None);
        let flight = &mut self.0.flight;
        ready!(flight.poll(cx, &mut |outcome, metadata| {
            reply = Some(outcome.and_then(|body| body.decode::<R>()));
            beside = metadata;
        }))?;
        let reply = reply.expect("a settled call has an outcome");
        let reply = reply.map_err(|error| flight.explained(error))?;
        Poll::Ready(Ok((reply, beside.map(|metadata| *metadata).unwrap_or_default())))
    }
}

/// A call that nobody waits for; see [`Call::one_way`].
///
/// # Errors
///
/// If it could not be handed over: what was not handed over has not run.
///
/// # Cancel safety
///
/// Dropped before it is ready, it has not been handed over.
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct OneWay<'c, A>(Flight<'c, A>);

impl<A> Unpin for OneWay<'_, A> {}

impl<A: Serialize> Future for OneWay<'_, A> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut handed_over = Ok(());
        ready!(self.0.poll(cx, &mut |outcome, _| handed_over = outcome.map(drop)))?;
        Poll::Ready(handed_over.map_err(|error| self.0.explained(error)))
    }
}
