//! Many calls at once over one stream: ids are given, replies are matched to callers.
//!
//! A call's bytes wait in `out`, the call waits in `pending`. Callers append, one task writes and reads;
//! all callers that append before the task runs share one write. No code of a user runs under the lock.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::link::{Link, Outgoing, Room, Sent};
use super::pending::{Pending, Polled, SLOTS_MAX, Settled, Span};
use crate::arrival::Arrival;
use crate::body::{Body, Sink};
use crate::codec::Format;
use crate::error::{Code, Error, Phase, Result};
use crate::input::Input;
use crate::limits::Limits;
use crate::message::Read;
use crate::output::{self, Output};
use crate::protocol::{Protocol, ReadReplies, WriteRequests};
use crate::timer::{self, Timer};
use crate::transport::{BoxFuture, Stream};

/// What callers and the connection's task share.
struct Connection<P: Protocol> {
    state: Mutex<State<P::WriteRequests>>,
    /// A permit for every call that may wait for a reply.
    room: Arc<Semaphore>,
    /// Told when `out` has been taken to be sent.
    taken: Notify,
    format: Format,
    limits: Limits,
    peer: Arc<str>,
}

struct State<W> {
    pending: Pending,
    writer: W,
    /// Bytes that the task has not taken.
    out: Vec<u8>,
    /// All bytes that were ever put into `out`, and those of them that were handed to the socket.
    given: u64,
    sent: u64,
    /// The connection's task, and whether it has been woken since it last looked.
    task: Option<Waker>,
    is_woken: bool,
    /// When the earliest call ends, as far as the task has to know.
    deadline: Option<Instant>,
    /// Why nothing can be sent any more.
    closed: Option<Error>,
    /// The user is done with the connection.
    is_closing: bool,
}

thread_local! {
    /// Arguments are encoded here before the lock is taken; replies are decoded from here after it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that grew beyond this is not kept for the thread's next call.
const SPARE_KEPT_MAX: usize = 64 * 1024;

fn put_back(mut spare: Vec<u8>) {
    if spare.capacity() <= SPARE_KEPT_MAX {
        spare.clear();
        SPARE.set(spare);
    }
}

/// A connection that speaks `P` on `stream`, and the task that drives it.
pub(crate) fn start<P: Protocol>(
    stream: Stream,
    first: Vec<u8>,
    limits: &Limits,
) -> (Arc<dyn Link>, impl Future<Output = ()> + Send + 'static) {
    let writer = P::WriteRequests::new(limits);
    let format = writer.format();
    let connection = Arc::new(Connection::<P> {
        state: Mutex::new(State {
            pending: Pending::default(),
            writer,
            out: Vec::new(),
            given: 0,
            sent: 0,
            task: None,
            is_woken: false,
            deadline: None,
            closed: None,
            is_closing: false,
        }),
        room: Arc::new(Semaphore::new(limits.calls_pending_max.min(SLOTS_MAX))),
        taken: Notify::new(),
        format,
        limits: limits.clone(),
        peer: stream.peer.as_str().into(),
    });
    let driver = Driver {
        connection: connection.clone(),
        reader: P::ReadReplies::new(limits),
        input: Input::starting_with(first),
        stream,
        output: Output::default(),
        timer: Timer::default(),
        unknown_replies: 0,
        has_yielded: false,
        arrival: Arrival::default(),
        closing: None,
        callers: Vec::new(),
    };
    (connection, driver.run())
}

impl<P: Protocol> Connection<P> {
    fn state(&self) -> MutexGuard<'_, State<P::WriteRequests>> {
        // No code of a user runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, code: Code, text: impl Into<std::borrow::Cow<'static, str>>, phase: Phase) -> Error {
        Error::new(code, text).in_phase(phase).at_peer(self.peer.clone())
    }

    fn send_with_room(&self, outgoing: &Outgoing<'_>, cx: &mut Context<'_>) -> Result<Sent> {
        let mut spare = SPARE.take();
        spare.clear();
        let mut sink = Sink::new(self.format, &mut spare);
        let encoded = outgoing.argument.encode(&mut sink);
        let preamble = sink.preamble;
        if let Err(error) = encoded.and_then(|()| fits(spare.len(), &self.limits)) {
            put_back(spare);
            return Err(error.not_executed());
        }
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(error) = &state.closed {
            put_back(spare);
            return Err(error.clone().not_executed());
        }
        if state.out.len() >= self.limits.outbound_len_max {
            put_back(spare);
            return Ok(Sent::NoRoom);
        }
        let (at, id) = (state.out.len(), state.pending.next_id());
        state.writer.request(&mut state.out, id, &outgoing.head, preamble, &spare);
        let span = Span { start: state.given, end: state.given + (state.out.len() - at) as u64 };
        state.given = span.end;
        let inserted = state.pending.insert(cx.waker().clone(), outgoing.deadline, span);
        debug_assert_eq!(inserted, id, "the id on the wire is the call's");
        if state.deadline.is_none_or(|earliest| outgoing.deadline < earliest) {
            state.deadline = Some(outgoing.deadline);
        }
        state.wake_task();
        drop(guard);
        put_back(spare);
        Ok(Sent::As(id))
    }
}

