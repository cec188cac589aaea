//! Many calls at once over one stream: ids are given, replies are matched to callers.
//!
//! A call's bytes wait in `out`, the call waits in `pending`. Whoever holds `outbound` writes: a caller that is
//! alone sends its own bytes, otherwise callers append and one task sends what all of them have left. No code
//! of a user runs under the lock.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use super::inbound::Inbound;
use super::link::{Link, Outgoing, Room, Sent, Settle};
use super::pending::{Arrived, Pending, Polled, Span, Until};
use super::room::Line;
use super::speak::Chosen;
use crate::body::{Body, Sink, Written};
use crate::codec::Format;
use crate::compression::{Compression, Packed};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::metadata::Metadata;
use crate::output::{self, Output};
use crate::protocol::{Protocol, WriteRequests};
use crate::sync::{AtomicBool, AtomicU8, Mutex, MutexGuard};
use crate::transport::BoxFuture;

/// What callers and the connection's task share.
pub(super) struct Connection<P: Protocol> {
    state: Mutex<Locked<P>>,
    /// Whether calls can still be sent; changed under the lock, looked at without.
    is_open: AtomicBool,
    /// How large arguments are compressed, if they are: its place among all there are, and one.
    compression: AtomicU8,
    pub(super) format: Format,
    pub(super) limits: Arc<Limits>,
    pub(super) peer: Arc<str>,
}

/// What the lock protects.
pub(super) struct State<W, R> {
    pub(super) pending: Pending,
    pub(super) writer: W,
    /// Bytes that nobody has taken to send.
    pub(super) out: Vec<u8>,
    /// All bytes that were ever put into `out`, and those of them that were handed to the socket.
    pub(super) given: u64,
    pub(super) sent: u64,
    /// The sending half; whoever takes it out sends, and puts it back.
    pub(super) outbound: Option<Outbound>,
    /// The receiving half; whoever takes it out reads, and puts it back.
    pub(super) inbound: Option<Box<Inbound<R>>>,
    /// The call whose caller reads, because nobody else waits: see [`Connection::lead`].
    pub(super) leader: Option<u64>,
    /// Why the connection is lost, found by a caller that read or sent; the task makes it known.
    pub(super) lost: Option<Error>,
    /// Callers that wait for room, and how many calls there is room for.
    pub(super) line: Line,
    pub(super) calls_max: usize,
    /// The connection's task, and whether it has been woken since it last looked.
    pub(super) task: Option<Waker>,
    pub(super) is_woken: bool,
    /// When the earliest call ends, as far as the task has to know.
    pub(super) deadline: Option<Instant>,
    /// Why nothing can be sent any more.
    pub(super) closed: Option<Error>,
    /// The server takes no further calls; its words, where it did not just say farewell.
    pub(super) is_leaving: bool,
    pub(super) parting: Option<Error>,
    /// The user is done with the connection.
    pub(super) is_closing: bool,
}

/// The sending half of a stream, and what is being sent on it.
pub(super) struct Outbound {
    writer: Pin<Box<dyn AsyncWrite + Send + Unpin>>,
    pub(super) output: Output,
    /// Whether the stream keeps bytes that it has taken, and has to be told again to send them.
    is_held: bool,
}

impl Outbound {
    /// A sending half at the start of its stream.
    pub(super) fn new(writer: Box<dyn AsyncWrite + Send + Unpin>) -> Self {
        Self { writer: Box::into_pin(writer), output: Output::default(), is_held: false }
    }

    /// Sends what is in hand and tells a buffering stream that this is all.
    #[inline]
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.output.send(cx, &mut *self.writer))?;
        let flushed = self.writer.as_mut().poll_flush(cx);
        self.is_held = flushed.is_pending();
        flushed
    }

    /// Whether everything that was taken in hand is on its way.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.output.is_done() && !self.is_held
    }

    /// Ends our direction.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}

