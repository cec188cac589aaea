//! Drives one connection: the only place of the answering bank that knows a socket and a clock.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::bell::{Bell, Order};
use super::connection::{Connection, Received, Shared, Stop};
use crate::arrival::Arrival;
use crate::input::Input;
use crate::limits::Limits;
use crate::output::{self, Output};
use crate::peer::Peer;
use crate::protocol::{Landing, Protocol};
use crate::timer::{self, Timer};
use crate::transport::Stream;

/// Serves a connection that speaks `P` until it ends. `first` are the bytes that have been read already.
pub(crate) fn serve<P: Protocol>(
    stream: Stream,
    first: Vec<u8>,
    shared: Arc<Shared>,
    bell: Arc<Bell>,
) -> impl Future<Output = ()> + Send {
    shared.serving.fetch_add(1, Ordering::Relaxed);
    let connection = Connection::<P>::new(shared.clone(), stream.peer.clone(), bell.clone());
    let mut driver = Driver {
        connection,
        input: Input::starting_with(first),
        output: Output::default(),
        watch: Watch::default(),
        timer: Timer::default(),
        stream,
        shared,
        held: 0,
        bell,
        waker: None,
    };
    // A block and not a function, whose future would have room for its arguments beside the driver.
    async move {
        let ended = poll_fn(|cx| driver.poll(cx)).await;
        tracing::debug!(peer = %driver.stream.peer, protocol = driver.stream.peer.protocol(), ?ended, "connection closed");
    }
}

struct Driver<P: Protocol> {
    connection: Connection<P>,
    input: Input,
    output: Output,
    watch: Watch,
    timer: Timer,
    stream: Stream,
    shared: Arc<Shared>,
    /// How many bytes of messages the connection held when it was last looked at.
    held: usize,
    bell: Arc<Bell>,
    /// Whom the bell wakes.
    waker: Option<Waker>,
}

