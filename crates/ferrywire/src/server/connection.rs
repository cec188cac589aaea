//! One connection of the answering bank: bytes in, calls run, bytes out. It owns no socket and no clock.
//!
//! Calls run side by side inside the connection and answer in the order in which they finish. Every request
//! that was read is answered, unless the connection itself is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::bell::Bell;
use super::conduct::Conduct;
use super::http;
use super::router::{Route, Router, Run, Tally};
use super::seats::{Pending, Seats};
use super::spawned::{Finished, Outcome};
use crate::body::{Body, SPLICE_LEN_MIN, Sink, Splice, Written};
use crate::codec::Format;
use crate::compression::{Compression, Packed};
use crate::description::{Method, SCHEMA_LINE};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::{Hits, Limits};
use crate::message::{Ask, Asked, Missing, Plain, Read, Wanted};
use crate::peer::Peer;
use crate::protocol::tunnel::Paths;
use crate::protocol::{Landing, Partial, Protocol, ReadRequests, Terms, Whose, WriteReplies};
use crate::service::Request;
use crate::sync::{AtomicUsize, Stopwatch};
use crate::timer;

#[cfg(feature = "http")]
mod whole;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// Whether damage on the way must be noticed, where the wire can say so.
    pub(crate) checksum: bool,
    /// How large replies are compressed, where the wire can say so.
    pub(crate) compression: Option<Compression>,
    /// What is answered over HTTP, and whom.
    pub(crate) paths: Paths,
    /// Who answers at the paths of plug-ins.
    pub(crate) shelf: http::Shelf,
    /// Calls that have not finished, on all connections.
    pub(crate) running: AtomicUsize,
    /// Bytes that connections hold: what has come and is not done with, what is to be sent.
    pub(crate) held: AtomicUsize,
    /// Beyond so many of them no call is begun.
    pub(crate) held_soft_max: usize,
    /// Connections that are being served.
    pub(crate) serving: AtomicUsize,
    pub(crate) hits: Hits,
}

impl Shared {
    /// For a server of these services.
    pub(crate) fn new(router: Router, limits: Limits) -> Self {
        let (running, held, serving) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let (checksum, compression, hits) = (false, None, Hits::default());
        let (paths, shelf) = (Paths::default(), http::Shelf::default());
        let held_soft_max = limits.bytes_in_flight_max / 100 * 95;
        Self {
            router,
            limits,
            checksum,
            compression,
            paths,
            shelf,
            running,
            held,
            held_soft_max,
            serving,
            hits,
        }
    }

    /// A connection holds so many bytes from now on, of which it has said `said` before; names the limit if all
    /// together hold too much and this one has more than its share of it.
    pub(crate) fn account(&self, said: &mut usize, held: usize) -> Option<&'static str> {
        if held == 0 && *said == 0 {
            return None;
        }
        match held.cmp(said) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Less => {
                self.held.fetch_sub(*said - held, Ordering::Relaxed);
            }
            std::cmp::Ordering::Greater => {
                self.held.fetch_add(held - *said, Ordering::Relaxed);
            }
        }
        *said = held;
        let most = self.limits.bytes_in_flight_max;
        let share = most / self.serving.load(Ordering::Relaxed).max(1);
        (self.held.load(Ordering::Relaxed) > most && held > share).then_some("bytes_in_flight_max")
    }

    /// Whether as many calls run as may.
    #[inline]
    fn is_full(&self) -> bool {
        self.running.load(Ordering::Relaxed) >= self.limits.calls_max
    }

    /// Whether all connections together hold nearly as many bytes as they may.
    #[inline]
    fn is_over_budget(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.held_soft_max
    }

    /// What holds on each connection.
    pub(crate) fn terms(&self) -> Terms<'_> {
        let (checksum, compression) = (self.checksum, self.compression);
        Terms { checksum, compression, ..Terms::new(&self.limits) }
    }
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
    /// It has enough to do; the rest waits, from a request on if only seats are missing.
    Busy,
    /// A fair share of messages was taken; others may have a turn.
    Share,
    /// Nothing more is read: the peer said so, or its stream cannot be followed.
    Ended,
}

