//! Large messages on the native protocol: they are not copied on their way, and nobody beside them waits for them.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::alloc::System;
use std::future::Future;
use std::sync::{Arc, RwLock};
use std::task::{Context, Waker};
use std::time::Duration;

use ferrywire::codec::Shared;
use ferrywire::protocol::Native;
use ferrywire::{Client, Limits, Server, ServerHandle, service};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::Semaphore;

use frames::{Frame, Wire, greeting, kind};
use support::{in_time, pipe, settle, until};

#[path = "native/frames.rs"]
#[allow(dead_code, reason = "the tests of the protocol itself use the rest")]
mod frames;
mod support;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Held by tests that do not mind others; what a test asks the allocator for is counted with nobody beside it.
static OTHERS: RwLock<()> = RwLock::new(());

const MIB: usize = 1024 * 1024;

const MORE: u16 = 0x0800;
const CONTINUED: u16 = 0x1000;
const BACK: u16 = 0x4000;

/// Takes and gives what is large.
#[service]
trait Store {
    /// What came.
    async fn echo(&self, bytes: Shared) -> Shared;

    /// So many bytes.
    async fn make(&self, len: u64) -> Shared;

    /// How many bytes came, once it is let go.
    async fn hold(&self, bytes: Shared) -> u64;

    /// Twice the number.
    async fn twice(&self, number: i64) -> i64;
}

struct Shelf(Arc<Semaphore>);

impl Store for Shelf {
    async fn echo(&self, bytes: Shared) -> Shared {
        bytes
    }

    async fn make(&self, len: u64) -> Shared {
        Shared(varied(len as usize).into())
    }

    async fn hold(&self, bytes: Shared) -> u64 {
        let _let_go = self.0.acquire().await;
        bytes.len() as u64
    }

    async fn twice(&self, number: i64) -> i64 {
        2 * number
    }
}

/// Bytes of which no two stretches are alike.
fn varied(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(len as u64).fill(&mut bytes);
    bytes
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    (limits.frame_len_max, limits.bytes_in_flight_max) = (128 * MIB, 1024 * MIB);
    change(&mut limits);
    limits
}

/// A server that lets calls go by its semaphore.
fn server(limits: Limits) -> (Server, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::builder().limits(limits).register(StoreServer::new(Shelf(gate.clone())));
    (server.build().unwrap(), gate)
}

/// A client over TCP, whose server is gone with the runtime.
async fn client(limits: Limits) -> (StoreClient, ServerHandle) {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::builder().limits(limits.clone()).register(StoreServer::new(Shelf(gate)));
    let server = server.bind("tcp://127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.address(), server.handle());
    tokio::spawn(server.run());
    let client = Client::builder().protocol(Native).limits(limits).connect(address).await.unwrap();
    (StoreClient::new(client), handle)
}

/// A peer that says every byte, on a connection of its own.
fn wire(server: &Server) -> Wire {
    let (ours, theirs) = pipe(4 * MIB);
    tokio::spawn(server.serve(theirs));
    Wire::over(ours)
}

/// The number of a method of the store, in the order in which the trait has them.
#[derive(Clone, Copy)]
enum Method {
    Echo = 0,
    Hold = 2,
    Twice = 3,
}

/// The first frame of a request whose body is announced with `len` bytes.
fn begin(id: u64, method: Method, len: usize, here: &[u8]) -> Frame {
    Frame::new(kind::REQUEST | MORE, method as u16, id, [&(len as u32).to_le_bytes()[..], here].concat())
}

fn go_on(id: u64, here: &[u8]) -> Frame {
    Frame::new(kind::REQUEST | CONTINUED | MORE, 0, id, here)
}

fn end(id: u64, here: &[u8]) -> Frame {
    Frame::new(kind::REQUEST | CONTINUED, 0, id, here)
}

/// So many bytes as postcard has them.
fn encoded(bytes: &[u8]) -> Vec<u8> {
    let (mut len, mut body) = (bytes.len(), Vec::new());
    while len > 127 {
        body.push(len as u8 | 128);
        len >>= 7;
    }
    body.push(len as u8);
    body.extend_from_slice(bytes);
    body
}

#[tokio::test]
async fn what_is_large_comes_back_as_it_was_whatever_its_length() {
    let _others = OTHERS.read();
    let (store, _) = client(limits(|_| {})).await;

    for len in [16 * 1024 - 1, 16 * 1024, 64 * 1024, 65_537, 256 * 1024, MIB - 1, MIB, 5 * MIB + 7] {
        let bytes = varied(len);

        let reply = store.echo(Shared(bytes.clone().into())).await.unwrap();

        assert!(reply.0 == bytes, "{len} bytes came back as {}", reply.0.len());
    }
}

#[test]
fn a_large_echo_needs_memory_for_its_bytes_once_at_each_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (store, _) = runtime.block_on(client(limits(|_| {})));
    let bytes = Shared(varied(40 * MIB).into());
    runtime.block_on(store.twice(1)).unwrap();
    let _alone = OTHERS.write();

    let region = Region::new(ALLOCATOR);
    let reply = runtime.block_on(store.echo(bytes.clone())).unwrap();
    let change = region.change();

    assert!(reply.0 == bytes.0);
    // What a block grows by is counted there too.
    let asked = change.bytes_allocated;
    assert!(asked >= 2 * 40 * MIB, "{asked} bytes are too few to hold it at both ends");
    assert!(asked <= 2 * 40 * MIB + MIB, "{asked} bytes were asked for");
}

