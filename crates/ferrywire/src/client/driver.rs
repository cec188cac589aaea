//! The task of a connection: the only one that reads its stream, and the one that sends where callers are
//! several.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::connection::{Connection, Outbound};
use super::link::Link;
use super::pending::Settled;
use super::speak::Chosen;
use crate::arrival::Arrival;
use crate::error::{Code, Error, Phase, Result};
use crate::input::Input;
use crate::message::{Answered, Read, Said};
use crate::output::{self, Output};
use crate::protocol::{Protocol, ReadReplies, WriteRequests};
use crate::timer::{self, Timer};
use crate::transport::Stream;

/// A connection that speaks `P` on `stream`, and the task that drives it.
pub(super) fn start<P: Protocol>(
    stream: Stream,
    first: Vec<u8>,
    chosen: &Chosen,
) -> (Arc<dyn Link>, impl Future<Output = ()> + Send + 'static) {
    let Stream { reader, writer, peer } = stream;
    let outbound = Outbound { writer: Box::into_pin(writer), output: Output::default(), failed: None };
    let connection = Connection::<P>::new(outbound, peer.as_str(), chosen);
    let driver = Driver {
        connection: connection.clone(),
        inbound: Inbound {
            reader: P::ReadReplies::new(&chosen.terms()),
            unknown_replies: 0,
            idle_words: 0,
            callers: Vec::new(),
        },
        input: Input::starting_with(first),
        stream: reader,
        timer: Timer::default(),
        has_yielded: false,
        arrival: Arrival::default(),
        closing: None,
    };
    (connection, driver.run())
}

struct Driver<P: Protocol> {
    connection: Arc<Connection<P>>,
    inbound: Inbound<P::ReadReplies>,
    input: Input,
    stream: Box<dyn AsyncRead + Send + Unpin>,
    timer: Timer,
    has_yielded: bool,
    arrival: Arrival,
    /// Until when a connection that is being closed sends what is left.
    closing: Option<Instant>,
}

/// What is needed to make replies of bytes.
struct Inbound<R> {
    reader: R,
    unknown_replies: usize,
    idle_words: usize,
    /// Callers to be woken once the lock is free.
    callers: Vec<Waker>,
}

/// The most reads before other tasks have a turn.
const READS_MAX: usize = 16;

impl<P: Protocol> Driver<P> {
    async fn run(mut self) {
        let error = poll_fn(|cx| self.poll(cx)).await;
        let outbound = self.end(error);
        // The peer may be waiting for the end of our direction.
        if let Some(mut outbound) = outbound {
            let _ = poll_fn(|cx| outbound.writer.as_mut().poll_shutdown(cx)).await;
        }
    }

    /// Ends every call that waits; those of which no byte was handed over have certainly not run.
    fn end(&mut self, error: Error) -> Option<Outbound> {
        self.connection.shut();
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let sent = state.sent;
        state.pending.end(&mut self.inbound.callers, |_, _, span| {
            let error = error.clone();
            Some(if span.start >= sent { error.not_executed() } else { error })
        });
        state.closed = Some(error);
        state.out = Vec::new();
        state.task = None;
        let outbound = state.outbound.take();
        self.inbound.callers.append(&mut state.line.all());
        drop(guard);
        self.inbound.callers.drain(..).for_each(Waker::wake);
        outbound
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        {
            let mut guard = self.connection.state();
            let state = &mut *guard;
            state.is_woken = false;
            if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                state.task = Some(cx.waker().clone());
            }
            if state.is_closing {
                drop(guard);
                return self.poll_close(cx);
            }
            if state.pending.has_new()
                && let Some(earliest) = state.pending.turn(Instant::now())
                && state.deadline.is_none_or(|deadline| earliest < deadline)
            {
                state.deadline = Some(earliest);
            }
        }
        if let Poll::Ready(error) = self.poll_input(cx) {
            return Poll::Ready(error);
        }
        if let Poll::Ready(Err(cause)) = self.poll_output(cx) {
            return Poll::Ready(self.lost(cause, Phase::Write));
        }
        self.poll_deadlines(cx)
    }

    /// Sends what is left, withdrawals among it, for as long as a moment allows.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        const LINGER: Duration = Duration::from_secs(1);
        self.has_yielded = true;
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
            let (connection, inbound) = (&*self.connection, &mut self.inbound);
            let (mut failed, mut done) = (None, 0);
            let read = self.input.poll_read(cx, &mut *self.stream, |bytes| {
                let (used, outcome) = inbound.receive(connection, bytes);
                (failed, done) = (outcome.err(), used);
                used
            });
            self.inbound.callers.drain(..).for_each(Waker::wake);
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

    /// Sends what callers have left, until the stream takes no more or nothing is left.
    ///
    /// A runtime with several threads runs a woken task next, before the other callers that are ready: this
    /// task would send each request alone. Where several calls are under way it goes once to the end of the
    /// runtime's queue first, and sends all of theirs in one write.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const ENOUGH_LEN: usize = 64 * 1024;
        let mut sent = None;
        loop {
            let mut guard = self.connection.state();
            let state = &mut *guard;
            let mut outbound = match sent.take() {
                Some((outbound, polled)) => {
                    let outbound: Outbound = outbound;
                    state.sent = outbound.output.total();
                    match polled {
                        Poll::Ready(Ok(())) => outbound,
                        ended => {
                            state.outbound = Some(outbound);
                            return ended;
                        }
                    }
                }
                // A caller sends; it wakes this task if anything is left when it is done.
                None => match state.outbound.take() {
                    Some(outbound) => outbound,
                    None => return Poll::Pending,
                },
            };
            if outbound.output.is_done() && outbound.failed.is_none() {
                let len = state.out.len();
                if len == 0 {
                    outbound.output.rest();
                    if state.pending.is_empty() {
                        output::give_back(std::mem::take(&mut state.out));
                    }
                    state.outbound = Some(outbound);
                    return Poll::Ready(Ok(()));
                }
                if !self.has_yielded && len < ENOUGH_LEN && state.pending.len() > 1 {
                    self.has_yielded = true;
                    state.is_woken = true;
                    state.outbound = Some(outbound);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.has_yielded = false;
                outbound.output.take(&mut state.out);
                if len >= self.connection.limits.outbound_len_max {
                    let next = self.connection.call_in(state);
                    drop(guard);
                    next.into_iter().for_each(Waker::wake);
                } else {
                    drop(guard);
                }
            } else {
                drop(guard);
            }
            let polled = outbound.send(cx);
            sent = Some((outbound, polled));
        }
    }

    /// Ends calls whose deadline has passed, and the connection if a reply does not arrive in time or the
    /// server has left and owes no more answers.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            let arrival = self.arrival.deadline(&self.connection.limits);
            let deadline = {
                let state = self.connection.state();
                if state.is_leaving && state.pending.is_empty() {
                    let text = "the server has ended the connection";
                    return Poll::Ready(self.connection.error(Code::Unavailable, text, Phase::Wait));
                }
                state.deadline
            };
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
        let state = &mut *guard;
        let (pending, writer, out, sent) =
            (&mut state.pending, &mut state.writer, &mut state.out, state.sent);
        let (connection, at) = (&self.connection, out.len());
        pending.end(&mut self.inbound.callers, |id, deadline, span| {
            if deadline.is_none_or(|deadline| deadline > now) {
                return None;
            }
            writer.cancel(out, id);
            let phase = if span.end > sent { Phase::Write } else { Phase::Wait };
            Some(connection.error(Code::DeadlineExceeded, "the deadline passed without a reply", phase))
        });
        state.given += (state.out.len() - at) as u64;
        state.deadline = state.pending.next_deadline();
        if state.out.len() > at {
            state.wake_task();
        }
        if state.pending.is_empty() {
            state.pending.shrink();
        }
        drop(guard);
        self.inbound.callers.drain(..).for_each(Waker::wake);
    }
}