/// So much of large bodies is handed out at a time: what is small waits for it.
const PIECES_LEN: usize = 256 * 1024;

/// The most messages taken before others have a turn.
const SHARE: usize = 256;

/// One connection that speaks `P`.
pub(crate) struct Connection<P: Protocol> {
    reader: P::ReadRequests,
    bank: Bank<P>,
    /// No further request is taken.
    ended: bool,
    /// Nothing at all is read any more.
    is_deaf: bool,
    /// When bytes were last looked at without a free seat, a request was at their front: it waits for one.
    awaits_seat: bool,
}

/// All of a connection but its reader, from which a request borrows.
struct Bank<P: Protocol> {
    writer: P::WriteReplies,
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    bell: Arc<Bell>,
    seats: Seats<P::Tag>,
    woken: Vec<usize>,
    finished: Vec<Finished>,
    /// The route of the latest call: the next one often has the same.
    last: Option<Route>,
    /// The latest call that was taken.
    last_tag: Option<P::Tag>,
    tally: Tally,
    /// How long callers wait that do not say so with a request: what they said once, and what is granted.
    usual_timeout: (Option<Duration>, Duration),
    conduct: Conduct,
    out: Vec<u8>,
    /// Bytes that were taken out of `out` and are not sent.
    unsent: usize,
    /// How long the bytes that are being read have waited for their turn.
    waited: Duration,
}

impl<P: Protocol> Connection<P> {
    pub(crate) fn new(shared: Arc<Shared>, peer: Arc<Peer>, bell: Arc<Bell>) -> Self {
        let terms = shared.terms();
        let (reader, mut writer) = (P::ReadRequests::new(&terms), P::WriteReplies::new(&terms));
        let mut out = Vec::new();
        writer.greet(&mut out, &terms, &mut shared.router.offers());
        let seats = Seats::new(shared.clone(), bell.clone(), peer.clone());
        let usual_timeout = (None, shared.limits.granted(None));
        let bank = Bank {
            writer,
            shared,
            peer,
            bell,
            seats,
            woken: Vec::new(),
            finished: Vec::new(),
            last: None,
            last_tag: None,
            tally: Tally::default(),
            usual_timeout,
            conduct: Conduct::default(),
            out,
            unsent: 0,
            waited: Duration::ZERO,
        };
        Self { reader, bank, ended: false, is_deaf: false, awaits_seat: false }
    }

    /// As [`receive`](Self::receive), for bytes that have waited here since they came: the callers' time has
    /// gone on.
    pub(crate) fn receive_late(&mut self, bytes: &[u8], waited: Duration) -> Received {
        self.bank.waited = waited;
        let received = self.receive(bytes);
        self.bank.waited = Duration::ZERO;
        received
    }

