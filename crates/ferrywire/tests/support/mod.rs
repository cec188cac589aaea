//! What the tests share: a service to call, a server to call it at, and peers that speak in bytes.
#![allow(dead_code, unused_imports, reason = "each file of tests uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::time::Duration;

use ferrywire::client;
use ferrywire::protocol::NetRpc;
use ferrywire::service::Service;
use ferrywire::transport::{Address, Memory, Peer, Stream};
use ferrywire::{Client, Code, Context, Error, Limits, Result, Server, ServerHandle, service};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

mod end;
pub(crate) mod fleet;
pub(crate) mod gob;
pub(crate) mod raw;

pub(crate) use end::End;
pub(crate) use raw::{Heard, RawClient, RawServer};

/// Two factors, as in Go's textbook service.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Args {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

/// Behaves in every way that a method can.
#[service]
pub(crate) trait Probe {
    /// Twice the number, at once.
    fn twice(&self, number: i64) -> i64;

    /// The product, from a future.
    async fn multiply(&self, args: Args) -> i64;

    /// The text, after so many milliseconds.
    async fn say(&self, text: String, after_ms: u64) -> String;

    /// The number, once it is let go.
    async fn hold(&self, number: i64) -> i64;

    /// The error with this text.
    async fn fail(&self, text: String) -> Result<i64>;

    /// An error of the service's own type.
    async fn withdraw(&self, sum: i64) -> Result<i64, Overdrawn>;

    /// Panics while its future is polled.
    async fn panic_later(&self, text: String) -> i64;

    /// Panics where the request is read.
    fn panic_at_once(&self, text: String) -> i64;

    /// The number; the thread does nothing else for so many milliseconds.
    async fn block(&self, number: i64, for_ms: u64) -> i64;

    /// So many bytes.
    async fn fill(&self, len: u64) -> serde_bytes::ByteBuf;

    /// How many bytes came.
    async fn len(&self, bytes: &[u8]) -> u64;

    /// Who calls.
    async fn caller(&self, context: &Context) -> String;

    /// How many milliseconds are left, and how many names travelled beside the argument.
    async fn terms(&self, context: &Context) -> (u64, u64);

    /// As `hold`; a task of its own notes when the call is withdrawn.
    async fn watched(&self, context: &Context, number: i64) -> i64;

    /// What the caller speaks.
    async fn spoken(&self, context: &Context) -> String;
}

/// An error type that knows nothing of calls.
#[derive(Debug)]
pub(crate) struct Overdrawn {
    pub(crate) missing: i64,
}

impl From<Overdrawn> for Error {
    fn from(overdrawn: Overdrawn) -> Self {
        Error::new(Code::FailedPrecondition, format!("{} are missing", overdrawn.missing))
    }
}

/// The handler behind `Probe`, and what a test knows and does of it.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    begun: watch::Sender<usize>,
    gone: watch::Sender<usize>,
    cancelled: watch::Sender<usize>,
    gate: Semaphore,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let state = State {
            begun: watch::Sender::new(0),
            gone: watch::Sender::new(0),
            cancelled: watch::Sender::new(0),
            gate: Semaphore::new(0),
        };
        Self { state: Arc::new(state) }
    }

    /// Waits until so many calls of `hold` and `watched` have begun.
    pub(crate) async fn begun(&self, count: usize) {
        reached(&self.state.begun, count, "calls begin").await;
    }

    /// Waits until so many of them are gone, answered or dropped.
    pub(crate) async fn gone(&self, count: usize) {
        reached(&self.state.gone, count, "calls are gone").await;
    }

    /// Waits until so many calls of `watched` were told that they are withdrawn.
    pub(crate) async fn cancelled(&self, count: usize) {
        reached(&self.state.cancelled, count, "calls are cancelled").await;
    }

    /// How many calls of `watched` were told so by now.
    pub(crate) fn cancelled_so_far(&self) -> usize {
        *self.state.cancelled.borrow()
    }

    /// How many calls of `hold` and `watched` have begun by now.
    pub(crate) fn begun_so_far(&self) -> usize {
        *self.state.begun.borrow()
    }

    /// Lets so many calls of `hold` and `watched` go.
    pub(crate) fn let_go(&self, count: usize) {
        self.state.gate.add_permits(count);
    }

    /// Begins, waits until it is let go, and notes its end, however it comes.
    pub(crate) async fn held(&self) {
        struct Gone<'s>(&'s State);
        impl Drop for Gone<'_> {
            fn drop(&mut self) {
                self.0.gone.send_modify(|gone| *gone += 1);
            }
        }
        let _gone = Gone(&self.state);
        self.state.begun.send_modify(|begun| *begun += 1);
        self.state.gate.acquire().await.unwrap().forget();
    }
}

async fn reached(count: &watch::Sender<usize>, least: usize, what: &str) {
    let mut count = count.subscribe();
    in_time(what, count.wait_for(|count| *count >= least)).await.unwrap();
}

impl Probe for Bench {
    fn twice(&self, number: i64) -> i64 {
        number.wrapping_mul(2)
    }

    async fn multiply(&self, args: Args) -> i64 {
        args.a.wrapping_mul(args.b)
    }

    async fn say(&self, text: String, after_ms: u64) -> String {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        text
    }

    async fn hold(&self, number: i64) -> i64 {
        self.held().await;
        number
    }

    async fn fail(&self, text: String) -> Result<i64> {
        Err(Error::new(Code::Aborted, text))
    }

    async fn withdraw(&self, sum: i64) -> Result<i64, Overdrawn> {
        if sum > 100 { Err(Overdrawn { missing: sum - 100 }) } else { Ok(100 - sum) }
    }

    async fn panic_later(&self, text: String) -> i64 {
        tokio::task::yield_now().await;
        panic!("{text}")
    }

