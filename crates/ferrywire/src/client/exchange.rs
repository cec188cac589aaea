//! Calls on wires that answer one after the other: each has a connection for itself while it lasts.
//!
//! A call takes a place, of which there are as many as there may be connections, and then a connection: one that is
//! idle, or a new one. It sends its request, reads the reply, and gives the connection back. A call that is dropped
//! drops its connection, which is how it is withdrawn. There is no task: whoever waits for a call brings it forward.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use super::backoff::{self, Backoff};
use super::connection::{METHOD_LEN_MAX, too_long};
use super::link::{Link, Outgoing, Room, Sent, Settle};
use super::speak::{Chosen, More};
use crate::body::{Body, SPLICE_LEN_MIN, Sink};
use crate::codec::{Format, Types};
use crate::error::{Code, Error, Phase, Result};
use crate::input::Input;
use crate::message::{Answered, Read, Said};
use crate::metadata::Metadata;
use crate::protocol::{Protocol, ReadReplies, WriteRequests};
use crate::sync::{self, Mutex, MutexGuard};
use crate::transport::{BoxFuture, Stream};

/// The calls to one server.
pub(super) struct Exchanges<P: Protocol> {
    shared: Arc<Shared<P>>,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    calls: Mutex<Calls<P>>,
}

/// The calls that have a place.
struct Calls<P: Protocol> {
    /// Not there while it is polled.
    going: HashMap<u64, Call<P>>,
    next: u64,
    /// Places of callers that have been let in.
    promised: Vec<OwnedSemaphorePermit>,
}

enum Call<P: Protocol> {
    Going(Box<Exchange<P>>),
    Done(Reply),
}

/// What every call needs of the others.
struct Shared<P: Protocol> {
    kept: Mutex<Kept<P>>,
    /// `None` where there is one stream, which cannot be made again.
    more: Option<More>,
    chosen: Chosen,
    peer: Arc<str>,
}

struct Kept<P: Protocol> {
    /// Connections that no call has; the one that was used last is used first, so that those at the front grow old.
    idle: Vec<Open<P>>,
    backoff: Backoff,
    is_closed: bool,
}

impl<P: Protocol> Exchanges<P> {
    /// The calls to the server at the end of `stream`, and of further ones if `more` can be made.
    pub(super) fn start(stream: Stream, chosen: &Chosen, more: Option<More>) -> Arc<dyn Link> {
        let places = match more {
            Some(_) => chosen.limits.connections_per_client_max.clamp(1, Semaphore::MAX_PERMITS),
            None => 1,
        };
        let peer = stream.peer.as_str().into();
        let idle = vec![Open::new(stream, chosen)];
        let kept = Kept { idle, backoff: Backoff::default(), is_closed: false };
        Arc::new(Self {
            shared: Arc::new(Shared { kept: Mutex::new(kept), more, chosen: chosen.clone(), peer }),
            places: Arc::new(Semaphore::new(places)),
            calls: Mutex::new(Calls { going: HashMap::new(), next: 1, promised: Vec::new() }),
        }) as Arc<dyn Link>
    }

    fn calls(&self) -> MutexGuard<'_, Calls<P>> {
        // Whole entries are put in and taken out; no code of a user runs under this lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call as bytes.
    fn written(&self, id: u64, outgoing: &Outgoing<'_>) -> Result<Vec<u8>> {
        let (terms, mut body) = (self.shared.chosen.terms(), Vec::new());
        let mut writer = P::WriteRequests::new(&terms);
        let mut sink = Sink::new(writer.format(), &mut body);
        outgoing.argument.encode(&mut sink).map_err(Error::not_executed)?;
        let (mut written, head) = (sink.written, outgoing.head);
        if body.len() > terms.limits.frame_len_max || head.method.len() > METHOD_LEN_MAX {
            return Err(too_long(terms.limits, body.len(), head.method));
        }
        writer.check(head).map_err(Error::not_executed)?;
        let mut request = Vec::new();
        writer.request(&mut request, id, head, outgoing.timeout, &mut written, &mut body);
        Ok(request)
    }
}