/// Why a connection ended; for the log.
#[derive(Debug)]
enum End {
    /// Everything was answered and sent, and the peer has ended too.
    Served,
    /// It was told to stop.
    Stopped,
    /// Reading or writing failed.
    Lost(#[allow(dead_code, reason = "shown in the log by Debug")] io::Error),
    /// The peer was too slow, silent for too long, or has more than its share.
    Limit(#[allow(dead_code, reason = "shown in the log by Debug")] &'static str),
}

/// Moments that a connection keeps in mind. A clock is read only when one of them begins.
#[derive(Debug, Default)]
struct Watch {
    arrival: Arrival,
    /// Since when requests wait that have come and could not be taken.
    waiting: Option<Instant>,
    /// Whether the peer is not read, and when it is next told that somebody is there nevertheless.
    is_deaf: bool,
    busy_until: Option<Instant>,
    /// Since when the peer has taken nothing of what is to be sent.
    stalled: Option<Instant>,
    /// Since when more replies wait than may, and how many bytes the peer had taken by then.
    piled_up: Option<(Instant, u64)>,
    quiet: Quiet,
    /// Whether the peer has ended its direction.
    peer_ended: bool,
    /// Whether a body's sender waits for credit, because too many bytes are held here already.
    is_holding_back: bool,
    /// Until when a connection that is done waits for its peer to end.
    closing: Option<Instant>,
}

/// Whether anything happens on a connection, looked at now and then instead of noted each time.
#[derive(Debug, Default)]
struct Quiet {
    /// When it is next looked at.
    look_at: Option<Instant>,
    /// Reads so far, and how many there were when it was last looked at.
    reads: u64,
    reads_seen: u64,
    /// Since when nothing has happened, once that was seen.
    since: Option<Instant>,
}

/// How long a peer is not read before it is told that somebody is there, and then again.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// How long a connection may be idle. A peer that waits to be called does not come back by itself.
fn idle_timeout<P: Protocol>(peer: &Peer, limits: &Limits) -> Duration {
    match P::RECONNECTS && peer.back().is_none() {
        true => limits.idle_timeout.min(limits.idle_timeout_reconnecting),
        false => limits.idle_timeout,
    }
}

/// How long nothing has to happen before a connection gives back what it does not need.
const REST_AFTER: Duration = Duration::from_secs(30);

/// How often a connection that holds back credit looks whether others have left some room.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_millis(20);

/// How long a peer is watched that lets replies pile up.
const PILE_WATCHED_FOR: Duration = Duration::from_secs(30);

/// The most reads before other tasks have a turn.
const READS_MAX: usize = 16;

impl<P: Protocol> Driver<P> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            self.bell.listen(cx.waker());
        }
        match self.bell.ordered() {
            Order::Serve => {}
            Order::Drain => self.connection.leave(),
            Order::Stop => {
                self.connection.clear();
                return Poll::Ready(End::Stopped);
            }
        }
        output::lend(self.connection.out());
        self.connection.poll_woken();
        let mut again = match self.poll_input(cx) {
            Ok(is_more) => is_more,
            Err(cause) => {
                self.connection.clear();
                return Poll::Ready(End::Lost(cause));
            }
        };
        if self.connection.partial().is_some() || self.watch.arrival.has_bodies() {
            self.see_to_bodies();
        }
        let was_full = !self.connection.wants_bytes();
        if let Err(cause) = self.poll_output(cx) {
            self.connection.clear();
            return Poll::Ready(End::Lost(cause));
        }
        // Sending has made room: what was read and had to wait has its turn.
        again |= (was_full && self.connection.wants_bytes()) || self.connection.has_answers();
        again |= self.output.is_done() && self.connection.has_pieces();
        let reads = !was_full || self.connection.wants_bytes() || self.connection.has_ended();
        self.watch.is_deaf = P::PINGS && !reads;
        if !self.watch.is_deaf {
            self.watch.busy_until = None;
        }
        let is_idle = self.connection.pending() == 0 && self.output.is_done();
        if self.connection.has_ended() && is_idle && !self.connection.has_unsent() {
            return self.poll_close(cx);
        }
        if let Some(limit) = self.account().or_else(|| self.poll_watch(cx)) {
            let may_say_farewell = P::RECONNECTS && limit == "idle_timeout";
            if may_say_farewell && self.connection.has_ended() {
                // It has been said, and what is left is a reply that the peer does not ask for.
                self.connection.clear();
                return Poll::Ready(End::Limit(limit));
            }
            self.shared.hits.note(limit);
            if may_say_farewell {
                // A call that is on its way at this moment has not run, and its caller learns that.
                self.connection.leave_idle();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.connection.clear();
            return Poll::Ready(End::Limit(limit));
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reads while there is something to read and somewhere to put it. Says whether there may be more at
    /// once.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let connection = &mut self.connection;
        let mut received = Received { used: 0, stop: Stop::NeedsBytes };
        // What had to wait for room. The beginning of a message is not looked at again without its rest.
        if !self.input.tail().is_empty() && !self.watch.arrival.is_partial() && connection.wants_bytes() {
            let waited = self.watch.waiting.map_or(Duration::ZERO, |since| since.elapsed());
            self.input.retry(|bytes| {
                received = connection.receive_late(bytes, waited);
                received.used
            });
            if self.watch.quiet.reads == 0 {
                // The bytes that were read before came in a buffer that no read of ours has a use for.
                self.input.rest();
            }
            self.watch.note_arrival(received, self.input.tail().len());
        }
        for _ in 0..READS_MAX {
            if received.stop != Stop::NeedsBytes || !connection.wants_bytes() {
                return Ok(received.stop == Stop::Share);
            }
            let reader = &mut *self.stream.reader;
            let read = match connection.landing() {
                Some(Landing { buffer, until, slack }) if self.input.tail().is_empty() => {
                    let read = self.input.poll_land(cx, reader, buffer, until, slack);
                    if let Poll::Ready(Ok(1..)) = read {
                        self.input.retry(|bytes| {
                            received = connection.receive(bytes);
                            received.used
                        });
                    }
                    read
                }
                _ => self.input.poll_read(cx, reader, |bytes| {
                    received = connection.receive(bytes);
                    received.used
                }),
            };
            match read {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(cause)) => return Err(cause),
                Poll::Ready(Ok(0)) => {
                    // The peer has ended its direction; what it asked before is still answered.
                    connection.end();
                    self.watch.peer_ended = true;
                    self.watch.arrival.reset();
                    return Ok(false);
                }
                Poll::Ready(Ok(_)) => self.watch.quiet.reads += 1,
            }
            self.watch.note_arrival(received, self.input.tail().len());
        }
        Ok(true)
    }

