//! The calls that wait for a reply: who waits, for which id, and what came.
//!
//! A slot is free, waiting or done. Ids only grow; an id's low bits say which slot it has, and the slot knows
//! its id, so that a late reply never finds the slot's next call. Whoever takes a call out of waiting answers
//! it; nobody else may.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::body::Body;
use crate::codec::{Format, Types};
use crate::compression::Packed;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::timer;

/// A table of calls.
#[derive(Debug)]
pub(crate) struct Pending {
    /// As many as a power of two, or none.
    slots: Vec<Slot>,
    /// How many are in use.
    used: usize,
    /// The next call's id is this or larger: one whose slot is in use is left out.
    next: u64,
    /// When calls were sent that have a timeout and no deadline: one clock is read for many of them.
    turns: Vec<Turn>,
    /// The shortest timeout of the calls since the latest turn.
    shortest: Option<Micros>,
}

/// A moment before which all calls with smaller ids were sent, and after which no call of an earlier turn
/// was.
#[derive(Clone, Copy, Debug)]
struct Turn {
    before: u64,
    at: Instant,
}

#[derive(Debug)]
struct Slot {
    /// Of the call that has the slot; of none while it is free.
    id: u64,
    state: State,
    /// When the call ends without a reply.
    until: Until,
    /// Where the call's bytes begin and end in all that the connection has ever been given to send.
    span: Span,
    /// The reply's body; kept, so that the next call's reply needs no memory.
    bytes: Vec<u8>,
}

/// When a call ends. Two words, as every call has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// So long after it was sent as its client's calls usually take; no clock has been read.
    Usual(Micros),
    /// So long after it was sent; no clock has been read.
    In(Micros),
    /// At this moment.
    At(Instant),
}

/// A length of time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(u64);

impl From<Duration> for Micros {
    /// The next longer one that can be said.
    fn from(length: Duration) -> Self {
        let whole = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self(whole.saturating_add(u64::from(!length.subsec_nanos().is_multiple_of(1000))))
    }
}

impl From<Micros> for Duration {
    fn from(length: Micros) -> Self {
        Self::from_micros(length.0)
    }
}

impl Until {
    /// The moment, counted from `now` on if none has been settled.
    pub(crate) fn moment(self, now: Instant) -> Instant {
        match self {
            Self::Usual(timeout) | Self::In(timeout) => timer::later(now, timeout.into()),
            Self::At(moment) => moment,
        }
    }
}

/// A stretch of the bytes that a connection sends, counted from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Waker),
    /// Its reply is a body in this format, all of which is in the slot's buffer.
    Plain(Format),
    Done(Result<Arrived>),
}

/// What a reply is, beside its bytes.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) format: Format,
    pub(crate) types: Option<Arc<Types>>,
    pub(crate) metadata: Option<Box<Metadata>>,
    pub(crate) packed: Option<Packed>,
    /// The body, where it came in a storage that can be shared; nothing is in the buffer then.
    pub(crate) shared: Option<Box<Bytes>>,
}

