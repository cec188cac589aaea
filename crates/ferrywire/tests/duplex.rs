//! Calls in both directions over one connection: a server calls back the client that called it.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywire::protocol::{Native, NetRpc};
use ferrywire::transport::{Address, Memory};
use ferrywire::{Client, Code, Context, Limits, Result, Server, ServerHandle, client, service};
use futures_util::future::join_all;
use serde_bytes::ByteBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use support::{in_time, limits, pipe, settle, until};

mod support;

/// What the server offers.
#[service]
trait Hub {
    /// Whether whoever calls can be called.
    async fn can_call(&self, context: &Context) -> bool;

    /// Asks the caller for twice the number.
    async fn ask(&self, context: &Context, number: i64) -> Result<i64>;

    /// Goes through the caller and back, so many times in all.
    async fn bounce(&self, context: &Context, times: u32) -> Result<u32>;

    /// Asks the caller for something that never comes.
    async fn hang(&self, context: &Context) -> Result<()>;

    /// Sends the bytes back by a call, and again as the reply.
    async fn mirror(&self, context: &Context, bytes: ByteBuf) -> Result<ByteBuf>;

    /// Keeps the caller.
    async fn keep(&self, context: &Context);

    /// The number.
    async fn plain(&self, number: i64) -> i64;
}

/// What the client offers.
#[service]
trait Leaf {
    /// Twice the number.
    async fn double(&self, number: i64) -> i64;

    /// See `Hub.bounce`.
    async fn bounce(&self, context: &Context, times: u32) -> Result<u32>;

    /// Waits for ever.
    async fn hang(&self);

    /// How many bytes came, and the bytes.
    async fn mirror(&self, bytes: ByteBuf) -> ByteBuf;

    /// How many milliseconds are left.
    async fn time_left(&self, context: &Context) -> u64;
}

/// Counts what begins to hang, and what is dropped while it does.
#[derive(Clone, Default)]
struct Watch {
    begun: watch::Sender<usize>,
    dropped: watch::Sender<usize>,
}

impl Watch {
    async fn hang(&self) {
        struct Dropped<'w>(&'w Watch);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.dropped.send_modify(|dropped| *dropped += 1);
            }
        }
        let _dropped = Dropped(self);
        self.begun.send_modify(|begun| *begun += 1);
        std::future::pending().await
    }

    async fn begun(&self, count: usize) {
        let mut begun = self.begun.subscribe();
        in_time("methods hang", begun.wait_for(|begun| *begun >= count)).await.unwrap();
    }

    async fn dropped(&self, count: usize) {
        let mut dropped = self.dropped.subscribe();
        in_time("hanging methods are dropped", dropped.wait_for(|dropped| *dropped >= count)).await.unwrap();
    }
}

#[derive(Clone, Default)]
struct Desk {
    kept: Arc<Mutex<Option<Client>>>,
}

fn leaf(context: &Context) -> Result<LeafClient> {
    let caller = context.caller().ok_or("this caller cannot be called")?;
    Ok(LeafClient::new(caller))
}

impl Hub for Desk {
    async fn can_call(&self, context: &Context) -> bool {
        context.caller().is_some()
    }

    async fn ask(&self, context: &Context, number: i64) -> Result<i64> {
        leaf(context)?.double(number).await
    }

    async fn bounce(&self, context: &Context, times: u32) -> Result<u32> {
        match times {
            0 => Ok(0),
            _ => Ok(1 + leaf(context)?.bounce(times - 1).await?),
        }
    }

    async fn hang(&self, context: &Context) -> Result<()> {
        leaf(context)?.hang().await
    }

    async fn mirror(&self, context: &Context, bytes: ByteBuf) -> Result<ByteBuf> {
        leaf(context)?.mirror(bytes).await
    }

    async fn keep(&self, context: &Context) {
        *self.kept.lock().unwrap() = context.caller();
    }

    async fn plain(&self, number: i64) -> i64 {
        number
    }
}

#[derive(Clone, Default)]
struct Pad {
    watch: Watch,
}

impl Leaf for Pad {
    async fn double(&self, number: i64) -> i64 {
        2 * number
    }

    async fn bounce(&self, context: &Context, times: u32) -> Result<u32> {
        match times {
            0 => Ok(0),
            _ => {
                let server = context.caller().ok_or("no way back")?;
                Ok(1 + HubClient::new(server).bounce(times - 1).await?)
            }
        }
    }

    async fn hang(&self) {
        self.watch.hang().await;
    }

    async fn mirror(&self, bytes: ByteBuf) -> ByteBuf {
        bytes
    }