    /// Takes whole messages from the front of `bytes`, and starts what they ask for.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Received {
        let received = self.receive_share(bytes);
        self.bank.shared.router.tell(&mut self.bank.tally);
        received
    }

    fn receive_share(&mut self, bytes: &[u8]) -> Received {
        let mut used = 0;
        for _ in 0..SHARE {
            let rest = bytes.get(used..).unwrap_or_default();
            if self.ended {
                if !self.listens_on() {
                    return Received { used, stop: Stop::Ended };
                }
            } else if !self.bank.has_room() {
                if self.has_to_wait(rest) {
                    return Received { used, stop: Stop::Busy };
                }
            } else if let Some(plain) = self.reader.plain(rest) {
                used += plain.used;
                self.bank.call_plain(plain);
                self.check_conduct();
                continue;
            }
            match self.reader.read(rest) {
                Ok(Read::Message { message, used: taken }) => {
                    used += taken;
                    match message {
                        Asked::Call(ask) if self.ended => self.bank.call_behind_farewell(&ask.tag),
                        Asked::Call(ask) => self.bank.call(ask),
                        Asked::Cancel { target, reply_to } => self.bank.cancel(&target, reply_to),
                        Asked::Withdrawn(tag) => self.bank.withdrawn(&tag),
                        Asked::Word(word) => {
                            if let Err(error) = self.bank.hear(word) {
                                self.fail(&error);
                            }
                            self.bank.note_usual_timeout(self.reader.usual_timeout());
                        }
                    }
                    self.check_conduct();
                }
                Ok(Read::More { used: taken }) => {
                    return Received { used: used + taken, stop: Stop::NeedsBytes };
                }
                Ok(Read::End) => self.end(),
                Err(error) => self.fail(&error),
            }
        }
        self.awaits_seat = false;
        Received { used, stop: Stop::Share }
    }

    /// Whether what is at the front of `bytes` waits, now that there is no room: anything while replies pile up,
    /// and a request while every seat is taken. Withdrawals are heard then: they are what makes room.
    #[cold]
    fn has_to_wait(&mut self, bytes: &[u8]) -> bool {
        let is_piled_up = !self.bank.may_answer();
        self.awaits_seat = !is_piled_up && self.reader.begins_request(bytes);
        is_piled_up || self.awaits_seat
    }

    /// Nothing more is read: the stream cannot be followed.
    fn fail(&mut self, error: &Error) {
        // As Go does: no reply to what cannot be read, but one to everything before it.
        tracing::debug!(peer = %self.bank.peer, %error, "a request cannot be read");
        if !self.ended {
            self.bank.leave(Some(error));
        }
        self.end();
    }

    #[inline]
    fn check_conduct(&mut self) {
        if self.bank.has_had_enough() {
            self.end();
        }
    }

    /// Whether what the peer says still matters though no request is taken: bodies of replies may need it, calls may
    /// be withdrawn, and who waits long may ask whether anybody is there.
    fn listens_on(&self) -> bool {
        let waits = P::PINGS && self.pending() > 0;
        !self.is_deaf && (waits || self.bank.writer.unsent().bodies > 0) && self.bank.may_answer()
    }

    /// Polls the calls that were woken.
    pub(crate) fn poll_woken(&mut self) {
        self.bank.poll_woken();
        if !self.ended {
            self.check_conduct();
        }
    }

    /// Ends every call whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.bank.expire(now);
    }

    /// No further request is read: the peer has ended its direction.
    pub(crate) fn end(&mut self) {
        (self.ended, self.is_deaf) = (true, true);
    }

    /// No further request is read: the server is shut down, or what else goes over the connection is not as it must
    /// be.
    pub(crate) fn leave(&mut self) {
        if !self.ended {
            let blame = self.bank.bell.blame();
            self.bank.leave(blame.as_ref());
            self.ended = true;
        }
    }

    /// No further request is read: nothing has happened for too long.
    pub(crate) fn leave_idle(&mut self) {
        if !self.ended {
            self.bank.leave(Some(&Error::new(Code::Unavailable, "it has been idle for too long")));
            self.ended = true;
        }
    }

    /// Says that somebody is there.
    pub(crate) fn ping(&mut self) {
        self.bank.writer.ping(&mut self.bank.out);
    }

    /// Drops every call without a reply: the peer is gone.
    pub(crate) fn clear(&mut self) {
        self.bank.clear();
    }

    /// Whether what comes would be read now.
    #[inline]
    pub(crate) fn wants_bytes(&self) -> bool {
        match self.ended {
            false => self.bank.has_room() || (!self.awaits_seat && self.bank.may_answer()),
            true => self.listens_on(),
        }
    }

    /// Where the next bytes belong, if they are those of a large body.
    #[inline]
    pub(crate) fn landing(&mut self) -> Option<Landing<'_>> {
        // A body that has to wait for a seat waits in front of the reader, where it is found when there is one.
        if !self.bank.has_seat() {
            return None;
        }
        self.reader.landing()
    }

    /// What there is of bodies that are not whole.
    #[inline]
    pub(crate) fn partial(&self) -> Option<Partial> {
        self.reader.partial()
    }

    /// Lets the peer go on with bodies that wait for that, unless too many bytes are held; says whether none
    /// waits for that reason.
    ///
    /// `held` is what all connections hold.
    pub(crate) fn grant(&mut self, held: usize) -> bool {
        if !self.reader.partial().is_some_and(|partial| partial.needs_credit) {
            return true;
        }
        let shared = &*self.bank.shared;
        let whose = Whose::within(held, shared.limits.bytes_in_flight_max);
        if whose == Whose::Nobodys {
            shared.hits.note("bytes_in_flight_max");
        }
        while let Some(word) = self.reader.grant(whose) {
            // What our own reader says is never wrong.
            let _ = self.bank.hear(word);
        }
        !self.reader.partial().is_some_and(|partial| partial.needs_credit)
    }

    /// Whether there are bodies of replies of which a piece can be sent.
    #[inline]
    pub(crate) fn has_pieces(&self) -> bool {
        self.bank.writer.unsent().can_go_on
    }

    /// Whether there are bodies of replies of which a piece can be sent, or could be if the peer said so.
    pub(crate) fn has_unsent(&self) -> bool {
        let unsent = self.bank.writer.unsent();
        unsent.can_go_on || unsent.bodies > 0 && !self.is_deaf
    }

    /// Adds such pieces to what is about to be sent.
    pub(crate) fn put_pieces(&mut self, buffer: &mut Vec<u8>, splices: &mut Vec<(usize, Bytes)>) {
        self.bank.writer.pieces(buffer, splices, PIECES_LEN);
    }

    /// Whether calls can be answered that had to wait for room.
    pub(crate) fn has_answers(&self) -> bool {
        self.bank.has_answers()
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

    /// Says how many bytes were taken out of [`out`](Self::out) and are not sent.
    #[inline]
    pub(crate) fn note_unsent(&mut self, unsent: usize) {
        self.bank.unsent = unsent;
        let most = self.bank.shared.limits.outbound_len_max;
        self.bank.bell.note_waiting(self.bank.waiting(), most);
    }

    /// Whether as many bytes of replies wait to be sent as may.
    pub(crate) fn is_piled_up(&self) -> bool {
        self.bank.waiting() + self.bank.writer.unsent().len >= self.bank.shared.limits.outbound_len_max
    }

    /// How many bytes it holds: arguments of running calls, and replies that have not been sent.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        let partial = self.reader.partial().map_or(0, |partial| partial.held);
        self.bank.seats.held() + self.bank.waiting() + self.bank.writer.unsent().kept + partial
    }

    /// Gives back memory that a burst has left.
    pub(crate) fn rest(&mut self) {
        self.bank.seats.shrink();
    }
}