impl<R: ReadReplies> Inbound<R> {
    /// Hands replies to their callers. Returns how many bytes were taken, and why the stream has ended if so.
    fn receive<P: Protocol<ReadReplies = R, Word = R::Word>>(
        &mut self,
        connection: &Connection<P>,
        bytes: &[u8],
    ) -> (usize, Result<()>) {
        let mut used = 0;
        let mut guard = connection.state();
        let state = &mut *guard;
        let ended = |code, text: String, phase| Err(connection.error(code, text, phase));
        loop {
            match self.reader.read(bytes.get(used..).unwrap_or_default()) {
                Ok(Read::Message {
                    message: Said::Answer(Answered { id, outcome, metadata }),
                    used: taken,
                }) => {
                    used += taken;
                    let outcome = match outcome {
                        Err(error) if !error.is_remote() => Err(error.at_peer(connection.peer.clone())),
                        outcome => outcome,
                    };
                    match state.pending.settle(id, outcome, metadata) {
                        Settled::Caller(caller) => self.callers.push(caller),
                        Settled::Late => {}
                        Settled::Unknown => {
                            tracing::debug!(peer = %connection.peer, id, "a reply to no call of ours");
                            self.unknown_replies += 1;
                            if self.unknown_replies > connection.limits.unknown_replies_max {
                                let text = "too many replies to no call of ours".to_owned();
                                return (used, ended(Code::Unavailable, text, Phase::Wait));
                            }
                        }
                    }
                }
                Ok(Read::More { used: taken }) => return (used + taken, Ok(())),
                Ok(Read::Message { message: Said::Word(word), used: taken }) => {
                    used += taken;
                    let at = state.out.len();
                    if state.writer.hear(&mut state.out, word) {
                        self.idle_words += 1;
                    }
                    state.given += (state.out.len() - at) as u64;
                    if self.idle_words > connection.limits.unknown_replies_max {
                        let text = "the server says too much that is no reply".to_owned();
                        return (used, ended(Code::Unavailable, text, Phase::Wait));
                    }
                }
                Ok(Read::Message { message: Said::Leaving { last, error }, used: taken }) => {
                    used += taken;
                    state.is_leaving = true;
                    connection.shut();
                    let error = error.at_peer(connection.peer.clone()).in_phase(Phase::Wait).not_executed();
                    state.pending.end(&mut self.callers, |id, _, _| {
                        last.is_some_and(|last| id > last).then(|| error.clone())
                    });
                    self.callers.append(&mut state.line.all());
                }
                Ok(Read::End) => {
                    return (
                        used,
                        ended(Code::Unavailable, "the server ended the stream".into(), Phase::Wait),
                    );
                }
                Err(error) => {
                    let text = format!("the server's stream cannot be followed: {}", error.message());
                    let ended = connection.error(Code::Unavailable, text, Phase::Decode);
                    return (used, Err(ended.caused_by(error)));
                }
            }
        }
    }
}
