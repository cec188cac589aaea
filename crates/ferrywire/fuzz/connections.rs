//! Whole connections of the native protocol, of a server and of a client, whose other side is the input: it says what is
//! sent and how it is cut, when time passes, how much is taken of what is written, and when reading and writing pend.
//!
//! What must hold is checked against what went over the wire, which is taken apart here without the library's code.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use ferrywire::protocol::Native;
use ferrywire::server::Speaks;
use ferrywire::transport::{Peer, Stream};
use ferrywire::{Client, Code, Context, Error, Limits, Server, service};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::native::greeting;

// ---- the input ----

/// The input, taken from its front; what is missing is zero.
struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn bytes(&mut self, len: usize) -> &'s [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

// ---- the wire ----

/// What both ends of the stream share.
#[derive(Default)]
struct Wire {
    /// What the other side has sent and the library has not read.
    coming: VecDeque<u8>,
    /// The most bytes that one read finds; zero for no bound.
    read_max: usize,
    has_ended: bool,
    /// How many bytes the other side will still take.
    room: usize,
    write_max: usize,
    /// What the library has written.
    written: Vec<u8>,
    is_shut: bool,
    /// Whether every other read and write pends once, although it could go on.
    pends: bool,
    has_pended: [bool; 2],
    wakers: [Option<Waker>; 2],
}

const READ: usize = 0;
const WRITE: usize = 1;

impl Wire {
    fn wake(&mut self, side: usize) {
        if let Some(waker) = self.wakers[side].take() {
            waker.wake();
        }
    }

    /// Whether it pends now, to be polled again at once.
    fn pends_once(&mut self, side: usize, cx: &TaskContext<'_>) -> bool {
        self.has_pended[side] = self.pends && !self.has_pended[side];
        if self.has_pended[side] {
            cx.waker().wake_by_ref();
        }
        self.has_pended[side]
    }

    fn wait(&mut self, side: usize, cx: &TaskContext<'_>) {
        self.wakers[side] = Some(cx.waker().clone());
    }
}

/// The most bytes that go at once: as few as the input says, but not so few that a large body takes seconds.
fn part_len(most: usize, all: usize) -> usize {
    if most == 0 { usize::MAX } else { most.max(all / 256) }
}

/// The library's end.
#[derive(Clone)]
struct End(Arc<Mutex<Wire>>);

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if wire.coming.is_empty() && !wire.has_ended {
            wire.wait(READ, cx);
            return Poll::Pending;
        }
        if wire.pends_once(READ, cx) {
            return Poll::Pending;
        }
        let most = part_len(wire.read_max, wire.coming.len());
        let len = wire.coming.len().min(buf.remaining()).min(most);
        let (front, back) = wire.coming.as_slices();
        let from_front = len.min(front.len());
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..len - from_front]);
        wire.coming.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        assert!(!wire.is_shut, "written behind the end");
        if wire.room == 0 {
            wire.wait(WRITE, cx);
            return Poll::Pending;
        }
        if wire.pends_once(WRITE, cx) {
            return Poll::Pending;
        }
        let most = part_len(wire.write_max, bytes.len());
        let len = bytes.len().min(wire.room).min(most);
        wire.room -= len;
        wire.written.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().is_shut = true;
        Poll::Ready(Ok(()))
    }
}

/// The input's end.
struct Hand {
    wire: Arc<Mutex<Wire>>,
    /// All that was ever sent.
    sent: Vec<u8>,
}

impl Hand {
    fn new() -> (Self, Stream) {
        let wire = Arc::new(Mutex::new(Wire { room: usize::MAX, ..Wire::default() }));
        let end = End(wire.clone());
        (Self { wire, sent: Vec::new() }, Stream::new(end.clone(), end, Peer::named("fuzz")))
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut wire = self.wire.lock().unwrap();
        if wire.has_ended {
            return;
        }
        self.sent.extend_from_slice(bytes);
        wire.coming.extend(bytes);
        wire.wake(READ);
    }

    fn change(&self, change: impl FnOnce(&mut Wire)) {
        let mut wire = self.wire.lock().unwrap();
        change(&mut wire);
        wire.wake(READ);
        wire.wake(WRITE);
    }