thread_local! {
    /// Arguments are encoded here before the lock is taken; replies are decoded from here after it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that grew beyond this is not kept for the thread's next call.
const SPARE_KEPT_MAX: usize = 64 * 1024;

/// The longest name that any wire carries.
pub(super) const METHOD_LEN_MAX: usize = 255;

/// An argument or a method's name is longer than it may be.
#[cold]
pub(super) fn too_long(limits: &Limits, len: usize, method: &str) -> Error {
    let (what, len, limit) = match method.len() > METHOD_LEN_MAX {
        true => ("a method name", method.len(), METHOD_LEN_MAX),
        false => ("an argument", len, limits.frame_len_max),
    };
    let text = format!("{what} of {len} bytes is over the limit of {limit}");
    Error::new(Code::ResourceExhausted, text).not_executed()
}

/// Lends the thread's buffer, empty; a new one to an argument that itself makes a call while it is written.
#[inline]
fn with_spare<R>(run: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut spare = SPARE.take();
    spare.clear();
    let ran = run(&mut spare);
    if spare.capacity() <= SPARE_KEPT_MAX {
        SPARE.set(spare);
    }
    ran
}

impl<P: Protocol> Connection<P> {
    pub(super) fn new(
        outbound: Outbound,
        inbound: Inbound<P::ReadReplies>,
        peer: &str,
        chosen: &Chosen,
    ) -> Arc<Self> {
        let mut writer = P::WriteRequests::new(&chosen.terms());
        let mut out = Vec::new();
        writer.greet(&mut out, &chosen.terms());
        let format = writer.format();
        let state = State {
            pending: Pending::default(),
            writer,
            given: out.len() as u64,
            out,
            sent: 0,
            outbound: Some(outbound),
            inbound: Some(Box::new(inbound)),
            leader: None,
            lost: None,
            line: Line::default(),
            calls_max: chosen.limits.calls_pending_max,
            task: None,
            is_woken: false,
            deadline: None,
            closed: None,
            is_leaving: false,
            parting: None,
            is_closing: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            is_open: AtomicBool::new(true),
            compression: AtomicU8::new(0),
            format,
            limits: chosen.limits.clone(),
            peer: peer.into(),
        })
    }

    #[inline]
    pub(super) fn state(&self) -> Guard<'_, P> {
        // No code of a user runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn error(
        &self,
        code: Code,
        text: impl Into<std::borrow::Cow<'static, str>>,
        phase: Phase,
    ) -> Error {
        Error::new(code, text).in_phase(phase).at_peer(self.peer.clone())
    }

    /// No call can be sent from now on.
    pub(super) fn shut(&self) {
        self.is_open.store(false, Ordering::Release);
    }

    /// The server has said which compressed bodies it reads.
    pub(super) fn note_compression(&self, compression: Option<Compression>) {
        let place = Compression::ALL.iter().position(|algorithm| Some(*algorithm) == compression);
        self.compression.store(place.map_or(0, |place| place as u8 + 1), Ordering::Relaxed);
    }

    /// Compresses an argument if that is agreed. Not under the lock: it takes its time.
    #[inline]
    fn pack(&self, body: &mut Vec<u8>, written: &mut Written) {
        let noted = self.compression.load(Ordering::Relaxed);
        if noted != 0
            && let Some(algorithm) = Compression::ALL.get(usize::from(noted) - 1)
        {
            written.pack(*algorithm, body, 0);
        }
    }

    /// Whether one more call may be sent.
    #[inline]
    fn has_room(&self, state: &Locked<P>) -> bool {
        state.pending.len() + state.line.promised() < state.calls_max
            && state.out.len() < self.limits.outbound_len_max
            && state.writer.unsent().kept < self.limits.bytes_in_flight_max
    }

    /// Whether the first in the line has nothing to wait for. A connection that has ended says so when the call is
    /// sent.
    fn lets_in(&self, state: &Locked<P>) -> bool {
        state.closed.is_some() || state.is_leaving || self.has_room(state)
    }

    /// A place may have become free. Returns whoever is the first to wait for one, to be woken without the lock.
    #[inline]
    pub(super) fn call_in(&self, state: &mut Locked<P>) -> Option<Waker> {
        if state.is_leaving && state.pending.is_empty() {
            // Its last call has ended, and with it the connection.
            state.wake_task();
        }
        if state.line.is_empty() || !self.lets_in(state) { None } else { state.line.first() }
    }

    /// Puts an encoded call on its way.
    #[inline]
    fn put(
        &self,
        outgoing: &Outgoing<'_>,
        is_promised: bool,
        body: &mut Vec<u8>,
        written: &mut Written,
        cx: &mut Context<'_>,
    ) -> Result<Sent> {
        let is_plain = written.is_plain() && outgoing.is_plain();
        let mut guard = self.state();
        let state = &mut *guard;
        if !is_promised && (!state.line.is_empty() || !self.has_room(state)) {
            return Ok(Sent::NoRoom);
        }
        if let Some(error) = &state.closed {
            return Err(error.clone().not_executed());
        }
        if state.is_leaving {
            let text = "the server takes no further calls";
            return Err(self.error(Code::Unavailable, text, Phase::Queue).not_executed());
        }
        if outgoing.head.metadata.is_some() {
            state.writer.check(outgoing.head).map_err(Error::not_executed)?;
        }
        if is_promised {
            state.line.keep();
        }
        let is_alone = state.pending.is_empty() && state.out.is_empty() && state.outbound.is_some();
        let id = match outgoing.head.is_one_way {
            true => state.pending.unheard(),
            false => state.pending.next_id(),
        };
        let start = state.given;
        let at = state.out.len();
        output::lend(&mut state.out);
        if !(is_plain && state.writer.plain(&mut state.out, id, outgoing.head, body)) {
            state.writer.request(&mut state.out, id, outgoing.head, outgoing.timeout, written, body);
        }
        state.given += (state.out.len() - at) as u64;
        if !outgoing.head.is_one_way {
            let span = Span { start, end: state.given };
            // One that is alone wakes no task that would read the clock for it.
            let until = match outgoing.until {
                until if is_alone => Until::At(until.moment(Instant::now())),
                until => until,
            };
            state.pending.insert_as(id, cx.waker().clone(), until, span);
            if let Until::At(moment) = until
                && state.deadline.is_none_or(|earliest| moment < earliest)
            {
                state.deadline = Some(moment);
                state.wake_task();
            }
        }
        if is_alone {
            self.go_alone(guard, id, cx)?;
        } else {
            state.wake_task();
        }
        match outgoing.head.is_one_way {
            true => Ok(Sent::Unheard),
            false => Ok(Sent::As(id)),
        }
    }

    /// Sends the bytes of a call that has nobody beside it, and reads for it: no other task is woken.
    ///
    /// # Errors
    ///
    /// If the server has ended the connection since somebody last looked: nothing has been sent.
    #[inline]
    fn go_alone(&self, mut guard: Guard<'_, P>, id: u64, cx: &mut Context<'_>) -> Result<()> {
        let state = &mut *guard;
        let Some(mut outbound) = state.outbound.take_if(|outbound| outbound.is_done()) else {
            state.wake_task();
            return Ok(());
        };
        state.take_in_hand(&mut outbound);
        // Whoever ends the connection meanwhile cannot know how much of it the stream has taken by then.
        state.sent = state.given;
        let mut inbound = state.inbound.take();
        // Without it the connection's task is reading at this moment, on another thread.
        let leads = inbound.is_some();
        state.leader = leads.then_some(id);
        drop(guard);
        // Before anything is sent: this says whether there still is a server, and whom to wake for its reply.
        let read = match &mut inbound {
            // One that is answered before it is sent has its caller woken like any other.
            Some(inbound) => inbound.poll(self, None, cx),
            None => Poll::Pending,
        };
        let lost = match read {
            Poll::Ready(error) => Some(error),
            Poll::Pending if self.is_open() => None,
            Poll::Pending => {
                let text = "the server takes no further calls";
                Some(self.error(Code::Unavailable, text, Phase::Queue))
            }
        };
        let sent = if lost.is_none() { outbound.send(cx) } else { Poll::Pending };
        let mut guard = self.state();
        let state = &mut *guard;
        if state.inbound.is_none() && state.closed.is_none() {
            state.inbound = inbound;
        }
        if let Some(error) = lost {
            self.shut();
            let unsent = state.pending.remove(id);
            state.leader = None;
            state.lost = Some(error.clone());
            state.wake_task();
            drop(guard);
            drop(unsent);
            return Err(error.not_executed());
        }
        state.sent = outbound.output.total();
        if let Poll::Ready(Err(cause)) = sent {
            self.shut();
            state.lost = Some(self.broken(cause, Phase::Write));
        }
        let is_done = outbound.is_done()
            && state.out.is_empty()
            && state.lost.is_none()
            && !state.is_closing
            && !state.writer.unsent().can_go_on;
        if is_done {
            outbound.output.rest();
        }
        if state.closed.is_none() {
            state.outbound = Some(outbound);
        }
        // What is left is sent by the task, which is woken when the stream takes more.
        if !is_done || leads && !self.leads_on(state, id) {
            state.wake_task();
        }
        Ok(())
    }

    /// Whether the caller of `id` may go on reading alone. If not, the task has to be woken to read.
    #[inline]
    fn leads_on(&self, state: &mut Locked<P>, id: u64) -> bool {
        let is_whole = state.inbound.as_ref().is_some_and(|inbound| !inbound.has_part());
        let leads = state.leader == Some(id) && state.pending.len() == 1 && is_whole && state.out.is_empty();
        if !leads {
            state.leader = None;
        }
        leads
    }

    /// Reads for a call whose caller does so itself. The lock is free while it does.
    #[cold]
    fn lead<'g>(&'g self, mut guard: Guard<'g, P>, id: u64, cx: &mut Context<'_>) -> Guard<'g, P> {
        let Some(mut inbound) = guard.inbound.take() else {
            return guard;
        };
        drop(guard);
        let read = inbound.poll(self, Some(id), cx);
        let mut guard = self.state();
        let state = &mut *guard;
        if state.closed.is_none() {
            state.inbound = Some(inbound);
        }
        if let Poll::Ready(error) = read {
            self.shut();
            state.lost = Some(error);
        }
        if state.lost.is_some() || !self.leads_on(state, id) {
            state.wake_task();
        }
        guard
    }

    /// Hands over a reply that is more than a body which was lent.
    fn settle(&self, arrived: Arrived, bytes: &[u8], settle: &mut Settle<'_>) {
        let shared = arrived.shared.as_deref();
        let bytes = shared.map_or(bytes, |shared| shared);
        let body = Body { format: arrived.format, bytes, types: arrived.types.as_ref(), shared };
        match arrived.packed {
            None => settle(Ok(body), arrived.metadata),
            Some(packed) => self.settle_packed(body, packed, arrived.metadata, settle),
        }
    }

    /// Hands over a reply that is compressed.
    #[cold]
    fn settle_packed(
        &self,
        body: Body<'_>,
        packed: Packed,
        metadata: Option<Box<Metadata>>,
        settle: &mut Settle<'_>,
    ) {
        match packed.unpack(body.bytes, self.limits.frame_len_max) {
            Ok(whole) => {
                let whole = Bytes::from(whole);
                settle(Ok(Body { bytes: &whole, shared: Some(&whole), ..body }), metadata);
            }
            Err(error) => settle(Err(error.at_peer(self.peer.clone())), None),
        }
    }

    /// An error of the stream.
    pub(super) fn broken(&self, cause: io::Error, phase: Phase) -> Error {
        self.error(Code::Unavailable, format!("the connection was lost: {cause}"), phase).caused_by(cause)
    }
}