impl<W> State<W> {
    /// Whether nobody waits and nothing is to be sent, but a buffer is held that is not small.
    fn is_at_rest(&self) -> bool {
        const KEPT_LEN: usize = 4 * 1024;
        self.out.capacity() > KEPT_LEN && self.out.is_empty() && self.pending.is_empty()
    }

    fn wake_task(&mut self) {
        if !self.is_woken
            && let Some(task) = &self.task
        {
            self.is_woken = true;
            task.wake_by_ref();
        }
    }
}

impl<P: Protocol> Link for Connection<P> {
    fn send(&self, outgoing: &Outgoing<'_>, room: Option<Room>, cx: &mut Context<'_>) -> Result<Sent> {
        match room {
            Some(room) => room.0.forget(),
            None => match self.room.try_acquire() {
                Ok(permit) => permit.forget(),
                Err(_) => return Ok(Sent::NoRoom),
            },
        }
        let sent = self.send_with_room(outgoing, cx);
        if !matches!(sent, Ok(Sent::As(_))) {
            self.room.add_permits(1);
        }
        sent
    }

    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut dyn FnMut(Result<Body<'_>>)) -> Poll<()> {
        let mut bytes = SPARE.take();
        let polled = self.state().pending.poll(id, cx.waker(), &mut bytes);
        let outcome = match polled {
            Polled::Waits(_) => {
                SPARE.set(bytes);
                return Poll::Pending;
            }
            Polled::Done(outcome) => outcome,
        };
        self.room.add_permits(1);
        match &outcome {
            Ok((format, types)) => {
                settle(Ok(Body { format: *format, bytes: &bytes, types: types.as_ref() }));
            }
            Err(error) => settle(Err(error.clone())),
        }
        put_back(bytes);
        Poll::Ready(())
    }

    fn withdraw(&self, id: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        let waker = state.pending.remove(id);
        // A peer that takes nothing is not sent withdrawals without end either.
        if waker.is_some() && state.closed.is_none() && state.out.len() < 2 * self.limits.outbound_len_max {
            let at = state.out.len();
            state.writer.cancel(&mut state.out, id);
            state.given += (state.out.len() - at) as u64;
            state.wake_task();
        }
        drop(guard);
        drop(waker);
        self.room.add_permits(1);
    }

    fn room(self: Arc<Self>) -> BoxFuture<'static, Room> {
        Box::pin(async move {
            let permit = self.room.clone().acquire_owned().await;
            loop {
                let taken = self.taken.notified();
                let is_full = {
                    let state = self.state();
                    state.closed.is_none() && state.out.len() >= self.limits.outbound_len_max
                };
                if !is_full {
                    return Room(permit.expect("the semaphore is never closed"));
                }
                taken.await;
            }
        })
    }

    fn is_open(&self) -> bool {
        self.state().closed.is_none()
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closing = true;
        state.wake_task();
    }
}

fn fits(len: usize, limits: &Limits) -> Result<()> {
    let limit = limits.frame_len_max;
    if len <= limit {
        return Ok(());
    }
    let text = format!("an argument of {len} bytes is over the limit of {limit}");
    Err(Error::new(Code::ResourceExhausted, text))
}