impl<P: Protocol> Bank<P> {
    #[inline]
    fn has_room(&self) -> bool {
        self.has_seat() && self.may_answer()
    }

    /// Whether another call may run.
    #[inline]
    fn has_seat(&self) -> bool {
        self.seats.taken() < self.shared.limits.calls_per_connection_max
    }

    /// Whether what is read may be answered.
    #[inline]
    fn may_answer(&self) -> bool {
        self.waiting() < self.shared.limits.outbound_len_max && !self.is_choked()
    }

    /// Whether enough large replies wait, and will be sent: one that waits for the peer's credit is no reason
    /// not to read what the peer says.
    #[inline]
    fn is_choked(&self) -> bool {
        const BODIES_MAX: usize = 8;
        let unsent = self.writer.unsent();
        unsent.bodies >= BODIES_MAX && unsent.can_go_on && unsent.len >= self.shared.limits.outbound_len_max
    }

    /// How many bytes of replies wait to be sent, those of spawned calls included.
    #[inline]
    fn waiting(&self) -> usize {
        let finished = match self.finished.is_empty() {
            true => 0,
            false => self.finished.iter().map(Finished::len).sum(),
        };
        finished + self.out.len() + self.unsent
    }

    /// Whether another reply may wait to be sent.
    fn has_room_out(&self) -> bool {
        self.out.len() + self.unsent < self.shared.limits.outbound_len_max && !self.is_choked()
    }

    /// Whether calls wait for room to be answered, and there is some.
    fn has_answers(&self) -> bool {
        !(self.woken.is_empty() && self.finished.is_empty()) && self.has_room_out()
    }

    /// Callers usually wait so long.
    fn note_usual_timeout(&mut self, timeout: Option<Duration>) {
        self.usual_timeout = (timeout, self.shared.limits.granted(timeout));
    }