/// What the lock protects, locked.
pub(super) type Guard<'g, P> = MutexGuard<'g, Locked<P>>;
/// What the lock protects.
pub(super) type Locked<P> = State<<P as Protocol>::WriteRequests, <P as Protocol>::ReadReplies>;

/// So much of large bodies is handed out at a time: what is small waits for it.
const PIECES_LEN: usize = 256 * 1024;

impl<W: WriteRequests, R> State<W, R> {
    /// Takes what is to be sent next in hand, of which everything must have been sent.
    #[inline]
    pub(super) fn take_in_hand(&mut self, outbound: &mut Outbound) {
        outbound.output.take(&mut self.out);
        if self.writer.unsent().can_go_on {
            let (buffer, splices) = outbound.output.in_hand();
            self.given += self.writer.pieces(buffer, splices, PIECES_LEN) as u64;
        }
    }
}

impl<W, R> State<W, R> {
    /// How often something has come. While it is being read, it is coming.
    pub(super) fn reads(&self) -> u64 {
        self.inbound.as_ref().map_or(u64::MAX, |inbound| inbound.reads)
    }

    #[inline]
    pub(super) fn wake_task(&mut self) {
        if !self.is_woken
            && let Some(task) = &self.task
        {
            self.is_woken = true;
            task.wake_by_ref();
        }
    }
}

