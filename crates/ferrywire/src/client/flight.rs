//! A call on its way: lazy until it is polled, within its deadline in every phase, withdrawn when it is
//! dropped.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::channel::{Member, Millis, Want};
use super::link::{Link, Outgoing, Room, Sent, Settle};
use super::pending::Until;
use super::pool::Pool;
use super::route::{Route, Several};
use crate::ambient;
use crate::body::{Encode, Sink};
use crate::codec::{Form, Format, Preamble, Shape};
use crate::error::{Code, Error, Phase, Result};
use crate::message::Head;
use crate::transport::BoxFuture;

/// A call, whatever its reply is.
pub(super) struct Flight<'c, A> {
    pub(super) pool: &'c Arc<Pool>,
    pub(super) head: Head<'c>,
    pub(super) argument: Argument<A>,
    pub(super) until: Until,
    /// What is asked and known of a call that goes to one of many servers.
    pub(super) route: Option<Box<Route>>,
    pub(super) stage: Stage,
}

/// What is sent: a value of the shape that the method's description has, or bytes that were encoded when the call was made.
///
/// The shape does not stand beside the value: a call of a small value is then no larger than what is moved without a call of its own.
pub(crate) enum Argument<A> {
    Typed(A),
    Encoded(Box<Encoded>),
}

/// An encoded argument, or why there is none.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    preamble: Option<&'static Preamble>,
    form: Form,
    failed: Option<Error>,
}

impl Encoded {
    pub(crate) fn new<A: Serialize + ?Sized>(format: Format, value: &A, shape: &Shape) -> Self {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(format, &mut bytes);
        let failed = sink.put(value, shape).err();
        let (preamble, form) = (sink.written.preamble, sink.written.form);
        Self { bytes, preamble, form, failed }
    }
}

impl<A: Serialize> Encode for Flight<'_, A> {
    #[inline]
    fn encode(&self, sink: &mut Sink<'_>) -> Result<()> {
        match &self.argument {
            Argument::Typed(value) => {
                let described = self.head.described.expect("a typed call is of a method that is described");
                sink.put(value, described.argument)
            }
            Argument::Encoded(encoded) => {
                if let Some(error) = &encoded.failed {
                    return Err(error.clone());
                }
                sink.out.extend_from_slice(&encoded.bytes);
                (sink.written.preamble, sink.written.form) = (encoded.preamble, encoded.form);
                Ok(())
            }
        }
    }
}

/// The deadline has passed before there was a connection, or room on it.
#[cold]
pub(super) fn too_late(phase: Phase, peer: impl Into<Arc<str>>) -> Error {
    let error = Error::new(Code::DeadlineExceeded, "the deadline passed before the call was sent");
    error.in_phase(phase).at_peer(peer).not_executed()
}

/// A connection, and the room on it if the call had to wait for that.
pub(super) type Way = (Arc<dyn Link>, Option<Room>);

pub(super) enum Stage {
    Fresh,
    /// No connection, or no room on it.
    Waiting(BoxFuture<'static, Result<Way>>),
    Sent(Arc<dyn Link>, u64),
    /// Sent to one of many servers, at this moment of the channel's.
    Routed(Arc<dyn Link>, u64, Millis),
    /// To several servers at once.
    Several(Box<Several>),
    Done,
}

impl<'c, A> Flight<'c, A> {
    pub(super) fn new(pool: &'c Arc<Pool>, head: Head<'c>, argument: Argument<A>) -> Self {
        Self {
            pool,
            head,
            argument,
            until: Until::Usual(pool.usual_timeout()),
            route: None,
            stage: Stage::Fresh,
        }
    }

    /// The way of a call that has to wait for a connection, or for room on it, until its deadline.
    pub(super) fn wait(&mut self, link: Option<Arc<dyn Link>>) -> Stage {
        self.wait_for(link, None)
    }

    /// The same, of a call whose server has been `chosen`.
    pub(super) fn wait_for(&mut self, link: Option<Arc<dyn Link>>, chosen: Option<Arc<Member>>) -> Stage {
        let deadline = self.until.moment(Instant::now());
        self.until = Until::At(deadline);
        let (pool, want) = (self.pool.clone(), Want { chosen, deadline: Some(deadline), ..self.want() });
        let phase = if link.is_some() { Phase::Queue } else { Phase::Connect };
        Stage::Waiting(Box::pin(async move {
            let found = async {
                match link {
                    Some(link) => {
                        let room = link.clone().room().await;
                        Ok((link, Some(room)))
                    }
                    None => match pool.hub() {
                        Some(hub) => Ok((hub.link(want).await?, None)),
                        None => Ok((pool.link().await?, None)),
                    },
                }
            };
            match tokio::time::timeout_at(deadline, found).await {
                Ok(found) => found,
                Err(_) => Err(too_late(phase, pool.name())),
            }
        }))
    }

    /// The stage of a call that waits for its reply.
    #[cold]
    fn under_way(&self, link: Arc<dyn Link>, id: u64) -> Stage {
        match self.pool.hub() {
            // Its deadline was settled when it began to wait.
            Some(hub) => Stage::Routed(link, id, hub.now()),
            None => Stage::Sent(link, id),
        }
    }