    /// How many bytes went over the wire, both ways.
    fn wire_len(&self) -> usize {
        self.sent.len() + self.wire.lock().unwrap().written.len()
    }

    fn written(&self) -> Vec<u8> {
        self.wire.lock().unwrap().written.clone()
    }

    /// One of the operations that concern the stream alone.
    async fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation {
            0 => {
                let len = usize::from(script.byte());
                self.send(script.bytes(len));
            }
            1 => {
                let (read_max, write_max) = (script.byte().into(), script.byte().into());
                self.change(|wire| (wire.read_max, wire.write_max) = (read_max, write_max));
            }
            2 => {
                let room = usize::from(script.byte()) * 16;
                self.change(|wire| wire.room = room);
            }
            3 => self.change(|wire| wire.room = usize::MAX),
            4 => self.change(|wire| wire.pends = !wire.pends),
            5 => pass(Duration::from_millis(u64::from(script.byte()) + 1)).await,
            6 => pass(Duration::from_secs(u64::from(script.byte()) + 1)).await,
            7 => self.change(|wire| wire.has_ended = true),
            _ => settle().await,
        }
    }
}

async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

// ---- what went over the wire ----

const REQUEST: u16 = 0;
const RESPONSE: u16 = 1;
const ERROR: u16 = 2;
const GO_AWAY: u16 = 7;
/// Kinds that the page has; streams' are reserved.
const KINDS: [u16; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 10];
const NAMED: u16 = 0x10;
const NOT_EXECUTED: u16 = 0x2000;

#[derive(Debug)]
struct Frame<'b> {
    method: u16,
    flags: u16,
    id: u64,
    payload: &'b [u8],
}

impl Frame<'_> {
    fn kind(&self) -> u16 {
        self.flags & 15
    }
}

/// The whole frames of a direction, its preface taken off.
fn frames(bytes: &[u8]) -> Vec<Frame<'_>> {
    let (mut rest, mut frames) = (bytes.get(16..).unwrap_or_default(), Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(payload) = behind.get(..len) else { break };
        frames.push(Frame {
            method: u16::from_le_bytes([header[4], header[5]]),
            flags: u16::from_le_bytes([header[6], header[7]]),
            id: u64::from_le_bytes(header[8..].try_into().unwrap()),
            payload,
        });
        rest = &behind[len..];
    }
    frames
}

fn put_frame(out: &mut Vec<u8>, flags: u16, method: u16, id: u64, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&method.to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(payload);
}

fn named(name: &str) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), &[0; 8]].concat()
}