/// Whom a reply was for.
#[derive(Debug)]
pub(crate) enum Settled {
    /// A caller that waits.
    Caller(Waker),
    /// A call that was withdrawn, has ended, or wanted no reply.
    Late,
    /// No call that was ever made.
    Unknown,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Polled {
    /// It still waits. Its former waker, if it has another now, is to be dropped without the lock.
    Waits(#[allow(dead_code, reason = "only to be dropped")] Option<Waker>),
    /// It has ended with a body in this format, and the buffer has been swapped for that of the body.
    Plain(Format),
    /// It has ended; with success, the buffer has been swapped likewise.
    Done(Result<Arrived>),
}

/// The id of no call.
const NOBODY: u64 = 0;
/// When a call ends; `None` if its time has not begun to count.
fn deadline_of(turns: &[Turn], slot: &Slot) -> Option<Instant> {
    match slot.until {
        Until::At(moment) => Some(moment),
        Until::Usual(timeout) | Until::In(timeout) => {
            let turn = turns.get(turns.partition_point(|turn| turn.before <= slot.id))?;
            Some(timer::later(turn.at, timeout.into()))
        }
    }
}

/// A buffer that grew beyond this is given back after its call.
const BUFFER_KEPT_MAX: usize = 16 * 1024;
/// A small table is used to its last slot.
const GROWN_AT_LEAST: usize = 8;
/// So many slots stay allocated when nobody calls.
const SLOTS_KEPT: usize = 16;

impl Slot {
    /// It is nobody's any more; its buffer waits for the next call's reply.
    #[inline]
    fn free(&mut self) {
        self.id = NOBODY;
        if self.bytes.capacity() > BUFFER_KEPT_MAX {
            self.bytes = Vec::new();
        }
    }

    fn new() -> Self {
        let until = Until::In(Micros(0));
        Self { id: NOBODY, state: State::Free, until, span: Span::default(), bytes: Vec::new() }
    }
}

impl Default for Pending {
    fn default() -> Self {
        Self { slots: Vec::new(), used: 0, next: NOBODY + 1, turns: Vec::new(), shortest: None }
    }
}

impl Pending {
    /// Where the slot of an id is.
    #[inline]
    fn index(&self, id: u64) -> usize {
        id as usize & self.slots.len().wrapping_sub(1)
    }

    /// The id that the next call will have. Each is larger than all before.
    #[inline]
    pub(crate) fn next_id(&mut self) -> u64 {
        if self.used == self.slots.len()
            || self.used >= GROWN_AT_LEAST && self.used * 8 > self.slots.len() * 7
        {
            self.grow();
        }
        while self.slots.get(self.index(self.next)).is_some_and(|slot| slot.id != NOBODY) {
            self.next += 1;
        }
        self.next
    }

    /// Doubles the table. Ids that had slots of their own have such in the larger table too.
    #[cold]
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(1);
        let mut grown: Vec<Slot> = (0..len).map(|_| Slot::new()).collect();
        for slot in self.slots.drain(..) {
            if slot.id != NOBODY
                && let Some(place) = grown.get_mut(slot.id as usize & (len - 1))
            {
                *place = slot;
            }
        }
        self.slots = grown;
    }

    /// An id for a call that nobody waits for.
    pub(crate) fn unheard(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Adds a call; returns its id.
    #[cfg(test)]
    pub(crate) fn insert(&mut self, waker: Waker, until: Until, span: Span) -> u64 {
        let id = self.next_id();
        self.insert_as(id, waker, until, span);
        id
    }

    /// Adds a call under [`next_id`](Self::next_id), which has just been asked for. Of a call that has a timeout
    /// and no deadline, the next [`turn`](Self::turn) notes when it was sent.
    #[inline]
    pub(crate) fn insert_as(&mut self, id: u64, waker: Waker, until: Until, span: Span) {
        let index = self.index(id);
        self.next += 1;
        self.used += 1;
        if let Until::Usual(timeout) | Until::In(timeout) = until
            && self.shortest.is_none_or(|shortest| timeout < shortest)
        {
            self.shortest = Some(timeout);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.id, slot.state, slot.until, slot.span) = (id, State::Waiting(waker), until, span);
        }
    }

    /// Whether calls have been added whose time has not begun to count.
    #[inline]
    pub(crate) fn has_new(&self) -> bool {
        self.shortest.is_some()
    }

    /// The time of the calls that were added begins to count: it is `now`. Returns when the first of them ends.
    ///
    /// Turns that lie close together count as one, so that a call may get a few milliseconds more.
    pub(crate) fn turn(&mut self, now: Instant) -> Option<Instant> {
        const CLOSE: Duration = Duration::from_millis(8);
        const TURNS_MAX: usize = 64;
        let shortest = self.shortest.take()?;
        if let [.., before, last] = &mut self.turns[..]
            && now.saturating_duration_since(before.at) < CLOSE
        {
            *last = Turn { before: self.next, at: now };
        } else {
            if self.turns.len() >= TURNS_MAX {
                self.settle_deadlines();
            }
            self.turns.push(Turn { before: self.next, at: now });
        }
        Some(timer::later(now, shortest.into()))
    }

    /// Makes the timeouts of waiting calls deadlines, so that the turns can be forgotten.
    fn settle_deadlines(&mut self) {
        for slot in &mut self.slots {
            if let State::Waiting(_) = slot.state
                && let Some(deadline) = deadline_of(&self.turns, slot)
            {
                slot.until = Until::At(deadline);
            }
        }
        self.turns.clear();
    }

    #[inline]
    fn slot(&mut self, id: u64) -> Option<&mut Slot> {
        let index = self.index(id);
        self.slots.get_mut(index).filter(|slot| slot.id == id && id != NOBODY)
    }

    /// Whether a call has not been settled.
    #[inline]
    pub(crate) fn waits(&mut self, id: u64) -> bool {
        self.slot(id).is_some_and(|slot| matches!(slot.state, State::Waiting(_)))
    }

    /// How many slots are in use.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Whether no slot is in use.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// As [`settle`](Self::settle), for a reply that is nothing but a body that was lent.
    #[inline]
    pub(crate) fn settle_plain(&mut self, id: u64, format: Format, bytes: &[u8]) -> Settled {
        let next = self.next;
        let Some(slot) = self.slot(id) else {
            return Self::nobody(id, next);
        };
        if !matches!(slot.state, State::Waiting(_)) {
            return Settled::Late;
        }
        slot.bytes.clear();
        slot.bytes.extend_from_slice(bytes);
        match std::mem::replace(&mut slot.state, State::Plain(format)) {
            State::Waiting(caller) => Settled::Caller(caller),
            State::Free | State::Plain(_) | State::Done(_) => Settled::Late,
        }
    }

    fn nobody(id: u64, next: u64) -> Settled {
        if id < next && id != NOBODY { Settled::Late } else { Settled::Unknown }
    }

    /// Gives a waiting call its reply. Returns its caller, to be woken without the lock.
    pub(crate) fn settle(
        &mut self,
        id: u64,
        outcome: Result<Body<'_>>,
        packed: Option<Packed>,
        metadata: Option<Box<Metadata>>,
    ) -> Settled {
        let next = self.next;
        let Some(slot) = self.slot(id) else {
            return Self::nobody(id, next);
        };
        if !matches!(slot.state, State::Waiting(_)) {
            return Settled::Late;
        }
        let done = outcome.map(|body| {
            slot.bytes.clear();
            let shared = body.shared.map(|_| Box::new(body.to_shared()));
            if shared.is_none() {
                slot.bytes.extend_from_slice(body.bytes);
            }
            Arrived { format: body.format, types: body.types.cloned(), metadata, packed, shared }
        });
        match std::mem::replace(&mut slot.state, State::Done(done)) {
            State::Waiting(caller) => Settled::Caller(caller),
            State::Free | State::Plain(_) | State::Done(_) => Settled::Late,
        }
    }

    /// Ends waiting calls without a reply: those that `error` has an error for. Their callers go into
    /// `callers`, to be woken without the lock. It is shown the id, the deadline if the call's time has begun to
    /// count, and the place of its bytes.
    pub(crate) fn end(
        &mut self,
        callers: &mut Vec<Waker>,
        mut error: impl FnMut(u64, Option<Instant>, Span) -> Option<Error>,
    ) {
        for slot in &mut self.slots {
            if let State::Waiting(_) = slot.state
                && let Some(error) = error(slot.id, deadline_of(&self.turns, slot), slot.span)
                && let State::Waiting(caller) = std::mem::replace(&mut slot.state, State::Done(Err(error)))
            {
                callers.push(caller);
            }
        }
    }

    /// The earliest deadline of the waiting calls that have one.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let waits = |slot: &&Slot| matches!(slot.state, State::Waiting(_));
        self.slots.iter().filter(waits).filter_map(|slot| deadline_of(&self.turns, slot)).min()
    }