impl<P: Protocol> Link for Exchanges<P> {
    fn send(&self, outgoing: &Outgoing<'_>, is_promised: bool, cx: &mut Context<'_>) -> Result<Sent> {
        let place = match is_promised {
            true => None,
            false => match self.places.clone().try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => return Ok(Sent::NoRoom),
            },
        };
        let id = {
            let mut calls = self.calls();
            calls.next += 1;
            calls.next - 1
        };
        let request = self.written(id, outgoing)?;
        // Only a call that is sent takes what it was promised: whoever is not gives it up.
        let Some(place) = place.or_else(|| self.calls().promised.pop()) else {
            return Ok(Sent::NoRoom);
        };
        let mut exchange = Box::new(Exchange {
            stage: Stage::Fresh,
            request,
            sent: 0,
            is_flushed: false,
            broken: None,
            is_one_way: outgoing.head.is_one_way,
            deadline: Box::pin(sleep_until(outgoing.until.moment(Instant::now()))),
            shared: self.shared.clone(),
            place: Some(place),
        });
        let call = match exchange.poll(cx) {
            Poll::Pending => Call::Going(exchange),
            Poll::Ready(reply) => {
                cx.waker().wake_by_ref();
                Call::Done(reply)
            }
        };
        self.calls().going.insert(id, call);
        Ok(Sent::As(id))
    }

    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<()> {
        let call = self.calls().going.remove(&id);
        let reply = match call.expect("only its caller takes a call out") {
            Call::Done(reply) => reply,
            Call::Going(mut exchange) => match exchange.poll(cx) {
                Poll::Ready(reply) => reply,
                Poll::Pending => {
                    self.calls().going.insert(id, Call::Going(exchange));
                    return Poll::Pending;
                }
            },
        };
        reply.settle(settle);
        Poll::Ready(())
    }

    fn withdraw(&self, id: u64) {
        let call = self.calls().going.remove(&id);
        drop(call);
    }

    fn room(self: Arc<Self>) -> BoxFuture<'static, Room> {
        Box::pin(async move {
            let place = self.places.clone().acquire_owned().await.expect("places are never taken away");
            self.calls().promised.push(place);
            Room::on(self)
        })
    }

    fn give_up_room(&self) {
        let place = self.calls().promised.pop();
        drop(place);
    }

    // Whatever the server runs at once, it runs one call on a connection.
    fn admit(&self, _calls: usize) {}

    fn is_open(&self) -> bool {
        let kept = self.shared.kept();
        // Where the only stream has ended, whoever made it is to say so.
        !kept.is_closed
            && (self.shared.more.is_some() || self.places.available_permits() == 0 || !kept.idle.is_empty())
    }

    fn close(&self) {
        let idle = {
            let mut kept = self.shared.kept();
            kept.is_closed = true;
            std::mem::take(&mut kept.idle)
        };
        drop(idle);
    }
}

impl<P: Protocol> Shared<P> {
    fn kept(&self) -> MutexGuard<'_, Kept<P>> {
        // Whole connections are put in and taken out; no code of a user runs under this lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, code: Code, text: impl Into<std::borrow::Cow<'static, str>>, phase: Phase) -> Error {
        Error::new(code, text).in_phase(phase).at_peer(self.peer.clone())
    }

    /// A connection that no call has, or a new one.
    fn open(self: &Arc<Self>) -> Result<Stage<P>> {
        let not_before = {
            let mut kept = self.kept();
            // Those that have ended are not kept until there is a use for so many again.
            let cx = &mut Context::from_waker(Waker::noop());
            kept.idle.retain_mut(|open| !open.has_spoken(cx));
            if let Some(open) = kept.idle.pop() {
                return Ok(Stage::Open(open));
            }
            kept.backoff.not_before
        };
        let Some(more) = self.more.clone() else {
            let text = "the stream has ended and cannot be made again";
            return Err(self.error(Code::Unavailable, text, Phase::Connect).not_executed());
        };
        let shared = self.clone();
        Ok(Stage::Dialling(Box::pin(async move {
            let timeout = shared.chosen.limits.connect_timeout;
            let made = backoff::dialled(not_before, timeout, more(), || shared.peer.to_string()).await;
            let mut kept = shared.kept();
            match &made {
                Ok(_) => kept.backoff = Backoff::default(),
                Err(_) => kept.backoff.failed(),
            }
            made
        })))
    }

    /// Keeps a connection for the next call.
    fn keep(&self, open: Open<P>) {
        let mut kept = self.kept();
        if !kept.is_closed {
            kept.idle.push(open);
        }
    }
}