    fn panic_at_once(&self, text: String) -> i64 {
        panic!("{text}")
    }

    async fn block(&self, number: i64, for_ms: u64) -> i64 {
        std::thread::sleep(Duration::from_millis(for_ms));
        number
    }

    async fn fill(&self, len: u64) -> serde_bytes::ByteBuf {
        serde_bytes::ByteBuf::from(vec![0x5a; len as usize])
    }

    async fn len(&self, bytes: &[u8]) -> u64 {
        bytes.len() as u64
    }

    async fn caller(&self, context: &Context) -> String {
        context.peer().to_string()
    }

    async fn spoken(&self, context: &Context) -> String {
        context.peer().protocol().unwrap_or_default().to_owned()
    }

    async fn terms(&self, context: &Context) -> (u64, u64) {
        (context.remaining().as_millis() as u64, context.metadata().iter().count() as u64)
    }

    async fn watched(&self, context: &Context, number: i64) -> i64 {
        let (cancellation, state) = (context.cancellation(), self.state.clone());
        tokio::spawn(async move {
            cancellation.cancelled().await;
            assert!(cancellation.is_cancelled());
            state.cancelled.send_modify(|cancelled| *cancelled += 1);
        });
        self.held().await;
        number
    }
}

/// A running server with `Probe`, and everything to reach it by.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) bench: Bench,
    pub(crate) memory: Memory,
    pub(crate) address: Address,
    pub(crate) handle: ServerHandle,
    pub(crate) running: JoinHandle<Result<()>>,
}

impl Rig {
    /// At `memory://rig`, with default limits.
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    /// At `memory://rig`.
    pub(crate) async fn with(limits: Limits) -> Self {
        Self::at("memory://rig", limits).await
    }

    pub(crate) async fn at(address: &str, limits: Limits) -> Self {
        let (bench, memory) = (Bench::new(), Memory::new());
        Self::again(bench, memory, address, limits).await
    }

    /// A server in the place of another one that has ended.
    pub(crate) async fn again(bench: Bench, memory: Memory, address: &str, limits: Limits) -> Self {
        let service = ProbeServer::new(bench.clone());
        Self::offering(service, bench, memory, address, limits).await
    }

    /// A server of another service than `Probe`, that may use the same bench.
    pub(crate) async fn offering(
        service: impl Service,
        bench: Bench,
        memory: Memory,
        address: &str,
        limits: Limits,
    ) -> Self {
        let server =
            Server::builder().register(service).limits(limits).memory(&memory).bind(address).await.unwrap();
        let (address, handle) = (server.address(), server.handle());
        Self { bench, memory, address, handle, running: tokio::spawn(server.run()) }
    }

    /// A client with default limits, connected.
    pub(crate) async fn client(&self) -> ProbeClient {
        self.client_with(Limits::default()).await
    }

    pub(crate) async fn client_with(&self, limits: Limits) -> ProbeClient {
        ProbeClient::new(self.builder().limits(limits).connect(&self.address).await.unwrap())
    }

    /// One connection, on which calls are started by name and made by method.
    pub(crate) async fn clients(&self, limits: Limits) -> (Client, ProbeClient) {
        let client = self.builder().limits(limits).connect(&self.address).await.unwrap();
        (client.clone(), ProbeClient::new(client))
    }

    pub(crate) fn builder(&self) -> client::Builder {
        Client::builder().protocol(NetRpc).memory(&self.memory)
    }

    /// A connection on which a test says every byte itself.
    pub(crate) async fn raw(&self) -> RawClient {
        RawClient::dial(&self.address, &self.memory).await
    }

    /// A client that has called and goes on calling while others misbehave.
    pub(crate) async fn bystander(&self) -> Bystander {
        let client = self.client().await;
        assert_eq!(client.twice(4).await.unwrap(), 8);
        Bystander(client)
    }

    /// A client that has only sent numbers, and so has defined no type but its header's.
    pub(crate) async fn bystander_of_numbers(&self) -> ProbeClient {
        let client = self.client().await;
        assert_eq!(client.twice(4).await.unwrap(), 8);
        client
    }

    /// Waits until the server has so many connections.
    pub(crate) async fn connections(&self, count: usize) {
        until("so many connections are left", || self.handle.connections() == count).await;
    }

    /// Waits until so many calls run.
    pub(crate) async fn calls_running(&self, count: usize) {
        until("so many calls run", || self.handle.running() == count).await;
    }
}

/// A client on a connection of its own, which must not notice what others do.
#[derive(Debug)]
pub(crate) struct Bystander(ProbeClient);

impl Bystander {
    /// Its connection is the one that it had, and it is answered.
    pub(crate) async fn is_unaffected(&self) {
        let product = in_time("a bystander is answered", self.0.multiply(Args { a: 6, b: 7 })).await;
        assert_eq!(product.unwrap(), 42);
    }
}

/// A client and a server whose two ends a test holds: pipes of so many bytes in each direction.
pub(crate) fn pipe(held_len: usize) -> (Stream, Stream) {
    let (ours, theirs) = tokio::io::duplex(held_len);
    let stream = |end, name: &'static str| {
        let (reader, writer) = tokio::io::split(end);
        Stream::new(reader, writer, Peer::named(name))
    };
    (stream(ours, "test:client"), stream(theirs, "test:server"))
}

/// The outcome of `future`; the test fails if it hangs. With a paused clock a hang is found at once.
pub(crate) async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    const PATIENCE: Duration = Duration::from_secs(20);
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain until {what}"),
    }
}

/// Waits, a millisecond of the runtime's clock at a time, until `is_so`.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    in_time(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Lets every other task go on until none can.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Waits until a server that is shut down has closed its doors, and has told whoever was let in.
pub(crate) async fn drains() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// Default limits, changed.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}