    /// What became of a call; its slot is then free, and has `spare` as its buffer in place of the reply's.
    #[inline]
    pub(crate) fn poll(&mut self, id: u64, waker: &Waker, spare: &mut Vec<u8>) -> Polled {
        let slot = self.slot(id).expect("only its caller frees a call's slot");
        if let State::Waiting(waiting) = &mut slot.state {
            let outdated = (!waiting.will_wake(waker)).then(|| std::mem::replace(waiting, waker.clone()));
            return Polled::Waits(outdated);
        }
        std::mem::swap(&mut slot.bytes, spare);
        let polled = match std::mem::replace(&mut slot.state, State::Free) {
            State::Plain(format) => Polled::Plain(format),
            State::Done(outcome) => Polled::Done(outcome),
            State::Free | State::Waiting(_) => unreachable!("a free slot's id is nobody's"),
        };
        slot.free();
        self.used -= 1;
        polled
    }

    /// Takes a call out, whatever became of it. Returns its waker if it still waited, to be dropped without
    /// the lock: dropping it can run code of a user.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Waker> {
        let slot = self.slot(id)?;
        let state = std::mem::replace(&mut slot.state, State::Free);
        slot.free();
        self.used -= 1;
        match state {
            State::Waiting(waker) => Some(waker),
            State::Free | State::Plain(_) | State::Done(_) => None,
        }
    }

    /// Gives back the slots that a burst has left, if none is in use.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.slots.len() > SLOTS_KEPT {
            *self = Self { next: self.next, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn insert(pending: &mut Pending) -> u64 {
        let foreseen = pending.next_id();
        let id = pending.insert(Waker::noop().clone(), Until::At(Instant::now()), Span::default());
        assert_eq!(id, foreseen);
        id
    }

    fn body(bytes: &[u8]) -> Result<Body<'_>> {
        Ok(Body { format: Format::Gob, bytes, types: None, shared: None })
    }

    #[tokio::test]
    async fn a_reply_reaches_its_own_call_only_and_only_once() {
        let mut pending = Pending::default();
        let (first, second) = (insert(&mut pending), insert(&mut pending));

        assert!(matches!(pending.settle(second, body(b"two"), None, None), Settled::Caller(_)));
        assert!(matches!(pending.settle(second, body(b"again"), None, None), Settled::Late));
        assert!(matches!(pending.settle(9, body(b"never asked for"), None, None), Settled::Unknown));

        let mut bytes = Vec::new();
        assert!(matches!(pending.poll(first, Waker::noop(), &mut bytes), Polled::Waits(_)));
        assert!(matches!(pending.poll(second, Waker::noop(), &mut bytes), Polled::Done(Ok(_))));
        assert_eq!(bytes, b"two");
    }

    /// Row C5: a late reply never finds the slot's next call.
    #[tokio::test]
    async fn a_late_reply_does_not_reach_the_slots_next_call() {
        let mut pending = Pending::default();
        let withdrawn = insert(&mut pending);
        assert!(pending.remove(withdrawn).is_some());
        let next = insert(&mut pending);

        assert!(matches!(pending.settle(withdrawn, body(b"late"), None, None), Settled::Late));

        assert!(matches!(pending.poll(next, Waker::noop(), &mut Vec::new()), Polled::Waits(_)));
    }

    /// Defect 25: start, wrap and reuse of sequence numbers were undecided.
    #[tokio::test]
    async fn ids_are_never_reused_on_a_connection() {
        let mut pending = Pending::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let ids = [insert(&mut pending), insert(&mut pending), insert(&mut pending)];
            for id in ids {
                assert!(seen.insert(id), "{id} was used twice");
                assert!(pending.remove(id).is_some());
            }
        }
        assert!(pending.is_empty());
    }

    #[tokio::test]
    async fn ending_all_calls_leaves_none_waiting() {
        let mut pending = Pending::default();
        let id = insert(&mut pending);

        let mut callers = Vec::new();
        pending.end(&mut callers, |_, _, _| Some(Error::new(Code::Unavailable, "gone")));
        assert_eq!(callers.len(), 1);

        let Polled::Done(outcome) = pending.poll(id, Waker::noop(), &mut Vec::new()) else {
            panic!("the call was ended")
        };
        assert_eq!(outcome.unwrap_err().code(), Code::Unavailable);
    }

    /// Go-away names an id, and everything behind it has not run.
    #[tokio::test]
    async fn every_id_is_larger_than_the_ones_before() {
        let mut pending = Pending::default();
        let first = insert(&mut pending);
        let second = insert(&mut pending);
        pending.remove(first);

        let third = insert(&mut pending);

        assert!(0 < first && first < second && second < third);
        assert!(third < pending.unheard());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_counts_from_the_turn_that_follows() {
        let mut pending = Pending::default();
        let timeout = Duration::from_secs(3);
        let mut begun = Vec::new();
        for round in 0..300 {
            let id = pending.insert(Waker::noop().clone(), Until::In(timeout.into()), Span::default());
            assert!(pending.has_new());
            tokio::time::advance(Duration::from_millis(round % 12)).await;
            let now = Instant::now();
            assert_eq!(pending.turn(now), Some(now + timeout));
            begun.push((id, now));
        }
        assert!(!pending.has_new());
        assert!(pending.turns.len() <= 64);

        let mut deadlines = std::collections::HashMap::new();
        pending.end(&mut Vec::new(), |id, deadline, _| {
            deadlines.insert(id, deadline.unwrap());
            None
        });

        for (id, now) in begun {
            let late = deadlines[&id].duration_since(now + timeout);
            assert!(deadlines[&id] >= now + timeout && late < Duration::from_millis(20), "{late:?}");
        }
    }

    #[tokio::test]
    async fn a_call_keeps_its_id_while_others_come_and_go() {
        let mut pending = Pending::default();
        let slow = insert(&mut pending);
        for _ in 0..1000 {
            let ids: Vec<_> = (0..fastrand::usize(1..40)).map(|_| insert(&mut pending)).collect();
            ids.into_iter().for_each(|id| assert!(pending.remove(id).is_some()));
        }

        assert!(matches!(pending.settle(slow, body(b"at last"), None, None), Settled::Caller(_)));

        let mut bytes = Vec::new();
        assert!(matches!(pending.poll(slow, Waker::noop(), &mut bytes), Polled::Done(Ok(_))));
        assert_eq!(bytes, b"at last");
        assert!(pending.is_empty());
    }

    #[tokio::test]
    async fn a_reply_to_a_call_of_before_a_rest_is_late() {
        let mut pending = Pending::default();
        let ids: Vec<_> = (0..100).map(|_| insert(&mut pending)).collect();
        ids.iter().for_each(|id| drop(pending.remove(*id)));

        pending.shrink();

        assert!(pending.slots.is_empty());
        assert!(matches!(pending.settle(ids[99], body(b"late"), None, None), Settled::Late));
        assert!(insert(&mut pending) > ids[99]);
    }
}
