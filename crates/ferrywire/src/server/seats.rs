//! The calls of one connection: a seat each, with a slot to run in and a waker of its own.
//!
//! A seat is free, or a pending call sits in it. Seats, slots and wakers are made once and used again. A call
//! that was spawned has taken the slot along; its seat is free when the slot is back, or known to be lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::bell::{Bell, SeatBell};
use super::connection::Shared;
use super::guard::{clear, guarded};
use super::router::Route;
use super::spawned::{Finished, Job, Outcome, OwnedRequest, spawn};
use crate::ambient::Ambient;
use crate::body::{Sink, Written};
use crate::codec::Format;
use crate::error::Result;
use crate::peer::Peer;
use crate::service::{CallSlot, Request};
use crate::sync::{AbortHandle, Stopwatch};

/// The places in which one connection's calls run.
pub(crate) struct Seats<Tag> {
    seats: Vec<Seat<Tag>>,
    /// A free seat of each service that has been called, because a slot belongs to one; the others stand behind
    /// it.
    free: Vec<Option<u32>>,
    /// Calls that have not been answered.
    pending: usize,
    /// Seats whose spawned call was given up on and has not ended.
    left_over: usize,
    /// Bytes that the arguments of pending calls take.
    held: usize,
    /// No pending call ends before this; looked up again once it has passed.
    earliest: Option<Instant>,
    bell: Arc<Bell>,
    peer: Arc<Peer>,
    shared: Arc<Shared>,
}

struct Seat<Tag> {
    /// Away while its call runs as a task.
    slot: Option<Box<dyn CallSlot>>,
    spawned: Option<AbortHandle>,
    bell: Arc<SeatBell>,
    waker: Waker,
    route: Route,
    /// See [`previous_attempts`](crate::Context::previous_attempts), of the call that was started last.
    previous_attempts: u32,
    /// While it is free: another free seat of the same service.
    next: Option<u32>,
    call: Option<Pending<Tag>>,
}

/// A call that has not finished.
#[derive(Debug)]
pub(crate) struct Pending<Tag> {
    /// What its reply must repeat.
    pub(crate) tag: Tag,
    /// When it is dropped.
    pub(crate) deadline: Instant,
    /// What its reply is written in.
    pub(crate) format: Format,
    /// How many bytes its argument takes.
    pub(crate) held: usize,
}

impl<Tag: PartialEq> Seats<Tag> {
    pub(crate) fn new(shared: Arc<Shared>, bell: Arc<Bell>, peer: Arc<Peer>) -> Self {
        Self {
            seats: Vec::new(),
            free: Vec::new(),
            pending: 0,
            left_over: 0,
            held: 0,
            earliest: None,
            bell,
            peer,
            shared,
        }
    }

