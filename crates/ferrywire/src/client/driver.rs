//! The task of a connection: it reads and sends where callers are several or none, and ends calls whose time
//! has passed.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Connection, Outbound};
use super::inbound::Inbound;
use super::pulse::{Finding, Pulse};
use super::speak::Chosen;
use crate::error::{Code, Error, Phase, Result};
use crate::output;
use crate::protocol::{Protocol, ReadReplies, WriteRequests};
use crate::timer::{self, Timer};
use crate::transport::Stream;

/// A connection that speaks `P` on `stream`, and the task that drives it; it ends with the reason for that.
pub(super) fn start<P: Protocol>(
    stream: Stream,
    first: Vec<u8>,
    chosen: &Chosen,
) -> (Arc<Connection<P>>, impl Future<Output = Error> + Send + 'static) {
    let Stream { reader, writer, peer } = stream;
    let outbound = Outbound::new(writer);
    let inbound = Inbound::new(P::ReadReplies::new(&chosen.terms()), reader, first);
    let connection = Connection::<P>::new(outbound, inbound, peer.as_str(), chosen);
    let driver = Driver {
        connection: connection.clone(),
        timer: Timer::default(),
        pulse: Pulse::default(),
        has_yielded: false,
        closing: None,
        unsendable: None,
        callers: Vec::new(),
    };
    (connection, driver.run())
}

struct Driver<P: Protocol> {
    connection: Arc<Connection<P>>,
    timer: Timer,
    pulse: Pulse,
    has_yielded: bool,
    /// Until when a connection that is being closed sends what is left.
    closing: Option<Instant>,
    /// Why nothing can be sent any more, and until when what the server has said is still listened to.
    unsendable: Option<(Error, Instant)>,
    /// Callers to be woken once the lock is free.
    callers: Vec<Waker>,
}

/// How long a connection that is to end is waited for: to take what is left, or to say what is left.
const LINGER: Duration = Duration::from_secs(1);

impl<P: Protocol> Driver<P> {
    async fn run(mut self) -> Error {
        let error = poll_fn(|cx| self.poll(cx)).await;
        let outbound = self.end(error.clone());
        // The peer may be waiting for the end of our direction.
        if let Some(mut outbound) = outbound {
            let _ = poll_fn(|cx| outbound.poll_shutdown(cx)).await;
        }
        error
    }

    /// Ends every call that waits; those of which no byte was handed over have certainly not run.
    fn end(&mut self, error: Error) -> Option<Outbound> {
        self.connection.shut();
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let sent = state.sent;
        let writer = &state.writer;
        let error = state.parting.take().unwrap_or(error);
        state.pending.end(&mut self.callers, |id, _, span| {
            let error = error.clone();
            // A request is run when all of it has come.
            let has_not_run = span.start >= sent || writer.holds(id);
            Some(if has_not_run { error.not_executed() } else { error })
        });
        state.closed = Some(error);
        state.out = Vec::new();
        state.task = None;
        let outbound = state.outbound.take();
        let inbound = state.inbound.take();
        self.callers.append(&mut state.line.all());
        drop(guard);
        drop(inbound);
        self.callers.drain(..).for_each(Waker::wake);
        outbound
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let inbound = {
            let mut guard = self.connection.state();
            let state = &mut *guard;
            state.is_woken = false;
            if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                state.task = Some(cx.waker().clone());
            }
            match state.lost.take() {
                Some(error) if error.phase() == Some(Phase::Write) => {
                    self.unsendable.get_or_insert_with(|| (error, timer::after(LINGER)));
                }
                Some(error) => {
                    drop(guard);
                    return Poll::Ready(self.take_leave(error, cx));
                }
                None => {}
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
            // From now on this task is the one that is woken when something comes.
            state.leader = None;
            state.inbound.take()
        };
        let mut arrival = None;
        // A caller that reads at this moment wakes this task when it sees that it no longer is to.
        if let Some(mut inbound) = inbound {
            let read = inbound.poll(&*self.connection, None, cx);
            arrival = inbound.deadline(&self.connection.limits);
            self.connection.state().inbound = Some(inbound);
            if let Poll::Ready(error) = read {
                return Poll::Ready(self.take_leave(error, cx));
            }
        }
        if self.unsendable.is_none()
            && let Poll::Ready(Err(cause)) = self.poll_output(cx)
        {
            // A server that ends may have answered before it did, and said which calls have not run.
            self.connection.shut();
            self.unsendable = Some((self.connection.broken(cause, Phase::Write), timer::after(LINGER)));
            // What has come since is looked at in the next turn.
            cx.waker().wake_by_ref();
        }
        self.poll_deadlines(cx, arrival)
    }

    /// Sends what the server is to be told about the end, if the stream takes it at once.
    fn take_leave(&mut self, error: Error, cx: &mut Context<'_>) -> Error {
        self.has_yielded = true;
        if self.unsendable.is_none() {
            // Whether it arrives is of no matter any more.
            let _ = self.poll_output(cx);
        }
        error
    }

    /// Sends what is left, withdrawals among it, for as long as a moment allows.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
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

