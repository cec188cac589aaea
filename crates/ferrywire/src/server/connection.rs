//! One connection of the answering bank: bytes in, calls run, bytes out. It owns no socket and no clock.
//!
//! Calls run side by side inside the connection and answer in the order in which they finish. Every request
//! that was read is answered, unless the connection itself is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::bell::Bell;
use super::router::{Route, Router};
use super::seats::{Pending, Seats, Taken};
use crate::body::Sink;
use crate::codec::{Format, Preamble};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::message::{Ask, Asked, Missing, Read};
use crate::peer::Peer;
use crate::protocol::{Protocol, ReadRequests, WriteReplies};
use crate::service::Request;
use crate::timer;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// Calls that have not finished, on all connections.
    pub(crate) running: AtomicUsize,
}

/// How far a connection got with the bytes it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// How many bytes are done with.
    pub(crate) used: usize,
    /// Why it stopped there.
    pub(crate) stop: Stop,
}

/// Why a connection stopped reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The rest is not a whole message.
    NeedsBytes,
    /// It has enough to do; the rest waits.
    Busy,
    /// A fair share of messages was taken; others may have a turn.
    Share,
    /// Nothing more is read: the peer said so, or its stream cannot be followed.
    Ended,
}

/// The most messages taken before others have a turn.
const SHARE: usize = 256;

/// One connection that speaks `P`.
pub(crate) struct Connection<P: Protocol> {
    reader: P::ReadRequests,
    bank: Bank<P>,
    ended: bool,
}

/// All of a connection but its reader, from which a request borrows.
struct Bank<P: Protocol> {
    writer: P::WriteReplies,
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    bell: Arc<Bell>,
    seats: Seats<P::Tag>,
    woken: Vec<usize>,
    /// The route of the latest call: the next one often has the same.
    last: Option<Route>,
    conduct: Conduct,
    out: Vec<u8>,
}

/// What a peer has done that is legal but of no use.
#[derive(Debug, Default)]
struct Conduct {
    unknown_methods: Window,
    undecodable_bodies: usize,
    duplicate_ids: usize,
    cancels: Window,
    /// Calls that ended by themselves since the cancels' window began.
    completed: usize,
    /// What was too much.
    verdict: Option<&'static str>,
}

/// Counts within stretches of ten seconds.
#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    count: usize,
}

impl Window {
    /// Counts one more; returns how many there were in this stretch, and whether a new one has begun.
    fn add(&mut self) -> (usize, bool) {
        let now = Instant::now();
        let is_new = self
            .began
            .is_none_or(|began| now - began > Duration::from_secs(10));
        if is_new {
            (self.began, self.count) = (Some(now), 0);
        }
        self.count += 1;
        (self.count, is_new)
    }
}

impl<P: Protocol> Connection<P> {
    pub(crate) fn new(shared: Arc<Shared>, peer: Arc<Peer>, bell: Arc<Bell>) -> Self {
        let reader = P::ReadRequests::new(&shared.limits);
        let writer = P::WriteReplies::new(&shared.limits);
        let seats = Seats::new(shared.router.len(), bell.clone(), peer.clone());
        let bank = Bank {
            writer,
            shared,
            peer,
            bell,
            seats,
            woken: Vec::new(),
            last: None,
            conduct: Conduct::default(),
            out: Vec::new(),
        };
        Self {
            reader,
            bank,
            ended: false,
        }
    }

    /// Takes whole messages from the front of `bytes`, and starts what they ask for.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Received {
        let mut used = 0;
        for _ in 0..SHARE {
            if self.ended {
                return Received {
                    used,
                    stop: Stop::Ended,
                };
            }
            if !self.bank.has_room() {
                return Received {
                    used,
                    stop: Stop::Busy,
                };
            }
            match self.reader.read(bytes.get(used..).unwrap_or_default()) {
                Ok(Read::Message {
                    message,
                    used: taken,
                }) => {
                    used += taken;
                    match message {
                        Asked::Call(ask) => self.bank.call(ask),
                        Asked::Cancel { target, reply_to } => self.bank.cancel(&target, reply_to),
                    }
                    self.ended |= self.bank.has_had_enough();
                }
                Ok(Read::More { used: taken }) => {
                    return Received {
                        used: used + taken,
                        stop: Stop::NeedsBytes,
                    };
                }
                Ok(Read::End) => self.ended = true,
                Err(error) => {
                    // As Go does: no reply to what cannot be read, but one to everything before it.
                    tracing::debug!(peer = %self.bank.peer, %error, "a request cannot be read");
                    self.ended = true;
                }
            }
        }
        Received {
            used,
            stop: Stop::Share,
        }
    }

    /// Polls the calls that were woken.
    pub(crate) fn poll_woken(&mut self) {
        self.bank.poll_woken();
    }

    /// Ends every call whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.bank.expire(now);
    }

    /// No further request is read.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Drops every call without a reply: the peer is gone.
    pub(crate) fn clear(&mut self) {
        self.bank.clear();
    }

    /// Whether a request would be read now.
    #[inline]
    pub(crate) fn wants_bytes(&self) -> bool {
        !self.ended && self.bank.has_room()
    }

    /// Whether no request will be read any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many calls have not finished.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.bank.seats.pending()
    }

    /// The earliest deadline of the calls that have not finished.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.bank.seats.next_deadline()
    }

    /// What is to be sent; whoever sends takes it from here.
    #[inline]
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.bank.out
    }

    /// Gives back memory that a burst has left.
    pub(crate) fn rest(&mut self) {
        self.bank.seats.shrink();
    }
}