/// A connection.
struct Open<P: Protocol> {
    stream: Stream,
    reader: P::ReadReplies,
    input: Input,
    /// Whether a call was answered on it, so that it may have ended since.
    is_used: bool,
}

impl<P: Protocol> Open<P> {
    fn new(stream: Stream, chosen: &Chosen) -> Self {
        let reader = P::ReadReplies::new(&chosen.terms());
        Self { stream, reader, input: Input::default(), is_used: false }
    }

    /// Whether something has come that nobody asked for: the connection's end, or a reply that must not be taken for
    /// that of the next call.
    fn has_spoken(&mut self, cx: &mut Context<'_>) -> bool {
        self.input.poll_read(cx, &mut *self.stream.reader, |_| 0).is_ready()
    }

    /// Whether another call may follow the one that was answered.
    fn can_go_on(&mut self) -> bool {
        self.input.tail().is_empty() && matches!(self.reader.read(&[]), Ok(Read::More { .. }))
    }
}

/// A call that has a place.
struct Exchange<P: Protocol> {
    stage: Stage<P>,
    request: Vec<u8>,
    /// How much of it the stream has taken.
    sent: usize,
    is_flushed: bool,
    /// Why no more can be sent. A reply may be on its way nevertheless: that the request is too long, say.
    broken: Option<io::Error>,
    is_one_way: bool,
    /// A timer of its own: the call may be handed from one task to another.
    deadline: Pin<Box<Sleep>>,
    shared: Arc<Shared<P>>,
    /// Given back behind the connection, so that whoever gets it finds that one.
    place: Option<OwnedSemaphorePermit>,
}

enum Stage<P: Protocol> {
    Fresh,
    Dialling(BoxFuture<'static, Result<Stream>>),
    Open(Open<P>),
    Done,
}

/// The most reads before other tasks have a turn.
const READS_MAX: usize = 16;

impl<P: Protocol> Exchange<P> {
    /// Brings the call forward.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        let outcome = ready!(self.poll_in_time(cx));
        self.stage = Stage::Done;
        self.place = None;
        Poll::Ready(outcome.unwrap_or_else(Reply::failed))
    }

    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply>> {
        if self.deadline.as_mut().poll(cx).is_pending() {
            return self.poll_stages(cx);
        }
        let late = self.expired();
        // A reply may be here that nobody has looked for in time; nothing is begun any more.
        match if self.is_flushed { self.poll_stages(cx) } else { Poll::Pending } {
            Poll::Ready(Ok(reply)) if !reply.is_late() => Poll::Ready(Ok(reply)),
            _ => Poll::Ready(Err(late)),
        }
    }