    /// Runs a request as most are, without looking at what it does not say.
    #[inline]
    fn call_plain(&mut self, plain: Plain<'_, P::Tag>) {
        let Plain { tag, number, format, bytes, .. } = plain;
        let shared = &*self.shared;
        match shared.router.at(number) {
            Some(route) if self.waited.is_zero() && !shared.is_full() && !shared.is_over_budget() => {
                self.last_tag = Some(tag.clone());
                let body = Body { format, bytes, types: None, shared: None };
                let (method, timeout) = (route.method as usize, self.usual_timeout.1);
                self.run_here(route, tag, Request { method, body, timeout, metadata: None });
            }
            _ => self.call_carefully(tag, number, format, bytes),
        }
    }

    /// As [`call`](Self::call), for a plain request for which something is in the way.
    #[cold]
    fn call_carefully(&mut self, tag: P::Tag, number: u16, format: Format, bytes: &[u8]) {
        let (method, timeout) = (Wanted::Numbered(number), self.usual_timeout.0);
        let body = Ok(Body { format, bytes, types: None, shared: None });
        self.call(Ask { tag, method, body, packed: None, timeout, metadata: None });
    }

    fn call(&mut self, ask: Ask<'_, P::Tag>) {
        let refused = match self.admit(&ask) {
            Ok(route)
                if !self.waited.is_zero() && ask.timeout.is_some_and(|timeout| timeout <= self.waited) =>
            {
                let text = "the deadline passed before the method was begun";
                let error = Error::new(Code::DeadlineExceeded, text).not_executed();
                return self.refuse_late(&ask.tag, route, &error);
            }
            Ok(route) => match ask.body {
                Ok(body) => {
                    let timeout =
                        self.shared.limits.granted(ask.timeout.map(|timeout| timeout - self.waited));
                    if self.last_tag.as_ref().is_none_or(|last| P::WriteReplies::is_later(&ask.tag, last)) {
                        self.last_tag = Some(ask.tag.clone());
                    }
                    let method = route.method as usize;
                    let request = Request { method, body, timeout, metadata: ask.metadata };
                    return match ask.packed {
                        None => self.run(route, ask.tag, request),
                        Some(packed) => self.run_packed(route, ask.tag, request, packed),
                    };
                }
                Err(error) => {
                    self.conduct.undecodable_body(&self.shared.limits);
                    error
                }
            },
            Err(Refusal::Missing(name, missing)) => {
                self.conduct.unknown_method(&self.shared.limits);
                return self.writer.refuse_missing(&mut self.out, &ask.tag, name, missing);
            }
            Err(Refusal::With(error)) => error.not_executed(),
        };
        // Of a name that is too long, no more than the limit goes back.
        let name = match ask.method {
            Wanted::Named { name, .. } => {
                name.get(..name.len().min(self.shared.limits.method_len_max)).unwrap_or_default()
            }
            Wanted::Numbered(_) => b"",
        };
        self.refuse(&ask.tag, name, &refused);
    }

    /// A request came behind the farewell. Of a later one than that named, it said that it has not run; an earlier
    /// one is a large request whose rest has come.
    #[cold]
    fn call_behind_farewell(&mut self, tag: &P::Tag) {
        if self.last_tag.as_ref().is_some_and(|last| !P::WriteReplies::is_later(tag, last)) {
            let error = Error::new(Code::Unavailable, "the server takes no further calls").not_executed();
            self.refuse(tag, b"", &error);
        }
    }

    /// Runs a call whose argument is compressed.
    #[cold]
    fn run_packed(&mut self, route: Route, tag: P::Tag, request: Request<'_>, packed: Packed) {
        match packed.unpack(request.body.bytes, self.shared.limits.frame_len_max) {
            Ok(whole) => {
                let whole = Bytes::from(whole);
                let body = Body { bytes: &whole, shared: Some(&whole), ..request.body };
                self.run(route, tag, Request { body, ..request });
            }
            Err(error) => {
                self.conduct.undecodable_body(&self.shared.limits);
                self.refuse_route(&tag, route, &error.not_executed());
            }
        }
    }

    /// Appends an error reply of a method.
    fn refuse_route(&mut self, tag: &P::Tag, route: Route, error: &Error) {
        let shared = self.shared.clone();
        self.refuse(tag, shared.router.full_name(route), error);
    }