/// A number in postcard.
fn number(value: i64) -> Vec<u8> {
    let (mut rest, mut bytes) = ((value << 1 ^ value >> 63) as u64, Vec::new());
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

const MORE: u16 = 0x0800;
const CONTINUED: u16 = 0x1000;

/// A piece of a body, as it should be or not: `begin` are the parts of a body's first frame.
fn piece(script: &mut Script<'_>, kind: u16, id: u64, begin: &[u8]) -> Vec<u8> {
    let (choice, here) = (script.byte(), vec![0; usize::from(script.byte()) * 256]);
    let mut out = Vec::new();
    match choice & 3 {
        0 | 1 => {
            let whole_len = u32::from(script.byte()) * 256;
            // The length in postcard of all bytes behind itself.
            let inner = whole_len.saturating_sub(3);
            let len = [inner as u8 | 0x80, (inner >> 7) as u8 | 0x80, (inner >> 14) as u8 & 0x7f];
            let here = here.get(3..).unwrap_or_default();
            let payload = [begin, &whole_len.to_le_bytes(), &len, here].concat();
            let named = if begin.is_empty() { 0 } else { NAMED };
            put_frame(&mut out, kind | MORE | named, 0, id, &payload);
        }
        2 => put_frame(&mut out, kind | CONTINUED | MORE, 0, id, &here),
        _ => put_frame(&mut out, kind | CONTINUED, 0, id, &here),
    }
    out
}

/// A request that is as it should be, of a method by name or number.
fn request(script: &mut Script<'_>, id: u64, value: i64) -> Vec<u8> {
    const METHODS: [(&str, u16); 6] =
        [("Twice", 0), ("Hold", 1), ("Rest", 2), ("Fill", 3), ("Fail", 4), ("Back", 6)];
    let choice = script.byte();
    let (name, number_of) = METHODS[usize::from(choice & 0x1f) % METHODS.len()];
    let (mut flags, mut payload, mut method) = (REQUEST, Vec::new(), number_of);
    if choice & 0x20 == 0 {
        flags |= NAMED;
        payload = named(&format!("Fuzz.{name}"));
        method = 0;
    }
    if choice & 0x40 != 0 {
        flags |= 0x40;
        payload.extend_from_slice(&(u32::from(script.byte()) * 16).to_le_bytes());
    }
    flags |= if choice & 0x80 != 0 { 0x2000 } else { 0 };
    payload.extend_from_slice(&number(value));
    let mut out = Vec::new();
    put_frame(&mut out, flags, method, id, &payload);
    out
}

/// Preface and hello of a side that offers nothing.
fn plain_greeting() -> Vec<u8> {
    let mut bytes = greeting()[..16].to_vec();
    put_frame(&mut bytes, 4, 0, 0, &[0, 0, 64, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// A number in postcard, which may be longer than it has to be.
fn number_in(bytes: &[u8]) -> Option<i64> {
    let (last, others) = bytes.split_last()?;
    if bytes.len() > 10 || *last >= 0x80 || others.iter().any(|byte| *byte < 0x80) {
        return None;
    }
    let rest = bytes.iter().rev().fold(0_u128, |rest, byte| rest << 7 | u128::from(byte & 0x7f));
    let rest = u64::try_from(rest).ok()?;
    Some((rest >> 1) as i64 ^ -((rest & 1) as i64))
}

/// Numbers that no input comes upon by itself.
fn nonce(count: u64) -> i64 {
    ((count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2) as i64
}

/// Small bounds, so that they are reached.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.frame_len_max = 256 * 1024;
    limits.calls_per_connection_max = 8;
    limits.outbound_len_max = 16 * 1024;
    limits.calls_pending_max = 8;
    // Time passes in leaps, and a connection beside the one that is looked at stands all the while.
    limits.idle_timeout = Duration::from_secs(100_000_000);
    limits.idle_timeout_reconnecting = limits.idle_timeout;
    limits
}

/// Runs `future` to its end, on a clock that jumps to whatever is next.
fn run(future: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future);
}

async fn in_time<F: Future>(what: &str, time: Duration, future: F) -> F::Output {
    match tokio::time::timeout(time, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} not within {time:?}"),
    }
}

// ---- a server ----

#[service]
pub trait Fuzz {
    fn twice(&self, number: i64) -> i64;
    async fn hold(&self, number: i64) -> i64;
    async fn rest(&self, number: i64) -> i64;
    async fn fill(&self, number: i64) -> String;
    async fn fail(&self, number: i64) -> ferrywire::Result<i64>;
    async fn take(&self, bytes: &[u8]) -> i64;
    async fn back(&self, context: &Context, number: i64) -> ferrywire::Result<i64>;
}

#[derive(Clone)]
struct Handler {
    begun: Arc<Mutex<Vec<i64>>>,
    gate: Arc<Semaphore>,
}

impl Handler {
    fn note(&self, number: i64) {
        self.begun.lock().unwrap().push(number);
    }
}

impl Fuzz for Handler {
    fn twice(&self, number: i64) -> i64 {
        self.note(number);
        number.wrapping_mul(2)
    }

    async fn hold(&self, number: i64) -> i64 {
        self.note(number);
        self.gate.acquire().await.unwrap().forget();
        number
    }

    async fn rest(&self, number: i64) -> i64 {
        self.note(number);
        tokio::time::sleep(Duration::from_millis(number.unsigned_abs() % 4096)).await;
        number
    }

    async fn fill(&self, number: i64) -> String {
        self.note(number);
        "f".repeat(number.unsigned_abs() as usize % 100_000)
    }

    async fn fail(&self, number: i64) -> ferrywire::Result<i64> {
        self.note(number);
        Err(Error::new(Code::Aborted, "no").with_details(number.to_le_bytes()))
    }

    async fn take(&self, bytes: &[u8]) -> i64 {
        bytes.len() as i64
    }

    async fn back(&self, context: &Context, number: i64) -> ferrywire::Result<i64> {
        self.note(number);
        let Some(caller) = context.caller() else { return Ok(0) };
        FuzzClient::new(caller).twice(number).timeout(Duration::from_secs(1)).await
    }
}

/// Whatever a client does: each call is answered at most once and runs at most once (V1, V3), nobody else waits (V4), and
/// the connection comes to its end once the client has (V2, V5, V6). `held` is told how long the input is that has come.
pub fn native_server(bytes: &[u8], mut held: impl FnMut(usize)) {
    let mut script = Script(bytes);
    run(async {
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let handler = Handler { begun, gate: gate.clone() };
        // Whoever begins otherwise may be somebody else, who is answered otherwise.
        let server = Server::builder().register(FuzzServer::new(handler.clone())).limits(limits());
        let server = server.speaks([Speaks::Native]).build().unwrap();
        let (mut hand, stream) = Hand::new();
        let mut serving = tokio::spawn(server.serve(stream));
        let (near, far) = tokio::io::duplex(1024);
        let split = |end, name| {
            let (reader, writer) = tokio::io::split(end);
            Stream::new(reader, writer, Peer::named(name))
        };
        let beside = tokio::spawn(server.serve(split(far, "beside")));
        let beside_client = Client::builder().protocol(Native).over(split(near, "server"));
        let beside_client = FuzzClient::new(beside_client);
        assert_eq!(beside_client.twice(21).await.unwrap(), 42);
        held(0);
        match script.byte() & 3 {
            0 => hand.send(&greeting()),
            2 => hand.send(&plain_greeting()),
            _ => {}
        }
        let (mut next_id, mut nonces) = (1, Vec::new());
        while !script.is_over() && !serving.is_finished() {
            match script.byte() % 16 {
                operation @ 0..=8 => hand.operate(operation, &mut script).await,
                9..=11 => {
                    let value = nonce(nonces.len() as u64);
                    nonces.push((next_id, value));
                    let bytes = request(&mut script, next_id, value);
                    hand.send(&bytes);
                    next_id += 1;
                }
                12 => {
                    let mut out = Vec::new();
                    put_frame(&mut out, 3, 0, u64::from(script.byte()), &[]);
                    hand.send(&out);
                }
                13 => {
                    // Any frame: its header is in step, whatever it says.
                    let (kind, flags) = (script.byte(), script.byte());
                    let (id, len) = (script.byte(), script.byte());
                    let flags = KINDS[usize::from(kind) % KINDS.len()] | u16::from(flags) << 4;
                    let id = if id == 255 { next_id } else { id.into() };
                    next_id = next_id.max(id + 1);
                    let mut out = Vec::new();
                    put_frame(&mut out, flags, script.byte().into(), id, script.bytes(len.into()));
                    hand.send(&out);
                }
                14 => gate.add_permits(1),
                _ => {
                    let id = script.byte();
                    let id = if id == 255 { next_id } else { id.into() };
                    next_id = next_id.max(id + 1);
                    let bytes = piece(&mut script, REQUEST, id, &named("Fuzz.Take"));
                    hand.send(&bytes);
                }
            }
            held(hand.wire_len());
        }
        settle().await;
        let product =
            in_time("somebody else is answered", Duration::from_secs(1), beside_client.twice(21)).await;
        assert_eq!(product.unwrap(), 42);
        held(hand.wire_len());
        // The client takes everything and ends; every method may end.
        gate.add_permits(1000);
        hand.change(|wire| (wire.room, wire.has_ended) = (usize::MAX, true));
        in_time("the connection ends", Duration::from_secs(3700), &mut serving).await.unwrap();
        is_answered_once(&hand, &nonces, &handler);
        drop(beside_client);
        in_time("the connection beside ends", Duration::from_secs(60), beside).await.unwrap();
        let handle = server.handle();
        assert_eq!((handle.running(), handle.connections()), (0, 0));
    });
}

fn is_answered_once(hand: &Hand, nonces: &[(u64, i64)], handler: &Handler) {
    let written = hand.written();
    assert!(b"\xc1FWR\x01\0\x01\0".starts_with(&written[..written.len().min(8)]));
    let asked: BTreeSet<u64> =
        frames(&hand.sent).iter().filter(|frame| frame.kind() == REQUEST).map(|frame| frame.id).collect();
    let (mut answered, mut last, mut farewells) = (BTreeMap::new(), u64::MAX, 0);
    for (place, frame) in frames(&written).iter().enumerate() {
        assert_eq!(place == 0, frame.kind() == 4, "a hello at {place}");
        match frame.kind() {
            RESPONSE | ERROR => {
                // One that is cut has a frame for each piece.
                if frame.flags & 0x1800 == 0 {
                    assert!(asked.contains(&frame.id), "{frame:?} answers nothing");
                    assert!(answered.insert(frame.id, frame.kind()).is_none(), "{frame:?} answers once more");
                }
            }
            GO_AWAY => {
                // A side that calls and is called may say it for each role.
                farewells += 1;
                assert!(farewells <= 2, "said farewell {farewells} times");
                last = last.min(frame.id);
                assert!(frame.id == 0 || asked.contains(&frame.id));
            }
            // It calls, too, withdraws, greets, asks whether anybody is there, answers that, and grants.
            REQUEST | 3 | 4 | 5 | 6 | 10 => {}
            kind => panic!("a frame of kind {kind}: {frame:?}"),
        }
    }
    let begun = handler.begun.lock().unwrap();
    for (id, value) in nonces {
        let count = begun.iter().filter(|begun| *begun == value).count();
        assert!(count <= 1, "call {id} ran {count} times");
        if *id > last {
            assert_eq!(count, 0, "call {id} ran behind the farewell's {last}");
            assert_ne!(
                answered.get(id),
                Some(&RESPONSE),
                "call {id} was answered behind the farewell's {last}"
            );
        }
    }
}

// ---- a client ----

/// Whatever a server does: each call ends once and in time (V2), with an answer that was its own (V1), and says that it
/// has not run only where that is certain (V3); the connection comes to its end (V5, V6).
pub fn native_client(bytes: &[u8], mut held: impl FnMut(usize)) {
    let mut script = Script(bytes);
    run(async {
        let (mut hand, stream) = Hand::new();
        let mut builder = Client::builder().protocol(Native).limits(limits());
        let choice = script.byte();
        if choice & 2 != 0 {
            builder = builder.checksum();
        }
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let handler = Handler { begun, gate: gate.clone() };
        if choice & 4 != 0 {
            builder = builder.register(FuzzServer::new(handler.clone()));
        }
        let client = FuzzClient::new(builder.over(stream));
        let (mut next_id, mut asked) = (1, Vec::new());
        held(0);
        if choice & 1 == 0 {
            hand.send(&greeting());
        }
        let mut calls: Vec<tokio::task::JoinHandle<()>> = Vec::new();
        let ended: Arc<Mutex<BTreeMap<i64, ferrywire::Result<i64>>>> = Arc::default();
        let (mut nonces, mut replies) = (0_u64, 0_u64);
        while !script.is_over() {
            match script.byte() % 16 {
                operation @ 0..=8 => hand.operate(operation, &mut script).await,
                10 => {
                    // The server calls back; its ids have nothing to do with the client's.
                    let value = nonce((1 << 40) + asked.len() as u64);
                    asked.push((next_id, value));
                    let bytes = request(&mut script, next_id, value);
                    hand.send(&bytes);
                    next_id += 1;
                }
                9 => {
                    let (choice, value) = (script.byte(), nonce(nonces));
                    nonces += 1;
                    let timeout = Duration::from_millis(u64::from(choice >> 3) * 100 + 1);
                    let (client, ended) = (client.clone(), ended.clone());
                    calls.push(tokio::spawn(async move {
                        let began = Instant::now();
                        let outcome = match choice % 8 {
                            0 => client.hold(value).await,
                            1 => return drop(client.twice(value).one_way().await),
                            2 => client.fail(value).metadata("who", vec![choice; 300]).await,
                            3 => client.twice(value).timeout(timeout).with_metadata().await.map(|(it, _)| it),
                            _ => client.twice(value).timeout(timeout).await,
                        };
                        let most =
                            if matches!(choice % 8, 0 | 2) { Duration::from_secs(10) } else { timeout };
                        let took = began.elapsed();
                        assert!(took <= most + Duration::from_millis(50), "{took:?} of {most:?}");
                        assert!(ended.lock().unwrap().insert(value, outcome).is_none());
                    }));
                    tokio::task::yield_now().await;
                }
                11 => {
                    // A caller gives up.
                    let place = usize::from(script.byte());
                    if !calls.is_empty() {
                        let place = place % calls.len();
                        calls.swap_remove(place).abort();
                    }
                }
                12 => {
                    // An answer that is as it should be, to a call that was seen or will be.
                    let value = number(nonce((1 << 32) + replies));
                    replies += 1;
                    let mut out = Vec::new();
                    put_frame(&mut out, RESPONSE, 0, script.byte().into(), &value);
                    hand.send(&out);
                }
                13 => {
                    let (choice, id) = (script.byte(), script.byte());
                    let flags = if choice & 0x80 != 0 { ERROR | NOT_EXECUTED } else { ERROR };
                    let mut out = Vec::new();
                    put_frame(&mut out, flags, (choice & 31).into(), id.into(), b"\x02\0\0\0nodetails");
                    hand.send(&out);
                }
                14 => {
                    let (kind, flags) = (script.byte(), script.byte());
                    let (id, len) = (script.byte(), script.byte());
                    let flags = KINDS[usize::from(kind) % KINDS.len()] | u16::from(flags) << 4;
                    let mut out = Vec::new();
                    put_frame(&mut out, flags, script.byte().into(), id.into(), script.bytes(len.into()));
                    hand.send(&out);
                }
                _ => {
                    let id = script.byte().into();
                    let bytes = piece(&mut script, RESPONSE, id, &[]);
                    hand.send(&bytes);
                }
            }
            held(hand.wire_len());
        }
        settle().await;
        held(hand.wire_len());
        // All that is under way ends by its deadline, whatever the server did.
        for call in calls {
            match in_time("a call ends", Duration::from_secs(11), call).await {
                Ok(()) => {}
                Err(ended) if ended.is_cancelled() => {}
                Err(ended) => std::panic::resume_unwind(ended.into_panic()),
            }
        }
        drop(client);
        gate.add_permits(1000);
        hand.change(|wire| wire.room = usize::MAX);
        settle().await;
        // What the server had called may have its time.
        pass(Duration::from_secs(40)).await;
        assert_eq!(Arc::strong_count(&hand.wire), 1, "the connection is still there");
        let ended = std::mem::take(&mut *ended.lock().unwrap());
        are_their_own(&hand, &ended);
        is_answered_once(&hand, &asked, &handler);
    });
}

/// Each outcome follows from what went over the wire.
fn are_their_own(hand: &Hand, ended: &BTreeMap<i64, ferrywire::Result<i64>>) {
    let written = hand.written();
    let asked = frames(&written);
    let said = frames(&hand.sent);
    for (value, outcome) in ended {
        let body = number(*value);
        let request = asked.iter().find(|frame| frame.kind() == REQUEST && ends_with(frame, &body));
        let to_it = |kind| {
            let id = request.map(|request| request.id);
            said.iter().filter(move |frame| frame.kind() == kind && Some(frame.id) == id)
        };
        match outcome {
            Ok(reply) => {
                // A server may guess the id of a call that is still on its way out.
                if request.is_none() {
                    continue;
                }
                let mut answers = to_it(RESPONSE);
                // Parts before the body and bodies in pieces are left to the readers' own tests.
                let is_it =
                    |frame: &Frame<'_>| frame.flags != RESPONSE || number_in(frame.payload) == Some(*reply);
                assert!(answers.any(is_it), "{reply} was nobody's answer to {value}");
            }
            Err(error) if !error.may_have_run() && request.is_some() => {
                let was_told = to_it(ERROR).any(|frame| frame.flags & NOT_EXECUTED != 0)
                    || said.iter().any(|frame| frame.kind() == GO_AWAY)
                    || !hand.sent.starts_with(b"\xc1FWR\x01\0\x01\0");
                assert!(was_told, "{value} went out, and {error} says that it has not run");
            }
            Err(_) => {}
        }
    }
}

/// Whether a frame's body ends so, its checksum left out.
fn ends_with(frame: &Frame<'_>, body: &[u8]) -> bool {
    let sum_len = if frame.flags & 0x400 != 0 { 4 } else { 0 };
    let payload = frame.payload.get(..frame.payload.len().saturating_sub(sum_len)).unwrap_or_default();
    payload.ends_with(body)
}