    fn poll_stages(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply>> {
        loop {
            match &mut self.stage {
                Stage::Fresh => self.stage = self.shared.open()?,
                Stage::Dialling(dial) => {
                    let stream = ready!(dial.as_mut().poll(cx))?;
                    self.stage = Stage::Open(Open::new(stream, &self.shared.chosen));
                }
                Stage::Open(_) => match ready!(self.poll_open(cx)) {
                    Some(outcome) => return Poll::Ready(outcome),
                    // It had ended before anything was sent on it: another one will do.
                    None => (self.stage, self.broken) = (Stage::Fresh, None),
                },
                Stage::Done => unreachable!("a call that has ended is not polled"),
            }
        }
    }

    /// Sends and reads; `None` if the connection was no more when the call got it.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Reply>>> {
        let Stage::Open(open) = &mut self.stage else {
            unreachable!("the call has a connection");
        };
        if self.sent == 0 && open.has_spoken(cx) {
            let is_used = open.is_used;
            return Poll::Ready((!is_used).then(|| Err(self.lost("the server ended the connection", None))));
        }
        self.send(cx);
        let Stage::Open(open) = &mut self.stage else {
            unreachable!("the call has a connection");
        };
        if self.sent == 0 && self.broken.is_some() && open.is_used {
            return Poll::Ready(None);
        }
        if self.is_one_way && self.is_flushed {
            self.leave_alone();
            return Poll::Ready(Some(Ok(Reply::nothing())));
        }
        for _ in 0..READS_MAX {
            let Open { stream, reader, input, .. } = open;
            let mut found = None;
            let read = input.poll_read(cx, &mut *stream.reader, |bytes| {
                let (used, outcome) = receive(reader, bytes);
                found = outcome;
                used
            });
            let outcome = match (found, read) {
                (Some(outcome), _) => outcome,
                (None, Poll::Pending) => return Poll::Pending,
                (None, Poll::Ready(Ok(1..))) => continue,
                (None, Poll::Ready(Ok(0))) => match reader.end() {
                    Some(Said::Answer(answered)) => Ok(Reply::from(answered)),
                    _ => return Poll::Ready(Some(Err(self.lost("the server closed the connection", None)))),
                },
                (None, Poll::Ready(Err(cause))) => {
                    return Poll::Ready(Some(Err(self.lost("the connection was lost", Some(cause)))));
                }
            };
            return Poll::Ready(Some(self.settle(outcome)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends what the stream takes.
    fn send(&mut self, cx: &mut Context<'_>) {
        let Stage::Open(Open { stream, .. }) = &mut self.stage else {
            return;
        };
        let mut writer = Pin::new(&mut *stream.writer);
        while self.broken.is_none() {
            let rest = self.request.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match writer.as_mut().poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => self.broken = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(taken)) => self.sent += taken,
                Poll::Ready(Err(cause)) => self.broken = Some(cause),
                Poll::Pending => return,
            }
        }
        if !self.is_flushed && self.broken.is_none() {
            match writer.poll_flush(cx) {
                Poll::Ready(Ok(())) => (self.is_flushed, self.request) = (true, Vec::new()),
                Poll::Ready(Err(cause)) => self.broken = Some(cause),
                Poll::Pending => {}
            }
        }
    }

    /// What came is the reply, or nothing that can be read; the connection serves the next call if it can.
    fn settle(&mut self, outcome: Result<Reply>) -> Result<Reply> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        if let Stage::Open(mut open) = stage
            && outcome.is_ok()
            && self.is_flushed
            && open.can_go_on()
        {
            open.is_used = true;
            self.shared.keep(open);
        }
        outcome.map_err(|error| error.in_phase(Phase::Decode).at_peer(self.shared.peer.clone()))
    }

    /// A call that nobody waits for is out: its reply is read all the same, and thrown away, because the connection
    /// cannot be used before and a closed one would end the method.
    fn leave_alone(&mut self) {
        let mut rest = Self {
            stage: std::mem::replace(&mut self.stage, Stage::Done),
            request: Vec::new(),
            sent: self.sent,
            is_flushed: true,
            broken: None,
            is_one_way: false,
            deadline: Box::pin(sleep_until(self.deadline.deadline())),
            shared: self.shared.clone(),
            place: self.place.take(),
        };
        sync::spawn(poll_fn(move |cx| rest.poll(cx)).map(drop));
    }

    /// The deadline has passed.
    fn expired(&self) -> Error {
        let is_out = self.is_flushed;
        let error = |text, phase| self.shared.error(Code::DeadlineExceeded, text, phase);
        match self.stage {
            Stage::Open(_) if is_out => error("the deadline passed without a reply", Phase::Wait),
            Stage::Open(_) if self.sent > 0 => error("the deadline passed without a reply", Phase::Write),
            Stage::Open(_) => {
                error("the deadline passed before the call was sent", Phase::Write).not_executed()
            }
            _ => error("the deadline passed before the call was sent", Phase::Connect).not_executed(),
        }
    }

    /// The connection has ended without a reply. If nothing of the request was taken, it has not run.
    fn lost(&mut self, text: &'static str, cause: Option<io::Error>) -> Error {
        let phase = if self.is_flushed { Phase::Wait } else { Phase::Write };
        let cause = self.broken.take().or(cause);
        let error = match cause {
            None => self.shared.error(Code::Unavailable, text, phase),
            Some(cause) => {
                let text = format!("the connection was lost: {cause}");
                self.shared.error(Code::Unavailable, text, phase).caused_by(cause)
            }
        };
        if self.sent == 0 { error.not_executed() } else { error }
    }
}

/// Reads on until the reply is there, or cannot come. Returns how many bytes are done with.
fn receive<R: ReadReplies>(reader: &mut R, bytes: &[u8]) -> (usize, Option<Result<Reply>>) {
    let mut used = 0;
    loop {
        match reader.read(bytes.get(used..).unwrap_or_default()) {
            Ok(Read::Message { message: Said::Answer(answered), used: taken }) => {
                return (used + taken, Some(Ok(Reply::from(answered))));
            }
            Ok(Read::Message { message: Said::Leaving { error, .. }, used: taken }) => {
                return (used + taken, Some(Err(error)));
            }
            Ok(Read::Message { message: Said::Word(_), used: taken }) => used += taken,
            Ok(Read::More { used: taken }) => return (used + taken, None),
            Ok(Read::End) => {
                let text = "the server ended the stream";
                return (used, Some(Err(Error::new(Code::Unavailable, text))));
            }
            Err(error) => return (used, Some(Err(error))),
        }
    }
}

/// What a call comes to.
struct Reply {
    outcome: Result<Vec<u8>>,
    format: Format,
    types: Option<Arc<Types>>,
    metadata: Option<Box<Metadata>>,
}

impl Reply {
    fn failed(error: Error) -> Self {
        Self { outcome: Err(error), ..Self::nothing() }
    }