impl<P: Protocol> Bank<P> {
    fn has_room(&self) -> bool {
        self.seats.pending() < self.shared.limits.calls_per_connection_max
            && self.out.len() < self.shared.limits.outbound_len_max
    }

    fn call(&mut self, ask: Ask<'_, P::Tag>) {
        let limits = &self.shared.limits;
        if ask.method.len() > limits.method_len_max {
            let text = format!(
                "a method name of {} bytes is over the limit of {}",
                ask.method.len(),
                limits.method_len_max
            );
            let shown = ask.method.get(..limits.method_len_max).unwrap_or_default();
            self.note_unknown_method();
            let error = Error::new(Code::InvalidArgument, text).not_executed();
            return self.writer.refuse(&mut self.out, &ask.tag, shown, &error);
        }
        let route = match self.shared.router.find(ask.method, self.last) {
            Ok(route) => route,
            Err(missing) => return self.refuse_missing(&ask, missing),
        };
        self.last = Some(route);
        if self.seats.holds(&ask.tag) {
            self.conduct.duplicate_ids += 1;
            if self.conduct.duplicate_ids >= limits.duplicate_ids_max {
                self.conduct.verdict = Some("ids of calls in flight were used again");
            }
            let text = format!(
                "the id {:?} belongs to a call that has not finished",
                ask.tag
            );
            let error = Error::new(Code::InvalidArgument, text).not_executed();
            return self
                .writer
                .refuse(&mut self.out, &ask.tag, ask.method, &error);
        }
        if self.shared.running.load(Ordering::Relaxed) >= limits.calls_max {
            let text = format!(
                "{} calls are running, the most that this server runs",
                limits.calls_max
            );
            let error = Error::new(Code::ResourceExhausted, text).not_executed();
            return self
                .writer
                .refuse(&mut self.out, &ask.tag, ask.method, &error);
        }
        let body = match ask.body {
            Ok(body) => body,
            Err(error) => {
                self.note_undecodable_body();
                return self
                    .writer
                    .refuse(&mut self.out, &ask.tag, ask.method, &error);
            }
        };
        let timeout = limits.granted(ask.timeout);
        let request = Request {
            method: route.method,
            body,
            timeout,
            metadata: ask.metadata,
        };
        self.run(route, ask.tag, request);
    }

    #[inline]
    fn run(&mut self, route: Route, tag: P::Tag, request: Request<'_>) {
        let Some(taken) = self.seats.take(&self.shared.router, route) else {
            return;
        };
        self.shared.router.count(route);
        let (format, timeout) = (request.body.format, request.timeout);
        let at = self.out.len();
        self.writer
            .open(&mut self.out, &tag, self.shared.router.full_name(route));
        let body_at = self.out.len();
        let mut sink = Sink::new(format, &mut self.out);
        match self.seats.start(&taken, request, &mut sink) {
            Poll::Ready(outcome) => {
                let preamble = sink.preamble;
                self.seats.free(taken);
                self.answer(Reply {
                    at,
                    body_at,
                    tag,
                    route,
                    outcome,
                    preamble,
                });
            }
            Poll::Pending => {
                self.out.truncate(at);
                self.keep(&taken, tag, timeout, format);
            }
        }
    }

    #[cold]
    fn keep(&mut self, taken: &Taken, tag: P::Tag, timeout: Duration, format: Format) {
        self.shared.running.fetch_add(1, Ordering::Relaxed);
        self.seats.keep(
            taken,
            Pending {
                tag,
                deadline: timer::after(timeout),
                format,
            },
        );
    }