#[test]
fn one_large_echo_after_the_other_asks_for_no_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (store, _) = runtime.block_on(client(limits(|_| {})));
    let bytes = Shared(varied(MIB).into());
    for _ in 0..10 {
        runtime.block_on(store.echo(bytes.clone())).unwrap();
    }
    let _alone = OTHERS.write();

    let region = Region::new(ALLOCATOR);
    for _ in 0..10 {
        runtime.block_on(store.echo(bytes.clone())).unwrap();
    }
    let change = region.change();

    let asked = change.bytes_allocated;
    assert!(asked <= 256 * 1024, "{asked} bytes were asked for");
}

#[tokio::test]
async fn a_hundred_megabytes_each_way_hold_up_nobody() {
    let _others = OTHERS.read();
    let (store, _) = client(limits(|limits| limits.call_timeout = Duration::from_secs(60))).await;
    let bytes = Shared(varied(100 * MIB).into());
    let large = tokio::spawn({
        let (store, bytes) = (store.clone(), bytes.clone());
        async move { store.echo(bytes).await.unwrap() }
    });
    tokio::task::yield_now().await;

    let mut answered = 0;
    while !large.is_finished() {
        assert_eq!(store.twice(answered).await.unwrap(), 2 * answered);
        answered += 1;
    }

    // In a row, each small call would have waited for all of it.
    assert!(answered >= 50, "{answered} small calls were answered meanwhile");
    assert!(large.await.unwrap().0 == bytes.0);
}

#[tokio::test]
async fn many_large_calls_at_once_all_come_to_their_end() {
    let _others = OTHERS.read();
    let (store, _) = client(limits(|limits| limits.call_timeout = Duration::from_secs(60))).await;

    let calls: Vec<_> = (0..24)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let bytes = vec![number as u8; 3 * MIB + number];
                assert!(store.echo(Shared(bytes.clone().into())).await.unwrap().0 == bytes);
                assert_eq!(store.make(3 * MIB as u64).await.unwrap().0.len(), 3 * MIB);
            })
        })
        .collect();

    for call in calls {
        in_time("a call has ended", call).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_several_threads_send_large_and_small_over_one_connection() {
    let _others = OTHERS.read();
    let (store, _) = client(limits(|limits| limits.call_timeout = Duration::from_secs(60))).await;

    let callers: Vec<_> = (0..8_usize)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                for call in 0..20_usize {
                    let bytes = varied(1 + (caller * 7919 + call * 104_729) % (3 * MIB));
                    match call % 4 {
                        0 => assert_eq!(store.twice(call as i64).await.unwrap(), 2 * call as i64),
                        1 => drop(tokio::time::timeout(Duration::ZERO, store.make(MIB as u64)).await),
                        _ => assert!(store.echo(Shared(bytes.clone().into())).await.unwrap().0 == bytes),
                    }
                }
            })
        })
        .collect();

    for caller in callers {
        in_time("a caller is done", caller).await.unwrap();
    }
}