    /// How many seats are taken: by calls that have not been answered, and by methods that go on though
    /// nobody waits for them.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.pending + self.left_over
    }

    /// How many calls have not been answered.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Whether a call with this tag has not finished.
    #[inline]
    pub(crate) fn holds(&self, tag: &Tag) -> bool {
        self.pending > 0 && self.seat_of(tag).is_some()
    }

    /// How many bytes the arguments of calls take that have not finished.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    fn seat_of(&self, tag: &Tag) -> Option<usize> {
        let sits = |seat: &Seat<Tag>| seat.call.as_ref().is_some_and(|call| call.tag == *tag);
        self.seats.iter().position(sits)
    }

    /// A free seat for a call of `route`. It stays free until somebody sits down in it.
    #[inline]
    fn free_seat(&mut self, route: Route) -> Option<usize> {
        match self.free.get(route.service as usize) {
            Some(Some(index)) => Some(*index as usize),
            Some(None) | None => self.add(route),
        }
    }

    #[cold]
    fn add(&mut self, route: Route) -> Option<usize> {
        let index = self.seats.len();
        let bell = SeatBell::new(index, self.bell.clone());
        let waker = Waker::from(bell.clone());
        // Most connections never need a second one: the first has room for itself only.
        if self.seats.is_empty() {
            self.seats.reserve_exact(1);
        }
        let seat = Seat {
            slot: None,
            spawned: None,
            waker,
            bell,
            route,
            previous_attempts: 0,
            next: None,
            call: None,
        };
        self.seats.push(seat);
        let service = route.service as usize;
        if self.free.len() <= service {
            self.free.reserve_exact(service + 1 - self.free.len());
            self.free.resize(service + 1, None);
        }
        self.vacate(index);
        Some(index)
    }

    /// A seat is free from now on.
    #[inline]
    fn vacate(&mut self, index: usize) {
        if let Some(seat) = self.seats.get_mut(index)
            && let Some(free) = self.free.get_mut(seat.route.service as usize)
        {
            seat.next = free.replace(index as u32);
        }
    }

    /// A slot for a seat that has none: it is new, or its slot was lost with the task that ran in it.
    #[cold]
    fn furnish(&mut self, index: usize, route: Route) {
        if let Some(service) = self.shared.router.service(route)
            && let Some(seat) = self.seats.get_mut(index)
        {
            seat.slot = Some(service.clone().new_slot(&self.peer));
        }
    }

    /// Starts a call in a free seat and polls it once; if it goes on, [`keep`](Self::keep) says so. A panic of the
    /// method becomes an error.
    #[inline]
    pub(crate) fn start(
        &mut self,
        route: Route,
        request: &mut Request<'_>,
        sink: &mut Sink<'_>,
    ) -> Option<Poll<Result<()>>> {
        let index = self.free_seat(route)?;
        if self.seats.get(index)?.slot.is_none() {
            self.furnish(index, route);
        }
        let Seat { slot: Some(slot), waker, previous_attempts, .. } = self.seats.get_mut(index)? else {
            return None;
        };
        let mut cx = Context::from_waker(waker);
        *previous_attempts = request.previous_attempts();
        let ambient = Ambient::within(request.timeout, *previous_attempts);
        Some(guarded(&mut **slot, ambient, |slot| slot.start(request, &mut cx, sink)))
    }

    /// The call that was started just now goes on, polled by the connection.
    pub(crate) fn keep(&mut self, route: Route, call: Pending<Tag>) {
        self.shared.running.fetch_add(1, Ordering::Relaxed);
        self.sit(route, call);
    }

    fn sit(&mut self, route: Route, call: Pending<Tag>) {
        if let Some(free) = self.free.get_mut(route.service as usize)
            && let Some(index) = *free
            && let Some(seat) = self.seats.get_mut(index as usize)
        {
            *free = seat.next.take();
            seat.route = route;
            if self.pending == 0 {
                self.earliest = None;
            }
            self.pending += 1;
            self.held += call.held;
            if self.earliest.is_none_or(|earliest| call.deadline < earliest) {
                self.earliest = Some(call.deadline);
            }
            seat.call = Some(call);
        }
    }

    /// A call in a free seat that runs as a task of its own, from its beginning on.
    pub(crate) fn spawn(&mut self, route: Route, request: Request<'_>, call: Pending<Tag>, may_splice: bool) {
        let Some(index) = self.free_seat(route) else {
            return;
        };
        if self.seats.get(index).is_some_and(|seat| seat.slot.is_none()) {
            self.furnish(index, route);
        }
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        let Some(slot) = seat.slot.take() else {
            return;
        };
        seat.spawned = Some(spawn(Job {
            seat: index,
            slot,
            route,
            deadline: call.deadline,
            request: OwnedRequest::of(request),
            may_splice,
            bell: self.bell.clone(),
            shared: self.shared.clone(),
        }));
        self.sit(route, call);
    }

    /// A spawned call has ended: its seat is free. Its reply, if somebody still waits for it.
    pub(crate) fn finish_spawned(
        &mut self,
        finished: Finished,
    ) -> Option<(Pending<Tag>, Route, Option<Outcome>)> {
        let seat = self.seats.get_mut(finished.seat)?;
        seat.slot = finished.slot;
        seat.spawned = None;
        let route = seat.route;
        let call = seat.call.take();
        self.vacate(finished.seat);
        match call {
            Some(call) => {
                self.pending -= 1;
                self.held -= call.held;
                Some((call, route, finished.reply))
            }
            None => {
                self.left_over -= 1;
                None
            }
        }
    }

    /// Polls the call in a seat that was woken. `None` if nobody sits there any more.
    ///
    /// `open` writes into the buffer what precedes the reply's body.
    pub(crate) fn poll(
        &mut self,
        index: usize,
        out: &mut Vec<u8>,
        may_splice: bool,
        open: impl FnOnce(&Pending<Tag>, Route, &mut Vec<u8>),
    ) -> Option<(Poll<Result<()>>, Written)> {
        let Seat { slot, bell, waker, route, call, previous_attempts, .. } = self.seats.get_mut(index)?;
        bell.reset();
        let (slot, call) = (slot.as_mut()?, call.as_ref()?);
        open(call, *route, out);
        let body_at = out.len();
        let mut sink = Sink::new(call.format, out);
        sink.may_splice = may_splice;
        let mut cx = Context::from_waker(waker);
        let began = Stopwatch::now();
        let ambient = Ambient::until(call.deadline, *previous_attempts);
        let polled = guarded(&mut **slot, ambient, |slot| slot.poll(&mut cx, &mut sink));
        let written = sink.written;
        self.shared.router.note_time(*route, began.elapsed(), out.len() - body_at);
        Some((polled, written))
    }

    /// Takes the call out of a seat, which becomes free.
    pub(crate) fn finish(&mut self, index: usize) -> Option<(Pending<Tag>, Route)> {
        let seat = self.seats.get_mut(index)?;
        let call = seat.call.take()?;
        self.pending -= 1;
        self.held -= call.held;
        self.shared.running.fetch_sub(1, Ordering::Relaxed);
        let route = seat.route;
        self.vacate(index);
        Some((call, route))
    }

    /// Drops the call with this tag, if it has not finished.
    pub(crate) fn cancel(&mut self, tag: &Tag) -> Option<(Pending<Tag>, Route)> {
        let index = self.seat_of(tag)?;
        self.drop_call(index)
    }

    /// Drops the call in a seat. The seat of a spawned one stays taken until its task has ended.
    fn drop_call(&mut self, index: usize) -> Option<(Pending<Tag>, Route)> {
        let seat = self.seats.get_mut(index)?;
        match (&seat.spawned, &mut seat.slot) {
            (Some(task), _) => {
                task.abort();
                let call = seat.call.take()?;
                self.pending -= 1;
                self.left_over += 1;
                self.held -= call.held;
                Some((call, seat.route))
            }
            (None, slot) => {
                if let Some(slot) = slot {
                    clear(&mut **slot);
                }
                self.finish(index)
            }
        }
    }

    /// Drops one call whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(Pending<Tag>, Route)> {
        let late = |seat: &Seat<Tag>| seat.call.as_ref().is_some_and(|call| call.deadline <= now);
        match self.seats.iter().position(late) {
            Some(index) => self.drop_call(index),
            None => {
                let calls = self.seats.iter().filter_map(|seat| seat.call.as_ref());
                self.earliest = calls.map(|call| call.deadline).min();
                None
            }
        }
    }

    /// A moment before which no call's deadline passes; `None` if nothing is pending.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.earliest.filter(|_| self.pending > 0)
    }

    /// Drops every call.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.seats.len() {
            if self.seats.get(index).is_some_and(|seat| seat.call.is_some()) {
                self.drop_call(index);
            }
        }
    }

    /// Gives back slots that a burst of calls has left; called when nothing is pending.
    pub(crate) fn shrink(&mut self) {
        const KEPT_MAX: usize = 16;
        if self.taken() == 0 && self.seats.len() > KEPT_MAX {
            self.seats = Vec::new();
            self.free = Vec::new();
        }
    }
}