    /// Whether the server has ended the call because its time had passed: it was told the caller's.
    fn is_late(&self) -> bool {
        self.outcome.as_ref().is_err_and(|error| error.code() == Code::DeadlineExceeded)
    }

    fn nothing() -> Self {
        Self { outcome: Ok(Vec::new()), format: Format::Raw, types: None, metadata: None }
    }

    /// Hands it over.
    fn settle(self, settle: &mut Settle<'_>) {
        let (format, types) = (self.format, self.types.as_ref());
        let whole = match self.outcome {
            Ok(bytes) => bytes,
            Err(error) => return settle(Err(error), self.metadata),
        };
        if whole.len() < SPLICE_LEN_MIN {
            return settle(Ok(Body { format, bytes: &whole, types, shared: None }), self.metadata);
        }
        let whole = Bytes::from(whole);
        settle(Ok(Body { format, bytes: &whole, types, shared: Some(&whole) }), self.metadata);
    }
}

impl From<Answered<'_>> for Reply {
    fn from(answered: Answered<'_>) -> Self {
        let Answered { outcome, metadata, .. } = answered;
        match outcome {
            Ok(Body { format, bytes, types, .. }) => {
                Self { outcome: Ok(bytes.to_vec()), format, types: types.cloned(), metadata }
            }
            Err(error) => Self { metadata, ..Self::failed(error) },
        }
    }
}