    /// Keeps an eye on bodies that come in pieces, and lets their senders go on.
    #[cold]
    fn see_to_bodies(&mut self) {
        let partial = self.connection.partial();
        // While nothing is read, it is not the peer who keeps us waiting.
        let watched = partial.filter(|_| self.connection.wants_bytes());
        self.watch.arrival.note_bodies(watched.map(|partial| (partial.oldest, partial.came)));
        let own = self.input.tail().len() + self.connection.held();
        let held = self.shared.held.load(Ordering::Relaxed).saturating_sub(self.held) + own;
        self.watch.is_holding_back = partial.is_some() && !self.connection.grant(held);
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        /// The most pieces before what has come is looked at again.
        const PIECES_MAX: usize = 4;
        let before = self.output.total();
        let connection = &mut self.connection;
        let mut pieces = 0;
        let sent = self.output.poll(cx, &mut *self.stream.writer, |buffer, splices| {
            if !connection.out().is_empty() {
                std::mem::swap(buffer, connection.out());
            }
            if pieces < PIECES_MAX && connection.has_pieces() {
                pieces += 1;
                connection.put_pieces(buffer, splices);
            }
        });
        let out = connection.out();
        if out.is_empty() {
            output::give_back(std::mem::take(out));
        }
        match sent {
            Poll::Ready(Ok(())) => self.watch.stalled = None,
            Poll::Ready(Err(cause)) => return Err(cause),
            Poll::Pending if self.output.total() != before || self.watch.stalled.is_none() => {
                self.watch.stalled = Some(Instant::now());
            }
            Poll::Pending => {}
        }
        let left = self.output.left();
        self.connection.note_unsent(left);
        let is_piled_up = self.connection.is_piled_up();
        self.watch.note_pile(is_piled_up, self.output.total());
        Ok(())
    }

