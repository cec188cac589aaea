//! What a connection's task, the calls that it started, their peer and an order to end do at the same time, in every
//! order: see [`model`].

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::bell::{Bell, Order, SeatBell};
use super::connection::Shared;
use super::connections::Connections;
use super::{Server, drive};
use crate::body::Sink;
use crate::codec::Shape;
use crate::description::{Description, Method};
use crate::error::Result;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::service::{CallSlot, Request, Service};
use crate::stage::{CALL, CANCEL, ERROR, Far, LEAVE, Message, Plain, REPLY, wire};
use crate::sync::{JoinHandle, Mutex, block_on, model, stop_exploring, thread, yield_now};

static BYTE: Shape = Shape::of::<u8>();
static METHODS: [Method; 1] = [Method {
    name: "M",
    full_name: "S.M",
    rust_name: "m",
    doc: "",
    argument: &BYTE,
    reply: &BYTE,
    is_idempotent: false,
}];
static DESCRIPTION: Description = Description { name: "S", doc: "", methods: &METHODS };

/// Answers with the argument and one more, once its gate is wide open.
struct Gated(Arc<Gate>);

#[derive(Default)]
struct Gate {
    state: Mutex<Passage>,
}

#[derive(Default)]
struct Passage {
    /// How often it has still to be opened.
    closed: usize,
    waiting: Vec<Waker>,
}