    /// Appends the reply to a call of a method whose time has passed.
    fn refuse_late(&mut self, tag: &P::Tag, route: Route, error: &Error) {
        self.shared.hits.note("handler_timeout");
        self.writer.refuse_late(&mut self.out, tag, self.shared.router.full_name(route), error);
    }

    /// Appends an error reply. A text beyond what a message may hold is replaced.
    fn refuse(&mut self, tag: &P::Tag, name: &[u8], error: &Error) {
        // The rest of the limit is for the header around the text.
        let limit = self.shared.limits.frame_len_max.saturating_sub(name.len() + 64);
        let len = error.message_bytes().len();
        if len <= limit {
            return self.writer.refuse(&mut self.out, tag, name, error);
        }
        self.shared.hits.note("frame_len_max");
        let text = format!("an error text of {len} bytes is over the limit of {limit}");
        self.writer.refuse(&mut self.out, tag, name, &Error::new(error.code(), text));
    }

    /// The method that is asked for, if it may run.
    #[inline]
    fn admit<'b>(&mut self, ask: &Ask<'b, P::Tag>) -> Result<Route, Refusal<'b>> {
        let refused = |code, text| Err(Refusal::With(Error::new(code, text)));
        let route = match ask.method {
            Wanted::Numbered(number) => match self.shared.router.at(number) {
                Some(route) => route,
                None => {
                    self.conduct.unknown_method(&self.shared.limits);
                    return refused(Code::Unimplemented, format!("no method has the number {number}"));
                }
            },
            Wanted::Named { name, fingerprint } => self.find(name, fingerprint, ask)?,
        };
        if !P::IDS_GROW && self.seats.holds(&ask.tag) {
            self.conduct.duplicate_id(&self.shared.limits);
            let text = format!("the id {:?} belongs to a call that has not finished", ask.tag);
            return refused(Code::InvalidArgument, text);
        }
        let shared = &*self.shared;
        if shared.is_full() {
            shared.hits.note("calls_max");
            let most = shared.limits.calls_max;
            let text = format!("{most} calls are running, the most that this server runs");
            return refused(Code::ResourceExhausted, text);
        }
        if shared.is_over_budget() {
            shared.hits.note("bytes_in_flight_max");
            let text = "the server holds as many bytes of messages as it may";
            return refused(Code::ResourceExhausted, text.to_owned());
        }
        Ok(route)
    }

    /// The method of a name, if its types are those that the caller has in mind.
    fn find<'b>(
        &mut self,
        name: &'b [u8],
        fingerprint: u64,
        ask: &Ask<'b, P::Tag>,
    ) -> Result<Route, Refusal<'b>> {
        let shared = &*self.shared;
        if name.len() > shared.limits.method_len_max {
            self.conduct.unknown_method(&shared.limits);
            shared.hits.note("method_len_max");
            let (len, limit) = (name.len(), shared.limits.method_len_max);
            let text = format!("a method name of {len} bytes is over the limit of {limit}");
            return Err(Refusal::With(Error::new(Code::InvalidArgument, text)));
        }
        let found = shared.router.find(name, self.last);
        let route = found.map_err(|missing| Refusal::Missing(name, missing))?;
        self.last = Some(route);
        if fingerprint != 0
            && let Some(described) = shared.router.described(route)
            && let Ok(body) = &ask.body
            && !body.format.is_self_describing()
            && ![0, fingerprint].contains(&described.fingerprint())
        {
            return Err(Refusal::With(other_schema(name, described)));
        }
        Ok(route)
    }

    fn run(&mut self, route: Route, tag: P::Tag, request: Request<'_>) {
        self.run_here(route, tag, request);
    }

    /// Inlined where a plain request is run, so that what that does not say is nowhere looked at.
    #[inline(always)]
    fn run_here(&mut self, route: Route, tag: P::Tag, mut request: Request<'_>) {
        let (format, timeout) = (request.body.format, request.timeout);
        let beside = request.metadata.as_ref().map_or(0, |metadata| metadata.held());
        let held = request.body.bytes.len() + beside;
        // Only a call that goes on has to know when it ends: for the others no clock is read.
        let pending = |tag| Pending { tag, deadline: timer::after(timeout), format, held };
        let watched = match self.shared.router.count(&mut self.tally, route) {
            Run::Inline => None,
            Run::Watched => Some(Stopwatch::now()),
            Run::Spawned => return self.seats.spawn(route, request, pending(tag), P::SPLICES),
        };
        let at = self.out.len();
        self.writer.open(&mut self.out, &tag, self.shared.router.full_name(route), format);
        let body_at = self.out.len();
        let mut sink = Sink::new(format, &mut self.out);
        sink.may_splice = P::SPLICES;
        let polled = self.seats.start(route, &mut request, &mut sink);
        if let Some(began) = watched {
            let bytes = held + sink.out.len() - body_at;
            self.shared.router.note_time(route, began.elapsed(), bytes);
        }
        let written = sink.written;
        match polled {
            Some(Poll::Ready(Ok(()))) if written.is_plain() && self.is_short(body_at) => {
                self.conduct.answered();
                self.writer.close(&mut self.out, at, body_at, &tag, Written::default());
                written.done();
            }
            Some(Poll::Ready(outcome)) => {
                self.answer(Reply { at, body_at, tag, route, outcome, written });
            }
            Some(Poll::Pending) => {
                self.out.truncate(at);
                self.seats.keep(route, pending(tag));
            }
            // No method of ours has a place that does not exist.
            None => self.out.truncate(at),
        }
    }

    /// Whether a reply's body that nothing is left out of may be as long as it is.
    #[inline]
    fn is_short(&self, body_at: usize) -> bool {
        self.out.len().saturating_sub(body_at) <= self.shared.limits.frame_len_max
    }

    /// Completes a reply whose body has been written, or turns it into an error reply.
    fn answer(&mut self, reply: Reply<P::Tag>) {
        let Reply { at, body_at, tag, route, outcome, written } = reply;
        let outcome = match outcome {
            Ok(()) => self.fits(body_at, &written),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.conduct.answered();
                self.writer.close(&mut self.out, at, body_at, &tag, written);
            }
            Err(error) => {
                self.conduct.completed();
                self.out.truncate(at);
                // One with a peer is about a reply that the method itself has got, and not the caller's doing.
                if error.phase() == Some(Phase::Decode) && error.peer().is_none() {
                    self.conduct.undecodable_body(&self.shared.limits);
                }
                self.refuse_route(&tag, route, &error);
            }
        }
    }

    fn fits(&self, body_at: usize, written: &Written) -> Result<()> {
        let limit = self.shared.limits.frame_len_max;
        let len = self.out.len().saturating_sub(body_at) + written.spliced_len();
        if len <= limit {
            return Ok(());
        }
        self.shared.hits.note("frame_len_max");
        let text = format!("a reply of {len} bytes is over the limit of {limit}");
        Err(Error::new(Code::ResourceExhausted, text))
    }

    #[inline]
    fn poll_woken(&mut self) {
        self.bell.take(&mut self.woken, &mut self.finished);
        if !(self.woken.is_empty() && self.finished.is_empty()) {
            self.poll_those();
        }
    }

    fn poll_those(&mut self) {
        let (mut woken, mut finished) = (std::mem::take(&mut self.woken), std::mem::take(&mut self.finished));
        // Replies beyond what may wait are not made: their methods are polled when there is room.
        let mut polled_up_to = 0;
        while let Some(&index) = woken.get(polled_up_to)
            && self.has_room_out()
        {
            polled_up_to += 1;
            let at = self.out.len();
            let mut body_at = at;
            let (writer, router) = (&self.writer, &self.shared.router);
            let polled = self.seats.poll(index, &mut self.out, P::SPLICES, |call, route, out| {
                writer.open(out, &call.tag, router.full_name(route), call.format);
                body_at = out.len();
            });
            match polled {
                Some((Poll::Ready(outcome), written)) => {
                    let Some((call, route)) = self.seats.finish(index) else {
                        continue;
                    };
                    self.answer(Reply { at, body_at, tag: call.tag, route, outcome, written });
                }
                Some((Poll::Pending, _)) | None => self.out.truncate(at),
            }
        }
        woken.drain(..polled_up_to);
        // Usually none or one: what is behind moves up cheaply.
        while !finished.is_empty() && self.has_room_out() {
            self.finish_spawned(finished.remove(0));
        }
        (self.woken, self.finished) = (woken, finished);
    }

    /// Answers a call that ran as a task, if anybody still waits for it.
    fn finish_spawned(&mut self, ended: Finished) {
        let Some((call, route, ended)) = self.seats.finish_spawned(ended) else {
            return;
        };
        let at = self.out.len();
        self.writer.open(&mut self.out, &call.tag, self.shared.router.full_name(route), call.format);
        let body_at = self.out.len();
        let (outcome, written) = match ended {
            Some(ended) => {
                let Outcome { result, body, mut written } = ended;
                if P::SPLICES && body.len() >= SPLICE_LEN_MIN && written.splices.is_none() {
                    written.splices = Some(Box::new(vec![Splice { at: 0, bytes: body.into() }]));
                } else {
                    self.out.extend_from_slice(&body);
                }
                (result, written)
            }
            None => (Err(Error::new(Code::Cancelled, "the runtime dropped the method")), Written::default()),
        };
        self.answer(Reply { at, body_at, tag: call.tag, route, outcome, written });
    }

    fn expire(&mut self, now: Instant) {
        while let Some((call, route)) = self.seats.expire(now) {
            let error = Error::new(Code::DeadlineExceeded, "deadline exceeded while the method was running");
            self.refuse_late(&call.tag, route, &error);
        }
    }

    fn cancel(&mut self, target: &P::Tag, reply_to: Option<P::Tag>) {
        self.conduct.cancel(&self.shared.limits);
        let error = || Error::new(Code::Cancelled, "the caller has withdrawn the call");
        if let Some((call, route)) = self.seats.cancel(target) {
            self.refuse_route(&call.tag, route, &error());
        } else if self.writer.abandon(target) {
            self.refuse(target, b"", &error());
        }
        if let Some(tag) = reply_to {
            self.writer.acknowledge(&mut self.out, &tag);
        }
    }

    /// A call was withdrawn before all of it had come.
    fn withdrawn(&mut self, tag: &P::Tag) {
        self.conduct.cancel(&self.shared.limits);
        let error = Error::new(Code::Cancelled, "the caller has withdrawn the call").not_executed();
        self.refuse(tag, b"", &error);
    }

    fn hear(&mut self, word: P::Word) -> Result<()> {
        if self.writer.hear(&mut self.out, word)? {
            self.conduct.ping(&self.shared.limits);
        }
        Ok(())
    }

    fn leave(&mut self, error: Option<&Error>) {
        self.writer.leave(&mut self.out, self.last_tag.as_ref(), error);
    }

    #[inline]
    fn has_had_enough(&mut self) -> bool {
        match self.conduct.verdict() {
            None => false,
            Some(_) if !P::CLIENTS_SURVIVE => false,
            Some(limit) => self.has_passed(limit),
        }
    }

    #[cold]
    fn has_passed(&mut self, limit: &'static str) -> bool {
        self.shared.hits.note(limit);
        let text = format!("the connection has passed the limit {limit}");
        self.leave(Some(&Error::new(Code::ResourceExhausted, text)));
        tracing::info!(peer = %self.peer, limit, "closing a connection");
        true
    }

    fn clear(&mut self) {
        self.seats.clear();
    }
}

/// Why a call does not run.
enum Refusal<'b> {
    Missing(&'b [u8], Missing),
    With(Error),
}

/// The caller has other types in mind than the method has; the details say which those are here.
#[cold]
fn other_schema(name: &[u8], described: &Method) -> Error {
    let text = format!("{} has other types here than its caller expects", crate::error::shown(name));
    let details = format!("{SCHEMA_LINE}\n{}", described.schema_text());
    Error::new(Code::FailedPrecondition, text).with_details(details.into_bytes())
}

/// A finished call on its way into the buffer.
struct Reply<Tag> {
    at: usize,
    body_at: usize,
    tag: Tag,
    route: Route,
    outcome: Result<()>,
    written: Written,
}

impl<P: Protocol> Drop for Connection<P> {
    fn drop(&mut self) {
        self.clear();
    }
}
