//! The receiving half of a connection: bytes become replies, replies find their callers.

use std::task::{Context, Poll, Waker};

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::connection::{Connection, State};
use super::pending::Settled;
use crate::arrival::Arrival;
use crate::error::{Code, Error, Phase, Result};
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Answered, PlainAnswer, Read, Said};
use crate::protocol::{Landing, Protocol, ReadReplies, Whose, WriteRequests};
use crate::window::Window;

/// The receiving half of a stream, and what has come of a message.
pub(super) struct Inbound<R> {
    reader: R,
    stream: Box<dyn AsyncRead + Send + Unpin>,
    input: Input,
    arrival: Arrival,
    /// How often something has come.
    pub(super) reads: u64,
    unknown_replies: usize,
    /// What the server says that only keeps us busy.
    idle_words: Window,
    /// Callers to be woken once the lock is free.
    callers: Vec<Waker>,
}

/// The most reads before other tasks have a turn.
const READS_MAX: usize = 16;

impl<R: ReadReplies> Inbound<R> {
    /// A receiving half at the start of its stream, of which `first` has been read already.
    pub(super) fn new(reader: R, stream: Box<dyn AsyncRead + Send + Unpin>, first: Vec<u8>) -> Self {
        Self {
            reader,
            stream,
            input: Input::starting_with(first),
            arrival: Arrival::default(),
            reads: 0,
            unknown_replies: 0,
            idle_words: Window::default(),
            callers: Vec::new(),
        }
    }

    /// Whether the beginning of a message waits for its rest.
    #[inline]
    pub(super) fn has_part(&self) -> bool {
        self.arrival.is_under_way()
    }