    /// Ends our direction, then waits a moment for the peer to end its own: a socket that is closed with
    /// unread bytes is reset, and a reset overtakes the replies that are still on their way.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        const LINGER: Duration = Duration::from_secs(1);
        let until = match self.watch.closing {
            Some(until) => until,
            None => {
                match ready!(Pin::new(&mut *self.stream.writer).poll_shutdown(cx)) {
                    Ok(()) => {}
                    Err(cause) => return Poll::Ready(End::Lost(cause)),
                }
                self.timer = Timer::default();
                *self.watch.closing.insert(timer::after(LINGER))
            }
        };
        while !self.watch.peer_ended {
            match self.input.poll_read(cx, &mut *self.stream.reader, <[u8]>::len) {
                Poll::Ready(Ok(0) | Err(_)) => self.watch.peer_ended = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    self.timer.by(until);
                    ready!(self.timer.poll(cx));
                    return Poll::Ready(End::Served);
                }
            }
        }
        Poll::Ready(End::Served)
    }

    /// Adds what the connection holds to what all hold; names the limit if that is too much and this
    /// connection has more than its share of it.
    fn account(&mut self) -> Option<&'static str> {
        let held = self.input.tail().len() + self.connection.held();
        self.shared.account(&mut self.held, held)
    }

    /// Sees to everything that depends on time; names the limit if the connection has to end by one.
    #[inline]
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> Option<&'static str> {
        // Mostly nothing is waited for but the next look at whether anything happens.
        if self.watch.is_calm() && self.connection.next_deadline().is_none() && self.timer.is_quiet() {
            return None;
        }
        self.poll_moments(cx)
    }

    fn poll_moments(&mut self, cx: &mut Context<'_>) -> Option<&'static str> {
        loop {
            let watch = &mut self.watch;
            let deadline = self.connection.next_deadline();
            let arrival = watch.arrival.deadline(&self.shared.limits);
            let piled_up = watch.piled_up.map(|(since, _)| since + PILE_WATCHED_FOR);
            let stalled = watch.stalled.map(|since| timer::later(since, self.shared.limits.stall_timeout));
            let idle_timeout = idle_timeout::<P>(&self.stream.peer, &self.shared.limits);
            let look_every = idle_timeout.min(REST_AFTER);
            let look_at = *watch.quiet.look_at.get_or_insert_with(|| timer::after(look_every));
            self.timer.by(look_at);
            // What a peer asks meanwhile stands behind requests that wait.
            let busy_until = match watch.is_deaf {
                true => Some(*watch.busy_until.get_or_insert_with(|| timer::after(BUSY_FOR))),
                false => None,
            };
            for at in [arrival, stalled, piled_up, deadline, busy_until].into_iter().flatten() {
                self.timer.by(at);
            }
            if watch.is_holding_back {
                self.timer.by(timer::after(LOOK_FOR_ROOM_EVERY));
            }
            let Poll::Ready(now) = self.timer.poll(cx) else {
                return None;
            };
            if arrival.is_some_and(|at| at <= now) {
                return Some("frame_timeout");
            }
            if watch.is_holding_back {
                let held = self.shared.held.load(Ordering::Relaxed);
                watch.is_holding_back = !self.connection.grant(held);
                // What was granted is said in the next turn.
                cx.waker().wake_by_ref();
            }
            if stalled.is_some_and(|at| at <= now) {
                return Some("stall_timeout");
            }
            if let Some((_, sent)) = watch.piled_up
                && piled_up.is_some_and(|at| at <= now)
            {
                let taken = self.output.total() - sent;
                if taken < self.shared.limits.outbound_progress_min as u64 {
                    return Some("outbound_progress_min");
                }
                watch.piled_up = Some((now, self.output.total()));
            }
            if look_at <= now {
                let is_busy =
                    self.connection.pending() > 0 || !self.output.is_done() || self.bell.take_stir();
                let since = watch.quiet.look(now, is_busy, look_every);
                if since.is_some_and(|since| now >= timer::later(since, idle_timeout)) {
                    return Some("idle_timeout");
                }
                if let Some(since) = since {
                    watch.quiet.look_at = Some(timer::later(since, idle_timeout));
                    self.connection.rest();
                    self.input.rest();
                }
            }
            if busy_until.is_some_and(|at| at <= now) {
                watch.busy_until = None;
                self.connection.ping();
                cx.waker().wake_by_ref();
            }
            if deadline.is_some_and(|at| at <= now) {
                self.connection.expire(now);
                // The error replies go out in the next turn.
                cx.waker().wake_by_ref();
            }
        }
    }
}

impl<P: Protocol> Drop for Driver<P> {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(self.held, Ordering::Relaxed);
        self.shared.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Quiet {
    /// Looks whether anything has happened in the stretch that ends now; says since when nothing has.
    fn look(&mut self, now: Instant, is_busy: bool, stretch: Duration) -> Option<Instant> {
        if is_busy || self.reads != self.reads_seen {
            (self.reads_seen, self.since, self.look_at) = (self.reads, None, Some(now + stretch));
        } else if self.since.is_none() {
            self.since = Some(now.checked_sub(stretch).unwrap_or(now));
        }
        self.since
    }
}

impl Watch {
    /// Whether no moment is kept in mind.
    #[inline]
    fn is_calm(&self) -> bool {
        !(self.arrival.is_under_way()
            || self.stalled.is_some()
            || self.piled_up.is_some()
            || self.is_deaf
            || self.is_holding_back)
    }

    /// Keeps in mind when a message began to arrive and how much of it has.
    fn note_arrival(&mut self, received: Received, left: usize) {
        match received.stop {
            Stop::NeedsBytes => {
                self.waiting = None;
                self.arrival.note(received.used, left);
            }
            Stop::Busy if left > 0 => {
                self.arrival.reset();
                self.waiting.get_or_insert_with(Instant::now);
            }
            Stop::Busy => {
                self.arrival.reset();
                self.waiting = None;
            }
            Stop::Share | Stop::Ended => self.arrival.reset(),
        }
    }

    /// Keeps in mind when replies began to pile up, and how much the peer had taken by then.
    fn note_pile(&mut self, is_piled_up: bool, sent: u64) {
        match (is_piled_up, self.piled_up) {
            (true, None) => self.piled_up = Some((Instant::now(), sent)),
            (false, Some(_)) => self.piled_up = None,
            (true, Some(_)) | (false, None) => {}
        }
    }
}