    /// Takes over what the method hands on that makes the call: its `deadline`, and how often it has been tried before.
    pub(super) fn inherit(&mut self, deadline: Instant) {
        self.until = Until::At(self.until.moment(Instant::now()).min(deadline));
        let attempts = ambient::previous_attempts();
        if attempts > 0 {
            self.note_attempts(attempts as usize);
            self.route.get_or_insert_default().is_repeated_above = true;
        }
    }

    /// Says to the servers that are asked from now on how often the call was tried before.
    #[cold]
    pub(super) fn note_attempts(&mut self, attempts: usize) {
        self.head.metadata.get_or_insert_default().set_previous_attempts(attempts);
    }

    /// Whether the call's deadline is still to come, as far as one has been settled.
    pub(super) fn has_time(&self) -> bool {
        match self.until {
            Until::Usual(_) | Until::In(_) => true,
            Until::At(deadline) => Instant::now() < deadline,
        }
    }

    /// How long the server may take from now on, if not as long as usual. Without a settled deadline no clock is read.
    #[inline]
    fn time_left(&self) -> Option<Duration> {
        match self.until {
            Until::Usual(_) => None,
            Until::In(timeout) => Some(timeout.into()),
            Until::At(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
        }
    }
}

impl<A: Serialize> Flight<'_, A> {
    /// Brings the call forward. The reply is handed to `settle`; an error ends the call without one.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<Result<()>> {
        if let Stage::Sent(link, id) = &self.stage {
            ready!(link.poll(*id, cx, settle));
            // Whatever else it could have been is not looked at.
            if let Stage::Sent(link, _) = std::mem::replace(&mut self.stage, Stage::Done) {
                drop(link);
            }
            return Poll::Ready(Ok(()));
        }
        if let Stage::Fresh = self.stage {
            if let Some(deadline) = ambient::deadline() {
                self.inherit(deadline);
            }
            if self.pool.hub().is_some() {
                if let Some(polled) = self.begin_routed(cx) {
                    return polled;
                }
            } else if let Some(link) = self.pool.current() {
                match link.send(&self.outgoing(), false, cx) {
                    Ok(Sent::As(id)) => {
                        // It was fresh, of which there is nothing to drop.
                        std::mem::forget(std::mem::replace(&mut self.stage, Stage::Sent(link, id)));
                        return Poll::Pending;
                    }
                    other => {
                        if let Some(ended) = self.sent(link, other) {
                            return Poll::Ready(ended);
                        }
                    }
                }
            } else {
                self.stage = self.wait(None);
            }
        }
        match &self.stage {
            Stage::Routed(..) => self.poll_routed(cx, settle),
            Stage::Several(_) => self.poll_several(cx, settle),
            _ => self.poll_waiting(cx),
        }
    }

    /// Sends the call once there is a connection with room.
    #[cold]
    pub(super) fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let Stage::Waiting(waiting) = &mut self.stage else {
                panic!("a call was polled after it ended");
            };
            let (link, room) = match ready!(waiting.as_mut().poll(cx)) {
                Ok(way) => way,
                Err(error) => {
                    self.stage = Stage::Done;
                    return Poll::Ready(Err(self.end_of_route(error)));
                }
            };
            let is_promised = room.is_some();
            let sent = link.send(&self.outgoing(), is_promised, cx);
            // A promise ends when the call is sent, and when it is not.
            if let (Some(room), true) = (room, matches!(sent, Ok(Sent::As(_) | Sent::Unheard))) {
                room.keep();
            }
            match sent {
                Ok(Sent::As(id)) => {
                    self.stage = self.under_way(link, id);
                    return Poll::Pending;
                }
                other => {
                    if let Some(ended) = self.sent(link, other) {
                        return Poll::Ready(ended);
                    }
                }
            }
        }
    }

    #[inline]
    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { head: &self.head, timeout: self.time_left(), argument: self, until: self.until }
    }

    /// What follows when sending did not just make the call wait for its reply: its end, unless it goes on.
    #[cold]
    pub(super) fn sent(&mut self, link: Arc<dyn Link>, sent: Result<Sent>) -> Option<Result<()>> {
        let ended = match sent {
            Ok(Sent::NoRoom) => {
                self.stage = self.wait(Some(link));
                return None;
            }
            // Lost since it was looked at: nothing was sent, another connection will do.
            Err(_) if !link.is_open() && self.has_time() => {
                self.stage = self.wait(None);
                return None;
            }
            Ok(Sent::Unheard) => Ok(()),
            Ok(Sent::As(id)) => {
                self.stage = self.under_way(link, id);
                return None;
            }
            Err(error) => Err(self.end_of_route(error)),
        };
        self.stage = Stage::Done;
        Some(ended)
    }
}

impl<A> Drop for Flight<'_, A> {
    fn drop(&mut self) {
        if let Stage::Sent(link, id) | Stage::Routed(link, id, _) = &self.stage {
            link.withdraw(*id);
        }
    }
}

impl<A> std::fmt::Debug for Flight<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match self.stage {
            Stage::Fresh => "fresh",
            Stage::Waiting(_) => "waiting",
            Stage::Sent(..) | Stage::Routed(..) => "sent",
            Stage::Several(_) => "sent to several",
            Stage::Done => "done",
        };
        f.debug_struct("Call")
            .field("method", &self.head.method)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