/// The task of a connection: the only one that reads and writes its stream.
struct Driver<P: Protocol> {
    connection: Arc<Connection<P>>,
    reader: P::ReadReplies,
    input: Input,
    stream: Stream,
    output: Output,
    timer: Timer,
    unknown_replies: usize,
    has_yielded: bool,
    arrival: Arrival,
    /// Until when a connection that is being closed sends what is left.
    closing: Option<Instant>,
    /// Callers to be woken once the lock is free.
    callers: Vec<Waker>,
}

/// The most reads before other tasks have a turn.
const READS_MAX: usize = 16;

impl<P: Protocol> Driver<P> {
    async fn run(mut self) {
        let error = poll_fn(|cx| self.poll(cx)).await;
        self.end(error);
        // The peer may be waiting for the end of our direction.
        let _ = poll_fn(|cx| Pin::new(&mut *self.stream.writer).poll_shutdown(cx)).await;
    }

    /// Ends every call that waits; those of which no byte was handed over have certainly not run.
    fn end(&mut self, error: Error) {
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let sent = state.sent;
        state.pending.end(&mut self.callers, |_, _, span| {
            let error = error.clone();
            Some(if span.start >= sent { error.not_executed() } else { error })
        });
        state.closed = Some(error);
        state.out = Vec::new();
        state.task = None;
        drop(guard);
        self.callers.drain(..).for_each(Waker::wake);
        self.connection.taken.notify_waiters();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        {
            let mut state = self.connection.state();
            state.is_woken = false;
            if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                state.task = Some(cx.waker().clone());
            }
            if state.is_closing {
                drop(state);
                return self.poll_close(cx);
            }
        }
        if let Poll::Ready(error) = self.poll_input(cx) {
            return Poll::Ready(error);
        }
        if self.lets_callers_first(cx) {
            return Poll::Pending;
        }
        if let Poll::Ready(Err(cause)) = self.poll_output(cx) {
            return Poll::Ready(self.lost(cause, Phase::Write));
        }
        self.poll_deadlines(cx)
    }

    /// Goes once to the end of the runtime's queue before it sends, where several calls are under way.
    ///
    /// A runtime with several threads runs a woken task next, before the other callers that are ready: this
    /// task would send each request alone. Behind them it sends all of theirs in one write.
    fn lets_callers_first(&mut self, cx: &mut Context<'_>) -> bool {
        const ENOUGH_LEN: usize = 64 * 1024;
        let mut state = self.connection.state();
        let gathers = !state.out.is_empty() && state.out.len() < ENOUGH_LEN && state.pending.has_several();
        self.has_yielded = gathers && !self.has_yielded;
        if self.has_yielded {
            state.is_woken = true;
            cx.waker().wake_by_ref();
        }
        self.has_yielded
    }

    /// Sends what is left, withdrawals among it, for as long as a moment allows.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        const LINGER: Duration = Duration::from_secs(1);
        if self.poll_output(cx).is_pending() {
            let until = *self.closing.get_or_insert_with(|| {
                self.timer = Timer::default();
                timer::after(LINGER)
            });
            self.timer.by(until);
            ready!(self.timer.poll(cx));
        }
        let text = "the client has closed the connection";
        Poll::Ready(self.connection.error(Code::Cancelled, text, Phase::Wait))
    }

    fn lost(&self, cause: io::Error, phase: Phase) -> Error {
        self.connection
            .error(Code::Unavailable, format!("the connection was lost: {cause}"), phase)
            .caused_by(cause)
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        for _ in 0..READS_MAX {
            let (connection, reader) = (&*self.connection, &mut self.reader);
            let (unknown_replies, callers) = (&mut self.unknown_replies, &mut self.callers);
            let (mut failed, mut done) = (None, 0);
            let read = self.input.poll_read(cx, &mut *self.stream.reader, |bytes| {
                let (used, outcome) = receive(connection, reader, bytes, unknown_replies, callers);
                (failed, done) = (outcome.err(), used);
                used
            });
            self.callers.drain(..).for_each(Waker::wake);
            if let Some(error) = failed {
                return Poll::Ready(error);
            }
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(self.connection.error(
                        Code::Unavailable,
                        "the server closed the connection",
                        Phase::Wait,
                    ));
                }
                Poll::Ready(Ok(_)) => self.arrival.note(done, self.input.tail().len()),
                Poll::Ready(Err(cause)) => return Poll::Ready(self.lost(cause, Phase::Wait)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = &*self.connection;
        let before = self.output.total();
        let written = self.output.poll(cx, &mut *self.stream.writer, |buffer| {
            let mut state = connection.state();
            let was_full = state.out.len() >= connection.limits.outbound_len_max;
            // Also where nothing is to be sent: the next calls gather in the buffer that is free now.
            if !state.out.is_empty() || state.out.capacity() == 0 {
                std::mem::swap(&mut state.out, buffer);
            }
            if state.is_at_rest() {
                output::give_back(std::mem::take(&mut state.out));
            }
            drop(state);
            if was_full {
                connection.taken.notify_waiters();
            }
        });
        if self.output.total() != before {
            connection.state().sent = self.output.total();
        }
        written
    }

    /// Ends calls whose deadline has passed, and the connection if a reply does not arrive in time.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            let arrival = self.arrival.deadline(&self.connection.limits);
            let deadline = self.connection.state().deadline;
            for at in [arrival, deadline].into_iter().flatten() {
                self.timer.by(at);
            }
            let now = ready!(self.timer.poll(cx));
            if arrival.is_some_and(|at| at <= now) {
                let text = "a reply began and did not arrive in time";
                return Poll::Ready(self.connection.error(Code::Unavailable, text, Phase::Wait));
            }
            if deadline.is_some_and(|at| at <= now) {
                self.expire(now);
            }
        }
    }

    /// Ends calls whose deadline has passed, and tells the server that nobody waits for them.
    fn expire(&mut self, now: Instant) {
        let mut guard = self.connection.state();
        let State { pending, writer, out, given, sent, .. } = &mut *guard;
        let (connection, at) = (&self.connection, out.len());
        pending.end(&mut self.callers, |id, deadline, span| {
            if deadline > now {
                return None;
            }
            writer.cancel(out, id);
            let phase = if span.end > *sent { Phase::Write } else { Phase::Wait };
            Some(connection.error(Code::DeadlineExceeded, "the deadline passed without a reply", phase))
        });
        *given += (out.len() - at) as u64;
        guard.deadline = guard.pending.next_deadline();
        guard.wake_task();
        drop(guard);
        self.callers.drain(..).for_each(Waker::wake);
    }
}