    /// Sends what callers have left, until the stream takes no more or nothing is left.
    ///
    /// A runtime with several threads runs a woken task next, before the other callers that are ready: this
    /// task would send each request alone. Where several calls are under way it goes once to the end of the
    /// runtime's queue first, and sends all of theirs in one write.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const ENOUGH_LEN: usize = 64 * 1024;
        /// The most batches with pieces of large bodies before others have a turn.
        const FILLS_MAX: usize = 4;
        let mut sent = None;
        let mut fills = 0;
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
            if outbound.is_done() {
                let (len, has_pieces) = (state.out.len(), state.writer.unsent().can_go_on);
                if len == 0 && !has_pieces {
                    outbound.output.rest();
                    if state.pending.is_empty() {
                        output::give_back(std::mem::take(&mut state.out));
                    }
                    state.outbound = Some(outbound);
                    return Poll::Ready(Ok(()));
                }
                if has_pieces && fills == FILLS_MAX {
                    // What has come is looked at first.
                    state.outbound = Some(outbound);
                    state.wake_task();
                    return Poll::Pending;
                }
                fills += usize::from(has_pieces);
                if !self.has_yielded && len < ENOUGH_LEN && state.pending.len() > 1 && !has_pieces {
                    self.has_yielded = true;
                    state.is_woken = true;
                    state.outbound = Some(outbound);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.has_yielded = false;
                state.take_in_hand(&mut outbound);
                if len >= self.connection.limits.outbound_len_max || has_pieces {
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
    fn poll_deadlines(&mut self, cx: &mut Context<'_>, arrival: Option<Instant>) -> Poll<Error> {
        loop {
            let deadline = {
                let state = self.connection.state();
                if state.is_leaving && state.pending.is_empty() {
                    let text = "the server has ended the connection";
                    return Poll::Ready(self.connection.error(Code::Unavailable, text, Phase::Wait));
                }
                if P::PINGS {
                    match state.deadline {
                        None => self.pulse.rest(),
                        Some(_) if self.pulse.look_at().is_some() => {}
                        Some(_) => self.pulse.begin(Instant::now(), state.reads(), &self.connection.limits),
                    }
                }
                state.deadline
            };
            let look_at = self.pulse.look_at();
            let listens_until = self.unsendable.as_ref().map(|(_, until)| *until);
            for at in [arrival, deadline, look_at, listens_until].into_iter().flatten() {
                self.timer.by(at);
            }
            let now = ready!(self.timer.poll(cx));
            if arrival.is_some_and(|at| at <= now) {
                let text = "a reply began and did not arrive in time";
                return Poll::Ready(self.connection.error(Code::Unavailable, text, Phase::Wait));
            }
            if let Some((error, _)) = self.unsendable.take_if(|(_, until)| *until <= now) {
                return Poll::Ready(error);
            }
            if deadline.is_some_and(|at| at <= now) {
                self.expire(now);
            }
            if look_at.is_some_and(|at| at <= now)
                && let Err(error) = self.look(now)
            {
                return Poll::Ready(error);
            }
        }
    }

    /// Looks whether the server is there, and asks it after a silence.
    ///
    /// # Errors
    ///
    /// If it was asked and has not answered.
    fn look(&mut self, now: Instant) -> Result<()> {
        let limits = &self.connection.limits;
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let (reads, waits) = (state.reads(), state.pending.next_deadline().is_some());
        // A server with more calls than it runs, sent before it said how many, does not read and so does not answer.
        if !waits || state.pending.len() > state.calls_max {
            self.pulse.begin(now, reads, limits);
            return Ok(());
        }
        match self.pulse.look(now, reads, limits) {
            Finding::Alive => {}
            Finding::Silent => {
                let at = state.out.len();
                state.writer.ping(&mut state.out);
                state.given += (state.out.len() - at) as u64;
                state.wake_task();
            }
            Finding::Gone => {
                let text = format!(
                    "the server does not say that it is there: nothing came within {:?}",
                    limits.ping_timeout
                );
                return Err(self.connection.error(Code::Unavailable, text, Phase::Wait));
            }
        }
        Ok(())
    }

    /// Ends calls whose deadline has passed, and tells the server that nobody waits for them.
    fn expire(&mut self, now: Instant) {
        let mut guard = self.connection.state();
        let state = &mut *guard;
        let (pending, writer, out, sent) =
            (&mut state.pending, &mut state.writer, &mut state.out, state.sent);
        let (connection, at) = (&self.connection, out.len());
        pending.end(&mut self.callers, |id, deadline, span| {
            if deadline.is_none_or(|deadline| deadline > now) {
                return None;
            }
            let phase = if span.end > sent || writer.holds(id) { Phase::Write } else { Phase::Wait };
            writer.cancel(out, id);
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
        self.callers.drain(..).for_each(Waker::wake);
    }
}

/// Whoever waits for a reply is told, also when the task is dropped in the middle.
impl<P: Protocol> Drop for Driver<P> {
    fn drop(&mut self) {
        if self.connection.state().closed.is_none() {
            let text = "the connection was lost: its task was dropped";
            self.end(self.connection.error(Code::Unavailable, text, Phase::Wait));
        }
    }
}