#[tokio::test]
async fn a_large_call_that_is_dropped_on_its_way_leaves_the_connection_usable() {
    let _others = OTHERS.read();
    let (store, handle) = client(limits(|_| {})).await;
    let bytes = Shared(varied(20 * MIB).into());
    store.twice(1).await.unwrap();

    for turns in 0..12 {
        let mut up = Box::pin(store.echo(bytes.clone()).into_future());
        let mut down = Box::pin(store.make(20 * MIB as u64).into_future());
        let mut cx = Context::from_waker(Waker::noop());
        let mut is_done = up.as_mut().poll(&mut cx).is_ready() | down.as_mut().poll(&mut cx).is_ready();
        for _ in 0..turns {
            assert_eq!(store.twice(4).await.unwrap(), 8);
            is_done =
                is_done || up.as_mut().poll(&mut cx).is_ready() | down.as_mut().poll(&mut cx).is_ready();
        }
        assert!(!is_done || turns > 4, "it takes longer than that");
        drop((up, down));
        assert_eq!(in_time("a small call is answered", store.twice(3)).await.unwrap(), 6);
    }

    assert_eq!(in_time("a large call is answered", store.make(9)).await.unwrap().0.len(), 9);
    until("nothing runs", || handle.running() == 0).await;
    assert_eq!(handle.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_cut_at_any_place_is_run_once_it_is_whole() {
    let _others = OTHERS.read();
    let (server, _) = server(limits(|_| {}));
    let body = encoded(b"six times seven");
    let mut wire = wire(&server);
    wire.send(&greeting()).await;

    let mut id = 0;
    for first in 0..body.len() - 1 {
        for second in first + 1..body.len() {
            id += 2;
            wire.put(&begin(id - 1, Method::Echo, body.len(), &body[..first])).await;
            wire.put(&go_on(id - 1, &body[first..second])).await;
            wire.put(&Frame::new(kind::REQUEST, Method::Twice as u16, id, [42])).await;
            wire.put(&end(id - 1, &body[second..])).await;

            assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, id, [84]));
            assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, id - 1, body.clone()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_lies_about_lengths_is_told_and_left() {
    let _others = OTHERS.read();
    let cases = [
        ("continues no body", vec![end(1, b"never begun")]),
        ("announced with 4", vec![begin(1, Method::Echo, 4, b"12"), end(1, b"3")]),
        ("announced with 4", vec![begin(1, Method::Echo, 4, b"12"), end(1, b"345")]),
        ("announced with 4", vec![begin(1, Method::Echo, 4, b"12"), go_on(1, b"34")]),
        ("over the limit", vec![begin(1, Method::Echo, 128 * MIB + 1, b"12")]),
        ("may be sent", vec![begin(1, Method::Echo, 9 * MIB, b"1"), go_on(1, &vec![0; 2 * MIB])]),
    ];

    for (expected, frames) in cases {
        let (server, _) = server(limits(|_| {}));
        let mut wire = wire(&server);
        wire.send(&greeting()).await;
        for frame in frames {
            wire.put(&frame).await;
        }

        let farewell = wire.farewell().await.farewell();

        assert!(farewell.contains(expected), "{farewell}, not {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_half_way_is_answered_and_has_not_run() {
    let _others = OTHERS.read();
    let (server, _) = server(limits(|_| {}));
    let mut wire = wire(&server);
    wire.send(&greeting()).await;
    wire.put(&begin(1, Method::Echo, MIB, &[0; 40_000])).await;

    wire.put(&Frame::new(kind::CANCEL, 0, 1, [])).await;

    let answer = wire.next().await;
    assert_eq!((answer.kind(), answer.method, answer.id), (kind::ERROR, 1, 1));
    assert_eq!(answer.flags & frames::flag::NOT_EXECUTED, frames::flag::NOT_EXECUTED);
    assert_eq!(server.handle().calls()[0].1, 0);
    wire.put(&Frame::new(kind::REQUEST, Method::Twice as u16, 2, [42])).await;
    assert_eq!(wire.next().await.payload, [84]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_goes_as_far_as_its_credit_and_ends_with_a_cancel() {
    let _others = OTHERS.read();
    let (server, _) = server(limits(|_| {}));
    let mut wire = wire(&server);
    wire.send(&greeting()).await;
    let body = encoded(&varied(7 * MIB / 2));
    wire.put(&begin(1, Method::Echo, body.len(), b"")).await;
    for (piece, granted) in [(&body[..MIB], MIB), (&body[MIB..2 * MIB], body.len() - 3 * MIB)] {
        wire.put(&go_on(1, piece)).await;
        let credit = Frame::new(kind::CREDIT, 0, 1, (granted as u32).to_le_bytes());
        assert_eq!(wire.next().await, credit, "always up to two mebibytes more than has come");
    }
    wire.put(&end(1, &body[2 * MIB..])).await;

    // The page's two mebibytes, and not a byte more.
    let mut len = 0;
    while len < 2 * MIB {
        let frame = wire.next().await;
        assert_eq!((frame.kind(), frame.id), (kind::RESPONSE, 1));
        len += frame.payload.len() - if frame.flags & CONTINUED == 0 { 4 } else { 0 };
        assert_ne!(frame.flags & MORE, 0);
    }
    assert_eq!(len, 2 * MIB);
    wire.put(&Frame::new(kind::REQUEST, Method::Twice as u16, 2, [42])).await;
    assert_eq!(wire.next().await.payload, [84], "others are answered meanwhile");

    wire.put(&Frame::new(kind::CREDIT | BACK, 0, 1, 10_u32.to_le_bytes())).await;
    assert_eq!(wire.next().await.payload.len(), 10);
    wire.put(&Frame::new(kind::CANCEL, 0, 1, [])).await;
    let answer = wire.next().await;
    assert_eq!((answer.kind(), answer.method, answer.id), (kind::ERROR, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn more_credit_than_any_body_is_long_ends_the_connection() {
    let _others = OTHERS.read();
    let (server, _) = server(limits(|_| {}));
    let mut wire = wire(&server);
    wire.send(&greeting()).await;
    let credit = |id, amount: u32| Frame::new(kind::CREDIT | BACK, 0, id, amount.to_le_bytes());
    wire.put(&credit(7, u32::MAX)).await;
    wire.put(&Frame::new(kind::REQUEST, 1, 1, encoded_number(3 * MIB))).await;
    while wire.next().await.payload.len() < 1000 {}

    // Together, or the body would be under way no more.
    wire.send(&[credit(1, u32::MAX - 1).bytes(), credit(1, 1).bytes()].concat()).await;

    // What was accepted is still answered, behind the farewell.
    let said = wire.rest().await;
    let farewell = said.iter().find(|frame| frame.kind() == kind::GO_AWAY).unwrap().farewell();
    assert!(farewell.contains("more credit than a body is long"), "{farewell}");
}

fn encoded_number(number: usize) -> Vec<u8> {
    // A number in postcard has the form of a length.
    let mut body = Vec::new();
    let mut rest = number;
    while rest > 127 {
        body.push(rest as u8 | 128);
        rest >>= 7;
    }
    body.push(rest as u8);
    body
}

/// Row A2, for bodies in pieces.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_go_on_ends_its_connection_though_others_come() {
    let _others = OTHERS.read();
    let (server, _) = server(limits(|_| {}));
    let mut wire = wire(&server);
    wire.send(&greeting()).await;
    wire.put(&begin(1, Method::Echo, 100, b"one of a hundred")).await;

    let mut seconds = 0;
    let closed = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
        let small = Frame::new(kind::REQUEST, Method::Twice as u16, 1 + seconds, [42]);
        if wire.try_send(&small.bytes()).await.is_err() || seconds > 30 {
            break seconds;
        }
    };

    assert!((10..=12).contains(&closed), "closed after {closed} s");
    assert_eq!(server.handle().limit_hits(), [("frame_timeout", 1)]);
}

#[tokio::test(start_paused = true)]
async fn credit_is_held_back_while_all_connections_hold_nearly_what_they_may() {
    let _others = OTHERS.read();
    let (server, gate) = server(limits(|limits| {
        (limits.frame_len_max, limits.bytes_in_flight_max) = (16 * MIB, 16 * MIB);
        limits.handler_timeout = Duration::from_secs(3600);
    }));
    let mut holding = wire(&server);
    holding.send(&greeting()).await;
    let held = encoded(&vec![0; 14 * MIB + MIB / 10]);
    holding.put(&Frame::new(kind::REQUEST, Method::Hold as u16, 1, held)).await;
    let mut wire = wire(&server);
    wire.send(&greeting()).await;
    let body = encoded(&varied(3 * MIB));
    wire.put(&begin(1, Method::Echo, body.len(), &body[..MIB + MIB / 5])).await;

    settle().await;
    assert_eq!(wire.next_within(Duration::from_secs(2)).await, None, "there is no room for more of it");
    gate.add_permits(1);
    assert_eq!(holding.next().await.payload, encoded_number(14 * MIB + MIB / 10));

    let credit = wire.next().await;
    assert_eq!((credit.flags, credit.id), (kind::CREDIT, 1));
    wire.put(&end(1, &body[MIB + MIB / 5..])).await;
    assert_eq!(wire.next().await.kind(), kind::RESPONSE);
}

impl Wire {
    /// The next frame that is no hello, if one comes in time.
    async fn next_within(&mut self, time: Duration) -> Option<Frame> {
        tokio::time::timeout(time, self.next()).await.ok()
    }
}
