//! The calls of one connection: a seat each, with a slot to run in and a waker of its own.
//!
//! A seat is free, or a pending call sits in it. Seats, slots and wakers are made once and used again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::bell::{Bell, SeatBell};
use super::router::{Route, Router};
use crate::ambient::{self, Ambient};
use crate::body::Sink;
use crate::codec::{Format, Preamble};
use crate::error::{Code, Error, Result};
use crate::peer::Peer;
use crate::service::{CallSlot, Request};

/// The places in which one connection's calls run.
pub(crate) struct Seats<Tag> {
    seats: Vec<Seat<Tag>>,
    /// Free seats, by service: a slot belongs to one.
    free: Vec<Vec<usize>>,
    pending: usize,
    /// Bytes that the arguments of pending calls take.
    held: usize,
    bell: Arc<Bell>,
    peer: Arc<Peer>,
}

struct Seat<Tag> {
    slot: Box<dyn CallSlot>,
    bell: Arc<SeatBell>,
    waker: Waker,
    route: Route,
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

/// A taken seat, which is either freed or becomes pending.
#[derive(Debug)]
pub(crate) struct Taken(usize);

impl<Tag: PartialEq> Seats<Tag> {
    pub(crate) fn new(services: usize, bell: Arc<Bell>, peer: Arc<Peer>) -> Self {
        let free = (0..services).map(|_| Vec::new()).collect();
        Self { seats: Vec::new(), free, pending: 0, held: 0, bell, peer }
    }

    /// How many calls have not finished.
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

    /// A seat for a call of `route`.
    #[inline]
    pub(crate) fn take(&mut self, router: &Router, route: Route) -> Option<Taken> {
        let free = self.free.get_mut(route.service)?;
        if let Some(index) = free.pop() {
            self.seats.get_mut(index)?.route = route;
            return Some(Taken(index));
        }
        self.add(router, route)
    }

    #[cold]
    fn add(&mut self, router: &Router, route: Route) -> Option<Taken> {
        let index = self.seats.len();
        let slot = router.service(route)?.clone().new_slot(&self.peer);
        let bell = SeatBell::new(index, self.bell.clone());
        self.seats.push(Seat { slot, waker: Waker::from(bell.clone()), bell, route, call: None });
        Some(Taken(index))
    }

    /// Starts a call in a taken seat and polls it once. A panic of the method becomes an error.
    #[inline]
    pub(crate) fn start(
        &mut self,
        taken: &Taken,
        request: Request<'_>,
        sink: &mut Sink<'_>,
    ) -> Poll<Result<()>> {
        let Some(seat) = self.seats.get_mut(taken.0) else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&seat.waker);
        let ambient = Ambient::Within(request.timeout);
        guarded(&mut *seat.slot, ambient, |slot| slot.start(request, &mut cx, sink))
    }

    /// The call in a taken seat has finished.
    #[inline]
    pub(crate) fn free(&mut self, taken: Taken) {
        let Some(seat) = self.seats.get(taken.0) else {
            return;
        };
        if let Some(free) = self.free.get_mut(seat.route.service) {
            free.push(taken.0);
        }
    }

    /// The call in a taken seat goes on.
    pub(crate) fn keep(&mut self, taken: &Taken, call: Pending<Tag>) {
        if let Some(seat) = self.seats.get_mut(taken.0) {
            self.pending += 1;
            self.held += call.held;
            seat.call = Some(call);
        }
    }

    /// Polls the call in a seat that was woken. `None` if nobody sits there any more.
    ///
    /// `open` writes into the buffer what precedes the reply's body.
    pub(crate) fn poll(
        &mut self,
        index: usize,
        out: &mut Vec<u8>,
        open: impl FnOnce(&Tag, Route, &mut Vec<u8>),
    ) -> Option<(Poll<Result<()>>, Option<&'static Preamble>)> {
        let seat = self.seats.get_mut(index)?;
        seat.bell.reset();
        let call = seat.call.as_ref()?;
        open(&call.tag, seat.route, out);
        let mut sink = Sink::new(call.format, out);
        let mut cx = Context::from_waker(&seat.waker);
        let polled =
            guarded(&mut *seat.slot, Ambient::Until(call.deadline), |slot| slot.poll(&mut cx, &mut sink));
        Some((polled, sink.preamble))
    }

    /// Takes the call out of a seat, which becomes free.
    pub(crate) fn finish(&mut self, index: usize) -> Option<(Pending<Tag>, Route)> {
        let seat = self.seats.get_mut(index)?;
        let call = seat.call.take()?;
        self.pending -= 1;
        self.held -= call.held;
        let route = seat.route;
        if let Some(free) = self.free.get_mut(route.service) {
            free.push(index);
        }
        Some((call, route))
    }

    /// Drops the call with this tag, if it has not finished.
    pub(crate) fn cancel(&mut self, tag: &Tag) -> Option<(Pending<Tag>, Route)> {
        let index = self.seat_of(tag)?;
        self.drop_call(index)
    }

    fn drop_call(&mut self, index: usize) -> Option<(Pending<Tag>, Route)> {
        if let Some(seat) = self.seats.get_mut(index) {
            clear(&mut *seat.slot);
        }
        self.finish(index)
    }

    /// Drops one call whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(Pending<Tag>, Route)> {
        let late = |seat: &Seat<Tag>| seat.call.as_ref().is_some_and(|call| call.deadline <= now);
        let index = self.seats.iter().position(late)?;
        self.drop_call(index)
    }

    /// The earliest deadline of the calls that have not finished.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.seats.iter().filter_map(|seat| seat.call.as_ref()).map(|call| call.deadline).min()
    }

    /// Drops every call; returns how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        let ended = self.pending;
        for index in 0..self.seats.len() {
            if self.seats.get(index).is_some_and(|seat| seat.call.is_some()) {
                self.drop_call(index);
            }
        }
        ended
    }

    /// Gives back slots that a burst of calls has left; called when nothing is pending.
    pub(crate) fn shrink(&mut self) {
        const KEPT_MAX: usize = 16;
        if self.pending == 0 && self.seats.len() > KEPT_MAX {
            self.seats = Vec::new();
            self.free.iter_mut().for_each(Vec::clear);
        }
    }
}

/// Runs a handler's code; a panic of it ends its call and nothing else.
#[inline]
fn guarded(
    slot: &mut dyn CallSlot,
    ambient: Ambient,
    run: impl FnOnce(&mut dyn CallSlot) -> Poll<Result<()>>,
) -> Poll<Result<()>> {
    match catch_unwind(AssertUnwindSafe(|| ambient::with(ambient, || run(slot)))) {
        Ok(polled) => polled,
        Err(panic) => {
            clear(slot);
            tracing::error!(panic = %panic_text(&*panic), "a method panicked");
            // The panic's text stays here: it may hold what the caller must not see.
            Poll::Ready(Err(Error::new(Code::Internal, "internal error: the method panicked")))
        }
    }
}

/// Drops a running call; a panic while it is dropped is only logged.
fn clear(slot: &mut dyn CallSlot) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| slot.clear())) {
        tracing::error!(panic = %panic_text(&*panic), "a method panicked while it was dropped");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "a panic without text",
    };
    crate::error::shown(text.as_bytes())
}