impl Gate {
    fn new(closed: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Passage { closed, waiting: Vec::new() }) })
    }

    fn open(&self) {
        let waiting = {
            let mut state = self.state.lock().expect("nobody panicked");
            state.closed -= 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Service for Gated {
    fn description(&self) -> &Description {
        &DESCRIPTION
    }

    fn new_slot(self: Arc<Self>, _peer: &Arc<Peer>) -> Box<dyn CallSlot> {
        Box::new(Slot { gate: self.0.clone(), value: None })
    }
}

struct Slot {
    gate: Arc<Gate>,
    value: Option<u8>,
}

impl CallSlot for Slot {
    fn start(
        &mut self,
        request: &mut Request<'_>,
        cx: &mut Context<'_>,
        sink: &mut Sink<'_>,
    ) -> Poll<Result<()>> {
        self.value = request.body.bytes.first().copied();
        self.poll(cx, sink)
    }

    fn poll(&mut self, cx: &mut Context<'_>, sink: &mut Sink<'_>) -> Poll<Result<()>> {
        let Some(value) = self.value else {
            return Poll::Pending;
        };
        {
            let mut state = self.gate.state.lock().expect("nobody panicked");
            if state.closed > 0 {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        sink.out.push(value + 1);
        self.value = None;
        Poll::Ready(Ok(()))
    }

    fn clear(&mut self) {
        self.value = None;
    }
}

/// A server's side, without the places where it listens.
struct Bank {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
}

impl Bank {
    fn new(limits: Limits, closed: usize) -> Self {
        let gate = Gate::new(closed);
        let server = Server::builder().register(Gated(gate.clone())).limits(limits).build();
        let shared = server.expect("the service is the only one").inner.shared.clone();
        Self { shared, gate }
    }

    /// One whose calls run as tasks.
    fn spawning(limits: Limits, closed: usize) -> Self {
        let bank = Self::new(limits, closed);
        let route = bank.shared.router.find(b"S.M", None).expect("it was registered");
        bank.shared.router.note_time(route, Duration::from_secs(1), 0);
        bank
    }

    /// A served connection: its bell, its task, and the caller's end. So many bytes fit on the wire.
    fn connect(&self, room: usize) -> (Arc<Bell>, JoinHandle<()>, Far) {
        let (near, far) = wire(room);
        let bell = Bell::new();
        let (shared, heard) = (self.shared.clone(), bell.clone());
        let task = thread(move || block_on(drive::serve::<Plain>(near, Vec::new(), shared, heard)));
        (bell, task, far)
    }

    /// L12: nothing is counted any more. A task that was aborted may take its time to end.
    fn is_clear(&self) {
        while self.shared.running.load(Ordering::SeqCst) > 0 {
            yield_now();
        }
        let Shared { running, held, serving, .. } = &*self.shared;
        assert_eq!([running, held, serving].map(|count| count.load(Ordering::SeqCst)), [0, 0, 0]);
    }
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("the thread has ended")
}

/// All that the server says until it ends its direction.
fn rest(far: &mut Far) -> Vec<Message> {
    std::iter::from_fn(|| block_on(far.next())).collect()
}

const ROOM: usize = 64;

/// A bell's task hears each of its seats, however often they ring and whenever it listens.
#[test]
fn a_bell_that_is_rung_is_heard() {
    model(|| {
        let bell = Bell::new();
        let ringing = [0, 1].map(|seat| {
            let waker = Waker::from(SeatBell::new(seat, bell.clone()));
            thread(move || (0..2).for_each(|_| waker.wake_by_ref()))
        });

        let (mut seats, mut finished) = (Vec::new(), Vec::new());
        block_on(poll_fn(|cx| {
            bell.listen(cx.waker());
            bell.take(&mut seats, &mut finished);
            if seats.len() < 2 { Poll::Pending } else { Poll::Ready(()) }
        }));

        seats.sort_unstable();
        assert_eq!(seats, [0, 1]);
        ringing.into_iter().for_each(joined);
    });
}

/// L8: calls that are held back go on when replies have been sent.
#[test]
fn a_call_that_is_held_back_goes_on_when_there_is_room() {
    model(|| {
        let bell = Bell::new();
        bell.note_waiting(5, 5);
        let calls = [(); 2].map(|()| {
            let bell = bell.clone();
            thread(move || {
                block_on(poll_fn(|cx| match bell.holds_back(5, cx.waker()) {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }));
            })
        });

        bell.note_waiting(6, 5);
        bell.note_waiting(0, 5);

        calls.into_iter().for_each(joined);
    });
}

/// L8, L9: calls that run as tasks, one reply at a time on the wire, one call at a time.
#[test]
fn spawned_calls_are_all_answered_though_little_may_wait() {
    model(|| {
        let bank = Bank::spawning(Limits { outbound_len_max: 1, ..Limits::default() }, 0);
        let (_, task, mut far) = bank.connect(3);

        block_on(far.say([CALL, 1, 10]));
        block_on(far.say([CALL, 2, 20]));
        let mut replies = [(); 2].map(|()| block_on(far.next()).expect("both are answered"));
        stop_exploring();
        drop(far);
        joined(task);

        replies.sort_unstable();
        assert_eq!(replies, [[REPLY, 1, 11], [REPLY, 2, 21]]);
        bank.is_clear();
    });
}

/// L2 for servers: a call ends by itself and is withdrawn.
#[test]
fn a_call_that_ends_while_it_is_withdrawn_is_answered_once() {
    model(|| {
        let bank = Bank::new(Limits::default(), 1);
        let (_, task, mut far) = bank.connect(ROOM);
        block_on(far.say([CALL, 1, 10]));
        let gate = bank.gate.clone();
        let opener = thread(move || gate.open());

        block_on(far.say([CANCEL, 1, 0]));
        let [kind, id, _] = block_on(far.next()).expect("it is answered");
        assert!([REPLY, ERROR].contains(&kind) && id == 1);
        joined(opener);
        // The seat serves the next call, and nothing was said about the first one twice.
        block_on(far.say([CALL, 2, 20]));
        assert_eq!(block_on(far.next()), Some([REPLY, 2, 21]));

        drop(far);
        joined(task);
        bank.is_clear();
    });
}

/// L9: a spawned call that is withdrawn gives its seat back when it has ended, and not before.
#[test]
fn a_spawned_call_that_is_withdrawn_gives_its_seat_back() {
    model(|| {
        let bank = Bank::spawning(Limits { calls_per_connection_max: 1, ..Limits::default() }, 0);
        let (_, task, mut far) = bank.connect(ROOM);

        block_on(far.say([CALL, 1, 10]));
        block_on(far.say([CANCEL, 1, 0]));
        block_on(far.say([CALL, 2, 20]));
        let [first, second] = [(); 2].map(|()| block_on(far.next()).expect("both are answered"));
        stop_exploring();

        assert!([REPLY, ERROR].contains(&first[0]) && first[1] == 1, "{first:?}");
        assert_eq!(second, [REPLY, 2, 21]);
        drop(far);
        joined(task);
        bank.is_clear();
    });
}

/// L9: as above, with a method that does not end by itself. A connection is not read while all its seats are taken.
#[test]
fn spawned_calls_that_do_not_end_give_their_seats_back_when_they_are_withdrawn() {
    model(|| {
        let bank = Bank::spawning(Limits { calls_per_connection_max: 2, ..Limits::default() }, 1);
        let (_, task, mut far) = bank.connect(ROOM);

        for id in [1, 2] {
            block_on(far.say([CALL, id, 10]));
            block_on(far.say([CANCEL, id, 0]));
            let [kind, other, _] = block_on(far.next()).expect("it is answered");
            assert_eq!((kind, other), (ERROR, id));
        }

        stop_exploring();
        drop(far);
        joined(task);
        bank.is_clear();
    });
}

/// A call is polled again as often as it is woken.
#[test]
fn a_call_that_is_woken_twice_is_answered() {
    model(|| {
        let bank = Bank::new(Limits::default(), 2);
        let (_, task, mut far) = bank.connect(ROOM);
        let gate = bank.gate.clone();
        let opener = thread(move || (0..2).for_each(|_| gate.open()));

        block_on(far.say([CALL, 1, 10]));
        assert_eq!(block_on(far.next()), Some([REPLY, 1, 11]));

        stop_exploring();
        joined(opener);
        drop(far);
        joined(task);
        bank.is_clear();
    });
}

/// L3, L12 for servers: the peer goes while its call ends.
#[test]
fn a_connection_that_is_lost_while_its_call_ends_leaves_nothing() {
    model(|| {
        let bank = Bank::new(Limits::default(), 1);
        let (_, task, mut far) = bank.connect(ROOM);
        block_on(far.say([CALL, 1, 10]));
        let gate = bank.gate.clone();
        let opener = thread(move || gate.open());

        drop(far);

        joined(opener);
        joined(task);
        bank.is_clear();
    });
}

/// L10: a request crosses the order to drain.
#[test]
fn a_request_that_crosses_the_drain_is_answered_or_has_not_run() {
    model(|| {
        let bank = Bank::new(Limits::default(), 1);
        let (bell, task, mut far) = bank.connect(ROOM);
        let gate = bank.gate.clone();
        let orderer = thread(move || {
            bell.order(Order::Drain);
            gate.open();
        });

        block_on(far.say([CALL, 1, 10]));
        let said = rest(&mut far);
        drop(far);

        match said[..] {
            [[LEAVE, 1, 0], [REPLY, 1, 11]] | [[REPLY, 1, 11], [LEAVE, 1, 0]] => {}
            [[LEAVE, 0, 0]] => {}
            _ => panic!("{said:?}"),
        }
        joined(orderer);
        joined(task);
        bank.is_clear();
    });
}

/// L10: as above, with a call that runs as a task.
#[test]
fn a_spawned_call_that_crosses_the_drain_is_answered_or_has_not_run() {
    model(|| {
        let bank = Bank::spawning(Limits::default(), 0);
        let (bell, task, mut far) = bank.connect(ROOM);
        let orderer = thread(move || bell.order(Order::Drain));

        block_on(far.say([CALL, 1, 10]));
        let said = rest(&mut far);
        drop(far);

        match said[..] {
            [[LEAVE, 1, 0], [REPLY, 1, 11]] | [[REPLY, 1, 11], [LEAVE, 1, 0]] => {}
            [[LEAVE, 0, 0]] => {}
            _ => panic!("{said:?}"),
        }
        joined(orderer);
        joined(task);
        bank.is_clear();
    });
}

/// L10: an order to stop ends a connection whose method never does.
#[test]
fn an_order_to_stop_ends_a_connection_whatever_runs() {
    model(|| {
        let bank = Bank::new(Limits::default(), 1);
        let (bell, task, mut far) = bank.connect(ROOM);
        let orderer = thread(move || {
            bell.order(Order::Drain);
            bell.order(Order::Stop);
        });

        block_on(far.say([CALL, 1, 10]));

        joined(task);
        joined(orderer);
        bank.is_clear();
    });
}

/// L10, L12: a connection is admitted while all are told to end.
#[test]
fn a_connection_that_is_admitted_during_an_order_is_told_too() {
    model(|| {
        let connections: Arc<Connections> = Arc::default();
        let (all, peer) = (connections.clone(), Peer::at("tcp", ([127, 0, 0, 1], 1).into()));
        let orderer = thread(move || all.order(Order::Drain));

        let admitted = connections.admit(&peer, &Limits::default()).expect("there is room");
        block_on(poll_fn(|cx| {
            admitted.bell.listen(cx.waker());
            if admitted.bell.ordered() == Order::Serve { Poll::Pending } else { Poll::Ready(()) }
        }));
        admitted.has_greeted();
        drop(admitted);

        joined(orderer);
        assert_eq!(connections.len(), 0);
    });
}

/// L9, L12: places for connections are never too many, and come back.
#[test]
fn places_for_connections_are_given_once_and_come_back() {
    model(|| {
        let connections: Arc<Connections> = Arc::default();
        let limits = || Limits { connections_per_address_max: 1, ..Limits::default() };
        let peer = || Peer::at("tcp", ([127, 0, 0, 1], 1).into());
        let holders = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let admissions = [(); 2].map(|()| {
            let (connections, holders) = (connections.clone(), holders.clone());
            thread(move || {
                if let Ok(admitted) = connections.admit(&peer(), &limits()) {
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                    admitted.has_greeted();
                    holders.fetch_sub(1, Ordering::SeqCst);
                }
            })
        });

        admissions.into_iter().for_each(joined);
        assert_eq!(connections.len(), 0);
        drop(connections.admit(&peer(), &limits()).expect("the place has come back"));
    });
}

/// L9: calls of two connections at once. Each thread looks before it begins a call, so that all threads together may
/// be over by one each but the first.
#[test]
fn calls_of_all_connections_are_hardly_more_than_may_run() {
    model(|| {
        let bank = Bank::new(Limits { calls_max: 1, ..Limits::default() }, 1);
        let mut connections = [(); 2].map(|()| bank.connect(ROOM));
        for (_, _, far) in &mut connections {
            block_on(far.say([CALL, 1, 10]));
            block_on(far.say([CALL, 2, 20]));
        }

        // What is refused is refused at once; the others wait for the gate.
        let mut said = HashMap::new();
        for (place, (_, _, far)) in connections.iter_mut().enumerate() {
            said.insert(place, block_on(far.next()).expect("one of the two is refused"));
        }
        assert!((1..=2).contains(&bank.shared.running.load(Ordering::SeqCst)));
        stop_exploring();
        bank.gate.open();
        for (place, (_, task, far)) in connections.into_iter().enumerate() {
            assert_eq!(said[&place][0], ERROR);
            assert_eq!(said[&place][2], 0, "it has not run");
            drop(far);
            joined(task);
        }
        bank.is_clear();
    });
}