    /// When a message whose beginning has come must be whole.
    #[inline]
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        self.arrival.deadline(limits)
    }

    /// Reads until nothing is there, and wakes the callers whose replies came. Ready once the connection has
    /// ended.
    ///
    /// Who polls is woken when more comes, and nobody else. Of two that poll at the same time none is lost: the
    /// half is taken out of the connection while it is polled. The caller of `own` is not woken, it is here.
    #[inline]
    pub(super) fn poll<P: Protocol<ReadReplies = R, Word = R::Word>>(
        &mut self,
        connection: &Connection<P>,
        own: Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Error> {
        for _ in 0..READS_MAX {
            let (mut failed, mut done, mut is_own_here) = (None, 0, false);
            let Self { reader, stream, input, callers, unknown_replies, idle_words, .. } = self;
            let landed = match reader.landing() {
                Some(Landing { buffer, until, slack }) if input.tail().is_empty() => {
                    Some(input.poll_land(cx, &mut **stream, buffer, until, slack))
                }
                _ => None,
            };
            let mut receiving = Receiving {
                reader,
                callers,
                unknown_replies,
                idle_words,
                own,
                is_own_here: &mut is_own_here,
            };
            let take = |bytes: &[u8]| {
                let (used, outcome) = receiving.receive(connection, bytes);
                (failed, done) = (outcome.err(), used);
                used
            };
            let read = match landed {
                None => input.poll_read(cx, &mut **stream, take),
                Some(landed) => {
                    if let Poll::Ready(Ok(1..)) = landed {
                        input.retry(take);
                    }
                    landed
                }
            };
            if !self.callers.is_empty() {
                self.callers.drain(..).for_each(Waker::wake);
            }
            if let Some(error) = failed {
                return Poll::Ready(error);
            }
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    let text = "the server closed the connection";
                    return Poll::Ready(connection.error(Code::Unavailable, text, Phase::Wait));
                }
                Poll::Ready(Ok(_)) => {
                    self.reads += 1;
                    self.arrival.note(done, self.input.tail().len());
                    let partial = self.reader.partial();
                    self.arrival.note_bodies(partial.map(|partial| (partial.oldest, partial.came)));
                }
                Poll::Ready(Err(cause)) => return Poll::Ready(connection.broken(cause, Phase::Wait)),
            }
            // What else there is concerns others, of whom there are none, or the task is woken for them.
            if is_own_here {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What is needed to make replies of bytes.
struct Receiving<'i, R> {
    reader: &'i mut R,
    callers: &'i mut Vec<Waker>,
    unknown_replies: &'i mut usize,
    idle_words: &'i mut Window,
    own: Option<u64>,
    is_own_here: &'i mut bool,
}

impl<R: ReadReplies> Receiving<'_, R> {
    /// Hands replies to their callers. Returns how many bytes were taken, and why the stream has ended if so.
    #[inline]
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
            let rest = bytes.get(used..).unwrap_or_default();
            if let Some(PlainAnswer { id, format, bytes, used: taken }) = self.reader.plain(rest) {
                used += taken;
                let settled = state.pending.settle_plain(id, format, bytes);
                if let Err(ended) = self.found(connection, id, settled) {
                    return (used, Err(ended));
                }
                continue;
            }
            match self.reader.read(rest) {
                Ok(Read::Message {
                    message: Said::Answer(Answered { id, outcome, packed, metadata }),
                    used: taken,
                }) => {
                    used += taken;
                    let outcome = match outcome {
                        Err(error) if !error.is_remote() => Err(error.at_peer(connection.peer.clone())),
                        outcome => outcome,
                    };
                    let settled = state.pending.settle(id, outcome, packed, metadata);
                    if let Err(ended) = self.found(connection, id, settled) {
                        return (used, Err(ended));
                    }
                }
                Ok(Read::More { used: taken }) => {
                    if let Some(partial) = self.reader.partial()
                        && partial.needs_credit
                    {
                        self.grant(state, Whose::within(partial.held, connection.limits.bytes_in_flight_max));
                    }
                    if state.writer.unsent().bodies > 0 {
                        state.take_back();
                    }
                    return (used + taken, Ok(()));
                }
                Ok(Read::Message { message: Said::Word(word), used: taken }) => {
                    used += taken;
                    let at = state.out.len();
                    let is_idle = match state.writer.hear(&mut state.out, word) {
                        Ok(is_idle) => is_idle,
                        Err(error) => return (used, Err(state.lose_track(connection, error))),
                    };
                    if let Some(calls_max) = state.writer.calls_max() {
                        state.calls_max = connection.limits.calls_pending_max.min(calls_max);
                        // More may be let in than before.
                        self.callers.extend(connection.call_in(state));
                    }
                    connection.note_compression(state.writer.compression());
                    state.given += (state.out.len() - at) as u64;
                    if is_idle && self.idle_words.add().0 > connection.limits.pings_max {
                        let text = "the server asks too often whether anybody is there".to_owned();
                        return (used, ended(Code::Unavailable, text, Phase::Wait));
                    }
                }
                Ok(Read::Message { message: Said::Leaving { last, error }, used: taken }) => {
                    used += taken;
                    state.is_leaving = true;
                    connection.shut();
                    // What was taken and is not answered ends for this reason, if it is more than a farewell.
                    if error.code() != Code::Unavailable {
                        let text = error.message().to_owned();
                        state.parting = Some(connection.error(Code::Unavailable, text, Phase::Wait));
                    }
                    let error = error.at_peer(connection.peer.clone()).in_phase(Phase::Wait);
                    let error = error.not_executed();
                    state.pending.end(self.callers, |id, _, _| {
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
                Err(error) => return (used, Err(state.lose_track(connection, error))),
            }
        }
    }
}

impl<R> Receiving<'_, R> {
    /// A reply has found its caller, or nobody.
    #[inline]
    fn found<P: Protocol>(&mut self, connection: &Connection<P>, id: u64, settled: Settled) -> Result<()> {
        match settled {
            Settled::Caller(_) if self.own == Some(id) => *self.is_own_here = true,
            Settled::Caller(caller) => self.callers.push(caller),
            Settled::Late => {}
            Settled::Unknown => return self.found_nobody(connection, id),
        }
        Ok(())
    }

    #[cold]
    fn found_nobody<P: Protocol>(&mut self, connection: &Connection<P>, id: u64) -> Result<()> {
        tracing::debug!(peer = %connection.peer, id, "a reply to no call of ours");
        *self.unknown_replies += 1;
        if *self.unknown_replies <= connection.limits.unknown_replies_max {
            return Ok(());
        }
        Err(connection.error(Code::Unavailable, "too many replies to no call of ours", Phase::Wait))
    }
}

impl<R: ReadReplies> Receiving<'_, R> {
    /// Tells the server that more of its large bodies may come.
    #[cold]
    fn grant<W: WriteRequests<Word = R::Word>>(&mut self, state: &mut State<W, R>, whose: Whose) {
        let at = state.out.len();
        while let Some(word) = self.reader.grant(whose) {
            // What our own reader says is never wrong.
            let _ = state.writer.hear(&mut state.out, word);
        }
        state.given += (state.out.len() - at) as u64;
        state.wake_task();
    }
}

impl<W: WriteRequests, R> State<W, R> {
    /// The server's bytes make no sense any more: it is told so.
    #[cold]
    fn lose_track<P: Protocol>(&mut self, connection: &Connection<P>, error: Error) -> Error {
        let at = self.out.len();
        self.writer.leave(&mut self.out, &error);
        self.given += (self.out.len() - at) as u64;
        let text = format!("the server's stream cannot be followed: {}", error.message());
        let ended = connection.error(Code::Unavailable, text, Phase::Decode);
        let ended = if error.may_have_run() { ended } else { ended.not_executed() };
        ended.caused_by(error)
    }

    /// Sends no more of large requests that have been answered.
    #[cold]
    fn take_back(&mut self) {
        let at = self.out.len();
        let pending = &mut self.pending;
        self.writer.retain(&mut self.out, &mut |id| pending.waits(id));
        if self.out.len() > at {
            self.given += (self.out.len() - at) as u64;
            self.wake_task();
        }
    }
}