    /// Completes a reply whose body has been written, or turns it into an error reply.
    #[inline]
    fn answer(&mut self, reply: Reply<P::Tag>) {
        let Reply {
            at,
            body_at,
            tag,
            route,
            outcome,
            preamble,
        } = reply;
        self.conduct.completed += 1;
        let outcome = match outcome {
            Ok(()) => self.fits(body_at),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.conduct.undecodable_bodies = 0;
                self.writer.close(&mut self.out, body_at, &tag, preamble);
            }
            Err(error) => {
                self.out.truncate(at);
                if error.phase() == Some(Phase::Decode) {
                    self.note_undecodable_body();
                }
                let name = self.shared.router.full_name(route);
                self.writer.refuse(&mut self.out, &tag, name, &error);
            }
        }
    }

    fn fits(&self, body_at: usize) -> Result<()> {
        let (len, limit) = (
            self.out.len().saturating_sub(body_at),
            self.shared.limits.frame_len_max,
        );
        if len <= limit {
            return Ok(());
        }
        let text = format!("a reply of {len} bytes is over the limit of {limit}");
        Err(Error::new(Code::ResourceExhausted, text))
    }

    fn poll_woken(&mut self) {
        let mut woken = std::mem::take(&mut self.woken);
        self.bell.take_woken(&mut woken);
        for index in woken.drain(..) {
            let at = self.out.len();
            let mut body_at = at;
            let (writer, router) = (&self.writer, &self.shared.router);
            let polled = self.seats.poll(index, &mut self.out, |tag, route, out| {
                writer.open(out, tag, router.full_name(route));
                body_at = out.len();
            });
            match polled {
                Some((Poll::Ready(outcome), preamble)) => {
                    let Some((call, route)) = self.seats.finish(index) else {
                        continue;
                    };
                    self.shared.running.fetch_sub(1, Ordering::Relaxed);
                    self.answer(Reply {
                        at,
                        body_at,
                        tag: call.tag,
                        route,
                        outcome,
                        preamble,
                    });
                }
                Some((Poll::Pending, _)) | None => self.out.truncate(at),
            }
        }
        self.woken = woken;
    }

    fn expire(&mut self, now: Instant) {
        while let Some((call, route)) = self.seats.expire(now) {
            self.shared.running.fetch_sub(1, Ordering::Relaxed);
            let error = Error::new(
                Code::DeadlineExceeded,
                "deadline exceeded while the method was running",
            );
            let name = self.shared.router.full_name(route);
            self.writer.refuse(&mut self.out, &call.tag, name, &error);
        }
    }

    fn cancel(&mut self, target: &P::Tag, reply_to: Option<P::Tag>) {
        let (cancels, is_new) = self.conduct.cancels.add();
        if is_new {
            self.conduct.completed = 0;
        }
        if cancels > self.shared.limits.cancels_max && self.conduct.completed < cancels / 100 {
            self.conduct.verdict = Some("nearly every call was withdrawn");
        }
        if let Some((call, route)) = self.seats.cancel(target) {
            self.shared.running.fetch_sub(1, Ordering::Relaxed);
            let error = Error::new(Code::Cancelled, "the caller has withdrawn the call");
            let name = self.shared.router.full_name(route);
            self.writer.refuse(&mut self.out, &call.tag, name, &error);
        }
        if let Some(tag) = reply_to {
            self.writer.acknowledge(&mut self.out, &tag);
        }
    }

    fn refuse_missing(&mut self, ask: &Ask<'_, P::Tag>, missing: Missing) {
        self.note_unknown_method();
        self.writer
            .refuse_missing(&mut self.out, &ask.tag, ask.method, missing);
    }

    fn note_unknown_method(&mut self) {
        if self.conduct.unknown_methods.add().0 > self.shared.limits.unknown_methods_max {
            self.conduct.verdict = Some("methods that do not exist were called");
        }
    }

    fn note_undecodable_body(&mut self) {
        self.conduct.undecodable_bodies += 1;
        if self.conduct.undecodable_bodies >= self.shared.limits.undecodable_bodies_max {
            self.conduct.verdict = Some("arguments that do not decode were sent");
        }
    }

    fn has_had_enough(&self) -> bool {
        let Some(verdict) = self.conduct.verdict else {
            return false;
        };
        tracing::info!(peer = %self.peer, verdict, "closing a connection: too often");
        true
    }

    fn clear(&mut self) {
        let ended = self.seats.clear();
        self.shared.running.fetch_sub(ended, Ordering::Relaxed);
    }
}

/// A finished call on its way into the buffer.
struct Reply<Tag> {
    at: usize,
    body_at: usize,
    tag: Tag,
    route: Route,
    outcome: Result<()>,
    preamble: Option<&'static Preamble>,
}

impl<P: Protocol> Drop for Connection<P> {
    fn drop(&mut self) {
        self.clear();
    }
}