    async fn time_left(&self, context: &Context) -> u64 {
        context.remaining().as_millis() as u64
    }
}

/// A server, and a client of it that offers `Leaf`.
struct Pair {
    desk: Desk,
    pad: Pad,
    memory: Memory,
    address: Address,
    handle: ServerHandle,
    serving: JoinHandle<Result<()>>,
    hub: HubClient,
}

impl Pair {
    async fn at(address: &str) -> Self {
        Self::with(address, Limits::default(), Limits::default()).await
    }

    async fn with(address: &str, server_limits: Limits, client_limits: Limits) -> Self {
        let (desk, pad, memory) = (Desk::default(), Pad::default(), Memory::new());
        let server = Server::builder().register(HubServer::new(desk.clone()));
        let server = server.limits(server_limits).memory(&memory).bind(address).await.unwrap();
        let (address, handle) = (server.address(), server.handle());
        let serving = tokio::spawn(server.run());
        let offering = Client::builder().protocol(Native).memory(&memory).limits(client_limits);
        let offering = offering.register(LeafServer::new(pad.clone()));
        let client = in_time("a connection stands", offering.connect(&address)).await.unwrap();
        Self { desk, pad, memory, address, handle, serving, hub: HubClient::new(client) }
    }

    fn builder(&self) -> client::Builder {
        Client::builder().protocol(Native).memory(&self.memory)
    }

    /// The client as the server keeps it.
    async fn kept(&self) -> LeafClient {
        self.hub.keep().await.unwrap();
        LeafClient::new(self.desk.kept.lock().unwrap().take().unwrap())
    }
}

fn address(way: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    match way {
        "tcp" => "tcp://127.0.0.1:0".to_owned(),
        "unix" => {
            let name = format!("ferrywire-duplex-{}-{number}", std::process::id());
            format!("unix://{}", std::env::temp_dir().join(name).display())
        }
        _ => "memory://duplex".to_owned(),
    }
}

// ---- over every transport ----

async fn a_server_calls_its_client_while_that_waits(way: &str) {
    let pair = Pair::at(&address(way)).await;

    for number in 0..50 {
        assert_eq!(in_time("the call ends", pair.hub.ask(number)).await.unwrap(), 2 * number);
    }
    assert_eq!(pair.handle.connections(), 1);
}

async fn calls_nest_twenty_deep(way: &str) {
    let pair = Pair::at(&address(way)).await;

    assert_eq!(in_time("the call ends", pair.hub.bounce(20)).await.unwrap(), 20);
}

async fn many_calls_go_both_ways_at_once(way: &str) {
    let pair = Pair::at(&address(way)).await;
    let leaf = pair.kept().await;

    let asked = join_all((0..1000).map(|number| pair.hub.ask(number)));
    let doubled = join_all((0..1000).map(|number| leaf.double(number)));
    let (asked, doubled) = in_time("all calls end", async { tokio::join!(asked, doubled) }).await;

    for (number, (asked, doubled)) in asked.into_iter().zip(doubled).enumerate() {
        let twice = 2 * number as i64;
        assert_eq!((asked.unwrap(), doubled.unwrap()), (twice, twice));
    }
    assert_eq!(pair.handle.connections(), 1);
}

async fn much_goes_both_ways_at_once(way: &str) {
    let pair = Pair::at(&address(way)).await;
    let leaf = pair.kept().await;
    let bytes = ByteBuf::from(vec![0x5a; 64 * 1024]);

    let mirrored = join_all((0..200).map(|_| pair.hub.mirror(bytes.clone())));
    let back = join_all((0..200).map(|_| leaf.mirror(bytes.clone())));
    let (mirrored, back) = in_time("all calls end", async { tokio::join!(mirrored, back) }).await;

    assert!(mirrored.into_iter().chain(back).all(|got| got.unwrap() == bytes));
}

async fn large_bodies_go_back(way: &str) {
    let pair = Pair::at(&address(way)).await;

    for len in [0, 1, 4096, 65_536, 271_828, 3 << 20] {
        let bytes = ByteBuf::from((0..len).map(|at| at as u8).collect::<Vec<u8>>());
        let mirrored = in_time("the call ends", pair.hub.mirror(bytes.clone())).await.unwrap();
        assert!(mirrored == bytes, "{len} bytes");
    }
}