/// Hands replies to their callers. Returns how many bytes were taken, and why the stream has ended if so.
fn receive<P: Protocol>(
    connection: &Connection<P>,
    reader: &mut P::ReadReplies,
    bytes: &[u8],
    unknown_replies: &mut usize,
    callers: &mut Vec<Waker>,
) -> (usize, Result<()>) {
    let mut used = 0;
    let mut state = connection.state();
    loop {
        match reader.read(bytes.get(used..).unwrap_or_default()) {
            Ok(Read::Message { message, used: taken }) => {
                used += taken;
                let outcome = message.outcome.map_err(|error| match error.is_remote() {
                    true => error,
                    false => error.at_peer(connection.peer.clone()),
                });
                match state.pending.settle(message.id, outcome) {
                    Settled::Caller(caller) => callers.push(caller),
                    Settled::Late => {}
                    Settled::Unknown => {
                        tracing::debug!(peer = %connection.peer, id = message.id, "a reply to no call of ours");
                        *unknown_replies += 1;
                    }
                }
                if *unknown_replies > connection.limits.unknown_replies_max {
                    let text = "too many replies to no call of ours";
                    return (used, Err(connection.error(Code::Unavailable, text, Phase::Wait)));
                }
            }
            Ok(Read::More { used: taken }) => return (used + taken, Ok(())),
            Ok(Read::End) => {
                let text = "the server ended the stream";
                return (used, Err(connection.error(Code::Unavailable, text, Phase::Wait)));
            }
            Err(error) => {
                let text = format!("the server's stream cannot be followed: {}", error.message());
                return (
                    used,
                    Err(connection.error(Code::Unavailable, text, Phase::Decode).caused_by(error)),
                );
            }
        }
    }
}