impl<P: Protocol> Link for Connection<P> {
    fn send(&self, outgoing: &Outgoing<'_>, is_promised: bool, cx: &mut Context<'_>) -> Result<Sent> {
        with_spare(|spare| {
            let mut sink = Sink::new(self.format, spare);
            sink.may_splice = P::SPLICES;
            let encoded = outgoing.argument.encode(&mut sink);
            let mut written = sink.written;
            if let Err(error) = encoded {
                return Err(error.not_executed());
            }
            let len = spare.len() + written.spliced_len();
            if len > self.limits.frame_len_max || outgoing.head.method.len() > METHOD_LEN_MAX {
                return Err(too_long(&self.limits, len, outgoing.head.method));
            }
            self.pack(spare, &mut written);
            let sent = self.put(outgoing, is_promised, spare, &mut written, cx);
            written.done();
            sent
        })
    }

    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<()> {
        with_spare(|bytes| {
            let mut guard = self.state();
            if guard.leader == Some(id) && guard.pending.waits(id) {
                guard = self.lead(guard, id, cx);
            }
            let state = &mut *guard;
            let polled = state.pending.poll(id, cx.waker(), bytes);
            if let Polled::Waits(outdated) = polled {
                drop(guard);
                drop(outdated);
                return Poll::Pending;
            }
            if state.leader == Some(id) {
                state.leader = None;
            }
            let next = self.call_in(state);
            drop(guard);
            if let Some(next) = next {
                next.wake();
            }
            match polled {
                Polled::Plain(format) => {
                    settle(Ok(Body { format, bytes, types: None, shared: None }), None);
                }
                Polled::Done(Ok(arrived)) => self.settle(arrived, bytes, settle),
                Polled::Done(Err(error)) => settle(Err(error), None),
                Polled::Waits(_) => return Poll::Pending,
            }
            Poll::Ready(())
        })
    }

