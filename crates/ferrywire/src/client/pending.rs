//! The calls that wait for a reply: who waits, for which id, and what came.
//!
//! A slot is free, waiting or done. Ids hold the slot and its generation, so that a late reply never finds
//! the slot's next call. Whoever takes a call out of waiting answers it; nobody else may.

use std::sync::Arc;
use std::task::{Poll, Waker};

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

/// What became of a call: its reply's body, in a buffer that the caller gives back.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) outcome: Result<(Format, Option<Arc<Types>>)>,
    pub(crate) bytes: Vec<u8>,
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

    /// Gives a waiting call its reply and wakes its caller. Says whether anybody waited.
    #[inline]
    pub(crate) fn settle(&mut self, id: u64, outcome: Result<Body<'_>>) -> bool {
        let Some(slot) = self.slot(id) else {
            return false;
        };
        if !matches!(slot.state, State::Waiting(_)) {
            return false;
        }
        let done = outcome.map(|body| {
            slot.bytes.clear();
            slot.bytes.extend_from_slice(body.bytes);
            (body.format, body.types.cloned())
        });
        if let State::Waiting(waker) = std::mem::replace(&mut slot.state, State::Done(done)) {
            waker.wake();
        }
        true
    }

    /// Ends waiting calls without a reply: those that `error` has an error for.
    pub(crate) fn end(&mut self, mut error: impl FnMut(Instant, Span) -> Option<crate::error::Error>) {
        for slot in &mut self.slots {
            if let State::Waiting(_) = slot.state
                && let Some(error) = error(slot.deadline, slot.span)
                && let State::Waiting(waker) = std::mem::replace(&mut slot.state, State::Done(Err(error)))
            {
                waker.wake();
            }
        }
    }

    /// The earliest deadline of the waiting calls.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let waits = |slot: &&Slot| matches!(slot.state, State::Waiting(_));
        self.slots.iter().filter(waits).map(|slot| slot.deadline).min()
    }

    /// What became of a call; its slot is then free. `spare` becomes the slot's buffer.
    #[inline]
    pub(crate) fn poll(&mut self, id: u64, waker: &Waker, spare: Vec<u8>) -> Poll<Settled> {
        let slot = self.slot(id).expect("only its caller frees a call's slot");
        if let State::Waiting(waiting) = &mut slot.state {
            if !waiting.will_wake(waker) {
                *waiting = waker.clone();
            }
            return Poll::Pending;
        }
        let bytes = std::mem::replace(&mut slot.bytes, spare);
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free(id);
        match state {
            State::Done(outcome) => Poll::Ready(Settled { outcome, bytes }),
            State::Free | State::Waiting(_) => unreachable!("a free slot's generation is nobody's"),
        }
    }

    /// Takes a call out, whatever became of it. Says whether it still waited.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let Some(slot) = self.slot(id) else {
            return false;
        };
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free(id);
        matches!(state, State::Waiting(_))
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

        assert!(pending.settle(second, body(b"two")));
        assert!(!pending.settle(second, body(b"again")));

        assert!(pending.poll(first, Waker::noop(), Vec::new()).is_pending());
        let Poll::Ready(settled) = pending.poll(second, Waker::noop(), Vec::new()) else {
            panic!("the second call was settled")
        };
        assert_eq!(settled.bytes, b"two");
    }

    /// Row C5: a late reply never finds the slot's next call.
    #[tokio::test]
    async fn a_late_reply_does_not_reach_the_slots_next_call() {
        let mut pending = Pending::default();
        let withdrawn = insert(&mut pending);
        assert!(pending.remove(withdrawn));
        let next = insert(&mut pending);

        assert!(!pending.settle(withdrawn, body(b"late")));

        assert!(pending.poll(next, Waker::noop(), Vec::new()).is_pending());
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
                assert!(pending.remove(id));
            }
        }
        assert_eq!(pending.free.len(), pending.slots.len());
    }

    #[tokio::test]
    async fn ending_all_calls_leaves_none_waiting() {
        let mut pending = Pending::default();
        let id = insert(&mut pending);

        pending.end(|_, _| Some(Error::new(Code::Unavailable, "gone")));

        let Poll::Ready(settled) = pending.poll(id, Waker::noop(), Vec::new()) else {
            panic!("the call was ended")
        };
        assert_eq!(settled.outcome.unwrap_err().code(), Code::Unavailable);
    }
}