macro_rules! over {
    ($($way:ident)*) => { $(mod $way {
        over!(@ $way: a_server_calls_its_client_while_that_waits calls_nest_twenty_deep
            many_calls_go_both_ways_at_once much_goes_both_ways_at_once large_bodies_go_back);
    })* };
    (@ $way:ident: $($name:ident)*) => { $(
        #[tokio::test]
        async fn $name() {
            super::$name(stringify!($way)).await;
        }
    )* };
}

over!(memory tcp unix);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_are_used_from_several_threads() {
    let pair = Pair::at("tcp://127.0.0.1:0").await;
    let (leaf, hub) = (Arc::new(pair.kept().await), Arc::new(pair.hub.clone()));

    let calls = (0..8).map(|caller| {
        let (leaf, hub) = (leaf.clone(), hub.clone());
        tokio::spawn(async move {
            for number in 0..300 {
                match caller % 2 {
                    0 => assert_eq!(hub.ask(number).await.unwrap(), 2 * number),
                    _ => assert_eq!(leaf.double(number).await.unwrap(), 2 * number),
                }
            }
        })
    });

    for ended in in_time("all callers end", join_all(calls)).await {
        ended.unwrap();
    }
}

// ---- who can be called ----

#[tokio::test]
async fn a_client_without_services_cannot_be_called() {
    let pair = Pair::at("memory://duplex").await;
    let plain = HubClient::new(pair.builder().connect(&pair.address).await.unwrap());
    let gos = Client::builder().protocol(NetRpc).memory(&pair.memory).connect(&pair.address).await.unwrap();

    assert!(pair.hub.can_call().await.unwrap());
    assert!(!plain.can_call().await.unwrap());
    assert!(!HubClient::new(gos).can_call().await.unwrap());
    assert_eq!(plain.ask(1).await.unwrap_err().message(), "this caller cannot be called");
}