    fn withdraw(&self, id: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        let waker = state.pending.remove(id);
        if state.leader == Some(id) {
            state.leader = None;
            state.wake_task();
        }
        // A peer that takes nothing is not sent withdrawals without end either.
        if waker.is_some() && state.closed.is_none() && state.out.len() < 2 * self.limits.outbound_len_max {
            let at = state.out.len();
            state.writer.cancel(&mut state.out, id);
            state.given += (state.out.len() - at) as u64;
            state.wake_task();
        }
        let next = self.call_in(state);
        drop(guard);
        drop(waker);
        if let Some(next) = next {
            next.wake();
        }
    }

    fn room(self: Arc<Self>) -> BoxFuture<'static, Room> {
        Box::pin(async move {
            let mut waiting = Waiting { connection: self.clone(), ticket: None };
            poll_fn(|cx| waiting.poll(cx)).await;
            Room::on(self)
        })
    }

    fn give_up_room(&self) {
        let next = {
            let mut state = self.state();
            state.line.keep();
            self.call_in(&mut state)
        };
        if let Some(next) = next {
            next.wake();
        }
    }

    fn admit(&self, calls: usize) {
        let mut state = self.state();
        state.calls_max = state.calls_max.min(calls);
    }

    #[inline]
    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closing = true;
        state.wake_task();
    }
}

/// A caller in the line.
struct Waiting<P: Protocol> {
    connection: Arc<Connection<P>>,
    ticket: Option<u64>,
}

impl<P: Protocol> Waiting<P> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let room = self.connection.lets_in(state);
        if !state.line.enter(&mut self.ticket, room, cx.waker()) {
            return Poll::Pending;
        }
        let next = self.connection.call_in(state);
        drop(guard);
        if let Some(next) = next {
            next.wake();
        }
        Poll::Ready(())
    }
}

impl<P: Protocol> Drop for Waiting<P> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let next = {
                let mut state = self.connection.state();
                state.line.leave(ticket);
                self.connection.call_in(&mut state)
            };
            if let Some(next) = next {
                next.wake();
            }
        }
    }
}
