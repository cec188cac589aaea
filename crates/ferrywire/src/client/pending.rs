//! The calls that wait for a reply: who waits, for which id, and what came.
//!
//! A slot is free, waiting or done. Ids hold the slot and its generation, so that a late reply never finds
//! the slot's next call. Whoever takes a call out of waiting answers it; nobody else may.

use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use crate::body::Body;
use crate::codec::{Format, Types};
use crate::error::Result;

/// A slab of calls.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    state: State,
    /// When the call ends without a reply.
    deadline: Instant,
    /// Where the call's bytes begin and end in all that the connection has ever been given to send.
    span: Span,
    /// The reply's body; kept, so that the next call's reply needs no memory.
    bytes: Vec<u8>,
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
    Done(Result<(Format, Option<Arc<Types>>)>),
}

/// Whom a reply was for.
#[derive(Debug)]
pub(crate) enum Settled {
    /// A caller that waits.
    Caller(Waker),
    /// A call that was withdrawn or has ended.
    Late,
    /// No call that was ever made.
    Unknown,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Polled {
    /// It still waits. Its former waker, if it has another now, is to be dropped without the lock.
    Waits(#[allow(dead_code, reason = "only to be dropped")] Option<Waker>),
    /// It has ended; with success, the buffer has been swapped for that of the reply's body.
    Done(Result<(Format, Option<Arc<Types>>)>),
}

/// The low bits of an id are the slot's, the others its generation's.
const SLOT_BITS: u32 = 16;
/// The most slots that ids can tell apart.
pub(crate) const SLOTS_MAX: usize = 1 << SLOT_BITS;
/// A buffer that grew beyond this is given back after its call.
const BUFFER_KEPT_MAX: usize = 16 * 1024;

impl Pending {
    /// The id that the next call will have.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        match self.free.last() {
            Some(&index) => self.id_of(index as usize),
            None => self.slots.len() as u64,
        }
    }

    fn id_of(&self, index: usize) -> u64 {
        let generation = self.slots.get(index).map_or(0, |slot| slot.generation);
        generation << SLOT_BITS | index as u64
    }

    /// Adds a call; returns its id.
    #[inline]
    pub(crate) fn insert(&mut self, waker: Waker, deadline: Instant, span: Span) -> u64 {
        let state = State::Waiting(waker);
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            (slot.state, slot.deadline, slot.span) = (state, deadline, span);
            return self.id_of(index as usize);
        }
        self.slots.push(Slot { generation: 0, state, deadline, span, bytes: Vec::new() });
        self.slots.len() as u64 - 1
    }

    fn slot(&mut self, id: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id as usize & (SLOTS_MAX - 1))?;
        (slot.generation == id >> SLOT_BITS).then_some(slot)
    }

    /// Whether no slot is in use.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Whether more than one slot is in use.
    #[inline]
    pub(crate) fn has_several(&self) -> bool {
        self.slots.len() > self.free.len() + 1
    }

    /// Gives a waiting call its reply. Returns its caller, to be woken without the lock.
    #[inline]
    pub(crate) fn settle(&mut self, id: u64, outcome: Result<Body<'_>>) -> Settled {
        let Some(slot) = self.slot(id) else {
            return self.nobodys(id);
        };
        if !matches!(slot.state, State::Waiting(_)) {
            return Settled::Late;
        }
        let done = outcome.map(|body| {
            slot.bytes.clear();
            slot.bytes.extend_from_slice(body.bytes);
            (body.format, body.types.cloned())
        });
        match std::mem::replace(&mut slot.state, State::Done(done)) {
            State::Waiting(caller) => Settled::Caller(caller),
            State::Free | State::Done(_) => Settled::Late,
        }
    }

    /// What a reply is that no slot waits for: late, if its id was ever given.
    #[cold]
    fn nobodys(&self, id: u64) -> Settled {
        let slot = self.slots.get(id as usize & (SLOTS_MAX - 1));
        let was_given = slot.is_some_and(|slot| id >> SLOT_BITS < slot.generation);
        if was_given { Settled::Late } else { Settled::Unknown }
    }

    /// Ends waiting calls without a reply: those that `error` has an error for. Their callers go into
    /// `callers`, to be woken without the lock.
    pub(crate) fn end(
        &mut self,
        callers: &mut Vec<Waker>,
        mut error: impl FnMut(u64, Instant, Span) -> Option<crate::error::Error>,
    ) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let id = slot.generation << SLOT_BITS | index as u64;
            if let State::Waiting(_) = slot.state
                && let Some(error) = error(id, slot.deadline, slot.span)
                && let State::Waiting(caller) = std::mem::replace(&mut slot.state, State::Done(Err(error)))
            {
                callers.push(caller);
            }
        }
    }

    /// The earliest deadline of the waiting calls.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let waits = |slot: &&Slot| matches!(slot.state, State::Waiting(_));
        self.slots.iter().filter(waits).map(|slot| slot.deadline).min()
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
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free(id);
        match state {
            State::Done(outcome) => Polled::Done(outcome),
            State::Free | State::Waiting(_) => unreachable!("a free slot's generation is nobody's"),
        }
    }

    /// Takes a call out, whatever became of it. Returns its waker if it still waited, to be dropped without
    /// the lock: dropping it can run code of a user.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Waker> {
        let slot = self.slot(id)?;
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free(id);
        match state {
            State::Waiting(waker) => Some(waker),
            State::Free | State::Done(_) => None,
        }
    }

    fn free(&mut self, id: u64) {
        if let Some(slot) = self.slot(id) {
            slot.generation += 1;
            if slot.bytes.capacity() > BUFFER_KEPT_MAX {
                slot.bytes = Vec::new();
            }
            self.free.push(id as u32 & (SLOTS_MAX as u32 - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

    fn insert(pending: &mut Pending) -> u64 {
        let foreseen = pending.next_id();
        let id = pending.insert(Waker::noop().clone(), Instant::now(), Span::default());
        assert_eq!(id, foreseen);
        id
    }

    fn body(bytes: &[u8]) -> Result<Body<'_>> {
        Ok(Body { format: Format::Gob, bytes, types: None })
    }

    #[tokio::test]
    async fn a_reply_reaches_its_own_call_only_and_only_once() {
        let mut pending = Pending::default();
        let (first, second) = (insert(&mut pending), insert(&mut pending));

        assert!(matches!(pending.settle(second, body(b"two")), Settled::Caller(_)));
        assert!(matches!(pending.settle(second, body(b"again")), Settled::Late));
        assert!(matches!(pending.settle(2, body(b"never asked for")), Settled::Unknown));

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

        assert!(matches!(pending.settle(withdrawn, body(b"late")), Settled::Late));

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
}