#[tokio::test]
async fn services_are_offered_over_the_native_protocol_only() {
    let pair = Pair::at("memory://duplex").await;
    let builder =
        || Client::builder().memory(&pair.memory).protocol(NetRpc).register(LeafServer::new(Pad::default()));

    let error = builder().connect(&pair.address).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("speaks net/rpc cannot be called back"), "{error}");
    assert!(builder().lazy(&pair.address).is_err());
    assert!(builder().protocol(Native).connect(&pair.address).await.is_ok());

    let client = builder().over(pipe(64).0);
    for _ in 0..3 {
        let error = client.call::<_, i64>("Hub.Plain", &7_i64).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn two_services_of_one_name_are_refused() {
    let leaf = || LeafServer::new(Pad::default());
    let builder = || Client::builder().protocol(Native).register(leaf());

    assert_eq!(builder().register(leaf()).lazy("tcp://127.0.0.1:1").unwrap_err().code(), Code::AlreadyExists);
    assert!(builder().register_as("Other", leaf()).lazy("tcp://127.0.0.1:1").is_ok());
}

#[tokio::test]
async fn a_service_can_be_called_by_another_name() {
    let pair = Pair::at("memory://duplex").await;
    let client = pair.builder().register_as("my.Leaf", LeafServer::new(Pad::default()));
    let hub = HubClient::new(client.connect(&pair.address).await.unwrap());
    hub.keep().await.unwrap();
    let caller = pair.desk.kept.lock().unwrap().take().unwrap();

    assert_eq!(caller.call::<_, i64>("my.Leaf.Double", &21_i64).await.unwrap(), 42);
    let error = LeafClient::new(caller).double(1).await.unwrap_err();

    assert_eq!((error.code(), error.is_remote()), (Code::Unimplemented, true));
}

// ---- withdrawal and time ----

#[tokio::test]
async fn dropping_a_call_back_drops_the_clients_method() {
    let pair = Pair::at("memory://duplex").await;
    let leaf = pair.kept().await;

    let hanging = tokio::spawn(async move { leaf.hang().await });
    pair.pad.watch.begun(1).await;
    hanging.abort();

    pair.pad.watch.dropped(1).await;
}

#[tokio::test]
async fn dropping_the_first_call_drops_what_it_has_called_back() {
    let pair = Pair::at("memory://duplex").await;

    let hub = pair.hub.clone();
    let hanging = tokio::spawn(async move { hub.hang().await });
    pair.pad.watch.begun(1).await;
    hanging.abort();

    pair.pad.watch.dropped(1).await;
    assert_eq!(pair.hub.plain(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_call_back_ends_with_the_deadline_of_its_method() {
    let pair = Pair::at("memory://duplex").await;
    let began = tokio::time::Instant::now();

    let error = pair.hub.hang().timeout(Duration::from_secs(3)).await.unwrap_err();

    assert_eq!((error.code(), began.elapsed().as_secs()), (Code::DeadlineExceeded, 3));
    pair.pad.watch.dropped(1).await;
}

/// The hello says how long calls without a deadline of their own are waited for, in this direction too.
#[tokio::test(start_paused = true)]
async fn the_servers_usual_time_holds_for_calls_back() {
    let limits = limits(|limits| limits.call_timeout = Duration::from_secs(77));
    let pair = Pair::with("memory://duplex", limits, Limits::default()).await;
    let leaf = pair.kept().await;

    assert_eq!(leaf.time_left().await.unwrap(), 77_000);
}

#[tokio::test(start_paused = true)]
async fn calls_back_are_no_silence() {
    let limits = limits(|limits| limits.idle_timeout = Duration::from_secs(60));
    let pair = Pair::with("memory://duplex", limits, Limits::default()).await;
    let leaf = pair.kept().await;

    for number in 0..20 {
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(leaf.double(number).await.unwrap(), 2 * number);
    }
    tokio::time::sleep(Duration::from_secs(200)).await;

    assert_eq!(pair.handle.limit_hits(), [("idle_timeout", 1)]);
    assert_eq!(leaf.double(1).await.unwrap_err().code(), Code::Unavailable);
}

/// A side that runs as many calls as it may reads no further one, and must not be taken for dead for it.
#[tokio::test(start_paused = true)]
async fn a_side_that_has_enough_to_do_is_there_nevertheless() {
    let few = limits(|limits| {
        limits.calls_per_connection_max = 2;
        limits.call_timeout = Duration::from_secs(1000);
    });
    let pair = Pair::with("memory://duplex", few.clone(), few).await;

    // What nobody waits for takes a place there, and counts for nothing here.
    for _ in 0..2 {
        pair.hub.hang().one_way().await.unwrap();
    }
    pair.pad.watch.begun(2).await;
    let hub = pair.hub.clone();
    let waiting = tokio::spawn(async move { hub.plain(1).await });
    tokio::time::sleep(Duration::from_secs(300)).await;

    assert!(!waiting.is_finished());
    assert_eq!(pair.handle.connections(), 1);
}

/// A client that only waits to be called is not lost for that.
#[tokio::test(start_paused = true)]
async fn a_client_keeps_its_connection_however_silent() {
    let (long, short) = (Duration::from_secs(48 * 3600), Duration::from_secs(60));
    let server = limits(|limits| limits.idle_timeout = long);
    let pair = Pair::with("memory://duplex", server, limits(|limits| limits.idle_timeout = short)).await;
    let leaf = pair.kept().await;

    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;

    assert_eq!(leaf.double(21).await.unwrap(), 42);
    assert_eq!(pair.handle.connections(), 1);
}

// ---- the end ----

#[tokio::test]
async fn closing_the_client_ends_both_directions() {
    let pair = Pair::at("memory://duplex").await;
    let leaf = pair.kept().await;
    let hanging = tokio::spawn(async move { (leaf.hang().await, leaf) });
    pair.pad.watch.begun(1).await;

    drop(pair.hub);

    pair.pad.watch.dropped(1).await;
    let (error, leaf) = in_time("the call ends", hanging).await.unwrap();
    assert_eq!(error.unwrap_err().code(), Code::Unavailable);
    until("the connection is gone", || pair.handle.connections() == 0).await;
    for _ in 0..3 {
        let error = in_time("a call on a lost connection ends", leaf.double(1)).await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run()), (Code::Unavailable, false));
    }
}

#[tokio::test]
async fn dropping_the_server_ends_both_directions() {
    let pair = Pair::at("memory://duplex").await;
    let leaf = pair.kept().await;
    let hub = pair.hub.clone();
    let back = tokio::spawn(async move { leaf.hang().await });
    let forth = tokio::spawn(async move { hub.hang().await });
    pair.pad.watch.begun(2).await;

    pair.serving.abort();

    assert_eq!(in_time("the call ends", back).await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(in_time("the call ends", forth).await.unwrap().unwrap_err().code(), Code::Unavailable);
    pair.pad.watch.dropped(2).await;
}

#[tokio::test]
async fn a_connection_whose_task_is_dropped_ends_the_calls_over_it() {
    let (desk, pad) = (Desk::default(), Pad::default());
    let server = Server::builder().register(HubServer::new(desk.clone())).build().unwrap();
    let (ours, theirs) = pipe(4096);
    let serving = tokio::spawn(server.serve(theirs));
    let client = Client::builder().protocol(Native).register(LeafServer::new(pad.clone())).over(ours);
    HubClient::new(client.clone()).keep().await.unwrap();
    let leaf = LeafClient::new(desk.kept.lock().unwrap().take().unwrap());
    let hanging = tokio::spawn(async move { leaf.hang().await });
    pad.watch.begun(1).await;

    serving.abort();

    assert_eq!(in_time("the call ends", hanging).await.unwrap().unwrap_err().code(), Code::Unavailable);
    pad.watch.dropped(1).await;
}

/// What runs is finished, call-backs included.
#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_lets_its_methods_call_back() {
    #[service]
    trait Slow {
        async fn ask(&self, context: &Context) -> Result<i64>;
    }
    struct After;
    impl Slow for After {
        async fn ask(&self, context: &Context) -> Result<i64> {
            tokio::time::sleep(Duration::from_secs(5)).await;
            leaf(context)?.double(21).await
        }
    }
    let memory = Memory::new();
    let server = Server::builder().memory(&memory).register(SlowServer::new(After));
    let server = server.bind("memory://slow").await.unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let builder = Client::builder().protocol(Native).memory(&memory);
    let client = builder.register(LeafServer::new(Pad::default())).connect("memory://slow").await.unwrap();
    let slow = SlowClient::new(client);
    let asking = tokio::spawn(async move { slow.ask().await });
    until("the call runs", || handle.running() == 1).await;

    handle.shutdown();

    assert_eq!(in_time("the call ends", asking).await.unwrap().unwrap(), 42);
    in_time("the server ends", running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_connects_again_offers_its_services_again() {
    let pair = Pair::at("memory://duplex").await;
    assert_eq!(pair.hub.ask(21).await.unwrap(), 42);
    pair.serving.abort();
    until("the connection is gone", || pair.handle.connections() == 0).await;

    let again = Server::builder().register(HubServer::new(Desk::default())).memory(&pair.memory);
    tokio::spawn(again.bind("memory://duplex").await.unwrap().run());

    let asked = in_time("the call ends", async {
        loop {
            match pair.hub.ask(21).await {
                Err(error) if error.code() == Code::Unavailable => settle().await,
                asked => return asked,
            }
        }
    });
    assert_eq!(asked.await.unwrap(), 42);
}

// ---- limits ----

/// What stands behind requests that have to wait would wait for ever.
#[tokio::test]
async fn more_calls_than_a_side_runs_at_once_do_not_hold_up_their_call_backs() {
    let few = limits(|limits| limits.calls_per_connection_max = 4);
    let pair = Pair::with("memory://duplex", few.clone(), few).await;
    let bytes = ByteBuf::from(vec![7; 40_000]);

    let calls = join_all((0..500).map(|_| pair.hub.mirror(bytes.clone())));

    for mirrored in in_time("all calls end", calls).await {
        assert!(mirrored.unwrap() == bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_holds_so_much_and_is_closed() {
    let server = Server::builder().register(HubServer::new(Desk::default())).build().unwrap();
    let handle = server.handle();
    let (ours, theirs) = pipe(4096);
    tokio::spawn(server.serve(theirs));
    let mut raw = Raw::over(ours);
    raw.greet(&[("Leaf", &["Double", "Mirror"])]).await;

    let mut sent = 0;
    let request = named(1, "Hub.Plain", &[14]);
    while tokio::time::timeout(Duration::from_secs(1), async {
        let mut request = request.clone();
        request[8..16].copy_from_slice(&(sent as u64 + 1).to_le_bytes());
        raw.writer.write_all(&request).await
    })
    .await
    .is_ok_and(|written| written.is_ok())
    {
        sent += 1;
    }

    // A mebibyte of replies, and less than one of requests.
    let bytes = sent * request.len();
    assert!((1 << 20..5 << 20).contains(&bytes), "{bytes} bytes were taken");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!((handle.limit_hits(), handle.connections()), (vec![("stall_timeout", 1)], 0));
}

// ---- bytes ----

/// A peer that speaks in bytes.
struct Raw {
    reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>,
    writer: Box<dyn tokio::io::AsyncWrite + Send + Unpin>,
}

/// A frame as it came.
#[derive(Debug, PartialEq)]
struct Frame {
    kind: u16,
    method: u16,
    flags: u16,
    id: u64,
    body: Vec<u8>,
}

fn frame(flags: u16, method: u16, id: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend(method.to_le_bytes());
    frame.extend(flags.to_le_bytes());
    frame.extend(id.to_le_bytes());
    frame.extend(body);
    frame
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// A request by name.
fn named(id: u64, method: &str, argument: &[u8]) -> Vec<u8> {
    frame(0x0010, 0, id, &[&short(method)[..], &[0; 8], argument].concat())
}

impl Raw {
    fn over(stream: ferrywire::transport::Stream) -> Self {
        Self { reader: stream.reader, writer: stream.writer }
    }

    async fn send(&mut self, bytes: &[u8]) {
        in_time("bytes are taken", self.writer.write_all(bytes)).await.unwrap();
    }

    /// Sends preface and hello.
    async fn greet(&mut self, services: &[(&str, &[&str])]) {
        let mut hello = Vec::new();
        hello.extend((4_u32 << 20).to_le_bytes());
        hello.extend(16_u32.to_le_bytes());
        hello.extend(0_u32.to_le_bytes());
        hello.extend((services.len() as u16).to_le_bytes());
        for (service, methods) in services {
            hello.extend(short(service));
            hello.extend([0; 8]);
            hello.extend((methods.len() as u16).to_le_bytes());
            for method in *methods {
                hello.extend(short(method));
                hello.extend([0; 8]);
            }
        }
        let preface = [&b"\xc1FWR\x01\0\x01\0"[..], &[0; 8]].concat();
        self.send(&[preface, frame(4, 0, 0, &hello)].concat()).await;
    }

    /// Reads the preface.
    async fn preface(&mut self) {
        let mut preface = [0; 16];
        in_time("a preface comes", self.reader.read_exact(&mut preface)).await.unwrap();
        assert_eq!(preface[..8], *b"\xc1FWR\x01\0\x01\0");
    }

    /// Reads a frame.
    async fn frame(&mut self) -> Frame {
        let mut header = [0; 16];
        in_time("a frame comes", self.reader.read_exact(&mut header)).await.unwrap();
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut body = vec![0; u32::from_le_bytes(header[..4].try_into().unwrap()) as usize];
        in_time("a body comes", self.reader.read_exact(&mut body)).await.unwrap();
        let id = u64::from_le_bytes(header[8..].try_into().unwrap());
        Frame { kind: number(6) & 15, method: number(4), flags: number(6) & !15, id, body }
    }
}

#[tokio::test]
async fn a_server_calls_back_by_the_numbers_of_the_clients_hello() {
    let server = Server::builder().register(HubServer::new(Desk::default())).build().unwrap();
    let (ours, theirs) = pipe(4096);
    tokio::spawn(server.serve(theirs));
    let mut raw = Raw::over(ours);

    // Fingerprints of zero are not compared, and the fourth method is `Double`.
    raw.greet(&[("Else", &["One", "Two", "Three"]), ("Leaf", &["Double"])]).await;
    raw.send(&named(7, "Hub.Ask", &[42])).await;
    raw.preface().await;
    assert_eq!(raw.frame().await.kind, 4);

    // One hello, and then the request: zigzag 21.
    let asked = raw.frame().await;
    assert_eq!((asked.kind, asked.method, asked.flags & 0x0010), (0, 3, 0));
    assert!(asked.body.ends_with(&[42]));
    raw.send(&frame(1, 0, asked.id, &[84])).await;
    let answered = raw.frame().await;

    assert_eq!(answered, Frame { kind: 1, method: 0, flags: 0, id: 7, body: vec![84] });
}

#[tokio::test]
async fn a_client_says_hello_once_and_lists_what_it_offers() {
    let (ours, theirs) = pipe(4096);
    let client = Client::builder().protocol(Native).register(LeafServer::new(Pad::default()));
    let client = client.register_as("Again", LeafServer::new(Pad::default())).over(ours);
    let mut raw = Raw::over(theirs);
    let calling = tokio::spawn(async move { client.call::<_, i64>("Hub.Plain", &7_i64).await });

    raw.preface().await;
    let hello = raw.frame().await;
    let asked = raw.frame().await;
    raw.greet(&[]).await;
    // The sixth method: `Double` of the second service.
    raw.send(&frame(0, 5, 1, &[42])).await;
    let answered = raw.frame().await;
    raw.send(&frame(1, 0, asked.id, &[16])).await;

    let names: Vec<&str> = ["Leaf", "Double", "Bounce", "Hang", "Mirror", "TimeLeft", "Again"].into();
    let mut found = names.iter().map(|name| {
        let name = short(name);
        hello.body.windows(name.len()).position(|bytes| bytes == name)
    });
    assert!(found.by_ref().all(|at| at.is_some()) && hello.kind == 4);
    assert_eq!(hello.body[12..14], [2, 0]);
    assert_eq!((asked.kind, asked.flags & 0x0010), (0, 0x0010));
    assert_eq!(answered, Frame { kind: 1, method: 0, flags: 0, id: 1, body: vec![84] });
    assert_eq!(in_time("the call ends", calling).await.unwrap().unwrap(), 8);
}

#[tokio::test]
async fn checksums_are_demanded_in_both_directions() {
    let pair = Pair::at("memory://duplex").await;
    let pad = Pad::default();
    let client = pair.builder().checksum().register(LeafServer::new(pad.clone()));
    let hub = HubClient::new(client.connect(&pair.address).await.unwrap());

    assert_eq!(hub.ask(21).await.unwrap(), 42);
    assert_eq!(hub.bounce(4).await.unwrap(), 4);

    let (ours, theirs) = pipe(4096);
    let client = pair.builder().checksum().register(LeafServer::new(pad)).over(ours);
    let mut raw = Raw::over(theirs);
    raw.preface().await;
    raw.greet(&[]).await;
    raw.send(&frame(0, 0, 1, &[42])).await;
    assert_eq!(raw.frame().await.flags, 0x0400);

    // The farewell says what was missing.
    let farewell = raw.frame().await;
    assert_eq!((farewell.kind, farewell.method), (7, Code::DataLoss as u16));
    drop(client);
}

/// What answers nothing is malformed; nobody has been called back yet.
#[tokio::test]
async fn a_reply_without_a_call_ends_the_connection() {
    for bytes in [frame(1, 0, 9, &[1]), frame(2, 5, 9, &[0; 4]), frame(9, 0, 0, &[])] {
        let server = Server::builder().register(HubServer::new(Desk::default())).build().unwrap();
        let (ours, theirs) = pipe(4096);
        let serving = tokio::spawn(server.serve(theirs));
        let mut raw = Raw::over(ours);
        raw.greet(&[("Leaf", &["Double"])]).await;
        raw.preface().await;
        assert_eq!(raw.frame().await.kind, 4);

        raw.send(&bytes).await;

        let farewell = raw.frame().await;
        assert_eq!((farewell.kind, farewell.method), (7, Code::InvalidArgument as u16), "{farewell:?}");
        assert_eq!(in_time("it ends", raw.reader.read(&mut [0; 1])).await.unwrap(), 0);
        drop(raw);
        in_time("the server is done with it", serving).await.unwrap();
    }
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_ends_both_directions() {
    let server = Server::builder().register(HubServer::new(Desk::default())).build().unwrap();
    let (ours, theirs) = pipe(4096);
    let serving = tokio::spawn(server.serve(theirs));
    let mut raw = Raw::over(ours);
    raw.greet(&[("Leaf", &["Double"])]).await;
    raw.send(&named(1, "Hub.Ask", &[42])).await;
    raw.preface().await;
    raw.frame().await;
    let asked = raw.frame().await;

    // A deadline does not stand with a response.
    raw.send(&frame(1 | 0x0040, 0, asked.id, &[84])).await;

    let farewell = raw.frame().await;
    assert_eq!((farewell.kind, farewell.method, farewell.id), (7, Code::InvalidArgument as u16, 1));
    let answered = raw.frame().await;
    assert_eq!((answered.kind, answered.method, answered.id), (2, Code::Unavailable as u16, 1));
    drop(raw);
    in_time("the server is done with it", serving).await.unwrap();
}

#[tokio::test]
async fn half_closing_ends_call_backs_and_answers_what_was_asked() {
    let server = Server::builder().register(HubServer::new(Desk::default())).build().unwrap();
    let (ours, theirs) = pipe(4096);
    let serving = tokio::spawn(server.serve(theirs));
    let mut raw = Raw::over(ours);
    raw.greet(&[("Leaf", &["Double", "Hang"])]).await;
    raw.send(&[named(1, "Hub.Plain", &[14]), named(2, "Hub.Hang", &[])].concat()).await;

    raw.writer.shutdown().await.unwrap();

    raw.preface().await;
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let frame = raw.frame().await;
        if frame.kind == 1 || frame.kind == 2 {
            answers.push((frame.id, frame.kind));
        }
    }
    assert_eq!(answers, [(1, 1), (2, 2)]);
    drop(raw);
    in_time("the server is done with it", serving).await.unwrap();
}

/// Frames of which little is right, in pieces of any length.
fn noise(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..12) {
        // Mostly what is read, now and then what is not.
        let kind =
            if random.u8(..) < 240 { [0, 1, 2, 3, 5, 6, 7, 10][random.usize(..8)] } else { random.u16(..16) };
        let flags = match random.u8(..8) {
            0 => 1 << random.u16(4..16),
            1 => 0x4000,
            2 => 0x0800,
            3 => 0x1000,
            _ => 0,
        };
        let body: Vec<u8> = (0..random.usize(..24)).map(|_| random.u8(..4)).collect();
        bytes.extend(frame(kind | flags, random.u16(..4), random.u64(..6), &body));
        if random.u8(..) < 4 {
            bytes.truncate(random.usize(..bytes.len()));
        }
    }
    bytes
}

/// Sends noise, and reads whatever comes until nothing does.
async fn make_noise(mut raw: Raw, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let bytes = noise(&mut random);
    let mut reader = raw.reader;
    let reading = tokio::spawn(async move {
        let mut heard = [0; 512];
        while reader.read(&mut heard).await.is_ok_and(|len| len > 0) {}
    });
    for chunk in bytes.chunks(random.usize(1..40)) {
        if raw.writer.write_all(chunk).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..3))).await;
    }
    tokio::time::sleep(Duration::from_secs(random.u64(..3))).await;
    let _ = raw.writer.shutdown().await;
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn noise_from_a_client_ends_its_connection_and_the_calls_to_it() {
    for seed in 0..500 {
        let desk = Desk::default();
        let server = Server::builder().register(HubServer::new(desk.clone())).build().unwrap();
        let (ours, theirs) = pipe(256);
        let serving = tokio::spawn(server.serve(theirs));
        let mut raw = Raw::over(ours);
        raw.greet(&[("Leaf", &["Double", "Hang", "Mirror"])]).await;
        let mut calling = None;
        if seed % 4 > 0 {
            raw.send(&named(1, "Hub.Keep", &[])).await;
            until("the caller is kept", || desk.kept.lock().unwrap().is_some()).await;
            let leaf = LeafClient::new(desk.kept.lock().unwrap().take().unwrap());
            calling = Some(tokio::spawn(async move { tokio::join!(leaf.double(1), leaf.hang()) }));
        }

        in_time("noise is made", make_noise(raw, seed)).await;

        in_time("the connection ends", serving).await.unwrap();
        if let Some(calling) = calling {
            // Now and then noise is an answer.
            let _ = in_time("calls to it end", calling).await.unwrap();
        }
        assert_eq!((server.handle().connections(), server.handle().running()), (0, 0), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn noise_from_a_server_ends_the_connection_and_the_calls_over_it() {
    for seed in 0..500 {
        let (ours, theirs) = pipe(256);
        let pad = Pad::default();
        let client = Client::builder().register(LeafServer::new(pad.clone())).over(ours);
        let mut raw = Raw::over(theirs);
        let hub = HubClient::new(client);
        let calling = tokio::spawn(async move { tokio::join!(hub.plain(1), hub.keep()) });
        raw.greet(&[("Hub", &["Plain", "Keep"])]).await;
        if seed % 2 > 0 {
            raw.send(&frame(0x0010, 0, 1, &[&short("Leaf.Hang")[..], &[0; 8]].concat())).await;
        }

        in_time("noise is made", make_noise(raw, seed)).await;

        let _ = in_time("the calls end", calling).await.unwrap();
        let (begun, dropped) = (*pad.watch.begun.borrow(), pad.watch.dropped.clone());
        until("its methods are dropped", || *dropped.borrow() >= begun).await;
    }
}

// ---- cost ----

#[tokio::test]
async fn a_connection_has_one_task_on_each_side_however_it_is_used() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let pair = Pair::at("memory://duplex").await;
    assert_eq!(pair.hub.ask(21).await.unwrap(), 42);
    let before = tasks();

    let client = pair.builder().register(LeafServer::new(Pad::default())).connect(&pair.address).await;
    let both_ways = HubClient::new(client.unwrap());
    assert_eq!(both_ways.bounce(3).await.unwrap(), 3);
    assert_eq!(tasks(), before + 2);
    let plain = HubClient::new(pair.builder().connect(&pair.address).await.unwrap());
    assert_eq!(plain.plain(7).await.unwrap(), 7);

    assert_eq!(tasks(), before + 4);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_not_polled() {
    let pair = Pair::at("memory://duplex").await;
    assert_eq!(pair.hub.ask(21).await.unwrap(), 42);
    settle().await;

    // The clock moves only when every task waits.
    tokio::time::sleep(Duration::from_secs(3600)).await;

    assert_eq!(pair.hub.ask(4).await.unwrap(), 8);
}
