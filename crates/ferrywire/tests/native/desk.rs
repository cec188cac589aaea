//! A service to call over the native protocol, and a server that offers it beside `Probe`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywire::protocol::Native;
use ferrywire::transport::{Address, Memory};
use ferrywire::{Client, Code, Context, Error, Limits, Result, Server, ServerHandle, client, service};
use tokio::task::JoinHandle;

use crate::frames::{Frame, Wire, flag, greeting, kind};
use crate::support::{Bench, ProbeClient, ProbeServer, in_time, raw};

/// What the native protocol carries and others do not.
#[service]
pub(crate) trait Desk {
    /// The sum of the prices, less the discount.
    async fn total(&self, prices: Vec<i64>, discount: i64) -> i64;

    /// An error with the text, and with details in JSON.
    async fn refuse(&self, text: String) -> Result<i64>;

    /// An error with so many bytes of details.
    async fn explain(&self, len: u64) -> Result<i64>;

    /// An error with a text of so many bytes.
    async fn moan(&self, len: u64) -> Result<i64>;

    /// How many entries came beside the argument; each goes back beside the reply, as `re-` and its name.
    async fn echo(&self, context: &Context) -> u64;

    /// So many entries go back beside the reply, `name` and a number each, with values of so many bytes.
    async fn adorn(&self, context: &Context, name: String, entries: u64, len: u64) -> u64;

    /// The number, after so many milliseconds.
    async fn wait(&self, for_ms: u64) -> u64;

    /// The call's `traceparent`.
    async fn trace(&self, context: &Context) -> String;

    /// How many milliseconds the call still has.
    async fn left(&self, context: &Context) -> u64;

    /// The number, which is noted.
    async fn note(&self, number: i64) -> i64;

    /// The bytes as they came.
    async fn mirror(&self, bytes: serde_bytes::ByteBuf) -> serde_bytes::ByteBuf;
}

/// The handler behind `Desk`, and what was noted there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clerk {
    notes: Arc<Mutex<Vec<i64>>>,
}

impl Clerk {
    pub(crate) fn notes(&self) -> Vec<i64> {
        self.notes.lock().unwrap().clone()
    }
}

impl Desk for Clerk {
    async fn total(&self, prices: Vec<i64>, discount: i64) -> i64 {
        prices.iter().sum::<i64>() - discount
    }

    async fn refuse(&self, text: String) -> Result<i64> {
        Err(Error::new(Code::FailedPrecondition, text).with_details(*b"[\"because\", 42]"))
    }

    async fn explain(&self, len: u64) -> Result<i64> {
        Err(Error::new(Code::FailedPrecondition, "because").with_details(vec![7; len as usize]))
    }

    async fn moan(&self, len: u64) -> Result<i64> {
        Err(Error::new(Code::Aborted, "o".repeat(len as usize)))
    }

    async fn echo(&self, context: &Context) -> u64 {
        for (name, value) in context.metadata().iter() {
            context.add_reply_metadata(format!("re-{name}"), value);
        }
        context.metadata().iter().count() as u64
    }

    async fn adorn(&self, context: &Context, name: String, entries: u64, len: u64) -> u64 {
        for number in 0..entries {
            context.add_reply_metadata(format!("{name}{number}"), vec![7; len as usize]);
        }
        entries
    }

    async fn wait(&self, for_ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(for_ms)).await;
        for_ms
    }

    async fn trace(&self, context: &Context) -> String {
        context.metadata().trace().map(|trace| trace.to_string()).unwrap_or_default()
    }

    async fn left(&self, context: &Context) -> u64 {
        context.remaining().as_millis() as u64
    }

    async fn note(&self, number: i64) -> i64 {
        self.notes.lock().unwrap().push(number);
        number
    }

    async fn mirror(&self, bytes: serde_bytes::ByteBuf) -> serde_bytes::ByteBuf {
        bytes
    }
}

/// A running server with `Probe` and `Desk`, and everything to reach it by.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) bench: Bench,
    pub(crate) clerk: Clerk,
    pub(crate) memory: Memory,
    pub(crate) address: Address,
    pub(crate) handle: ServerHandle,
    pub(crate) running: JoinHandle<Result<()>>,
}

impl Office {
    /// Inside the process, with default limits.
    pub(crate) async fn new() -> Self {
        Self::at("memory://office", Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::at("memory://office", limits).await
    }

    pub(crate) async fn at(address: &str, limits: Limits) -> Self {
        Self::again(address, limits, Memory::new()).await
    }

    /// A server where another one was before.
    pub(crate) async fn again(address: &str, limits: Limits, memory: Memory) -> Self {
        let (bench, clerk) = (Bench::new(), Clerk::default());
        let builder = Server::builder().register(ProbeServer::new(bench.clone()));
        let builder = builder.register(DeskServer::new(clerk.clone())).limits(limits).memory(&memory);
        let server = builder.bind(address).await.unwrap();
        let (address, handle) = (server.address(), server.handle());
        Self { bench, clerk, memory, address, handle, running: tokio::spawn(server.run()) }
    }

    pub(crate) fn builder(&self) -> client::Builder {
        Client::builder().protocol(Native).memory(&self.memory)
    }

    pub(crate) async fn client(&self) -> Client {
        self.builder().connect(&self.address).await.unwrap()
    }

    pub(crate) async fn desk(&self) -> DeskClient {
        DeskClient::new(self.client().await)
    }

    /// A connection on which nothing has been said.
    pub(crate) async fn silent(&self) -> Wire {
        Wire::over(raw::dial(&self.address, &self.memory).await)
    }

    /// A connection on which both sides have introduced themselves.
    pub(crate) async fn wire(&self) -> Wire {
        let mut wire = self.silent().await;
        wire.send(&greeting()).await;
        assert_eq!(wire.hear().await.unwrap().kind(), kind::HELLO);
        wire
    }

    /// A client that goes on calling while others misbehave.
    pub(crate) async fn bystander(&self) -> Bystander {
        let bystander = Bystander(ProbeClient::new(self.client().await));
        bystander.is_unaffected().await;
        bystander
    }
}

/// A client on a connection of its own, which must not notice what others do.
#[derive(Debug)]
pub(crate) struct Bystander(ProbeClient);

impl Bystander {
    pub(crate) async fn is_unaffected(&self) {
        assert_eq!(in_time("a bystander is answered", self.0.twice(21)).await.unwrap(), 42);
    }
}

/// A request of `Probe.Twice` in postcard, where numbers are zigzag varints.
pub(crate) fn twice(id: u64, small: u8) -> Frame {
    Frame::named(id, "Probe.Twice", 0, &[], &[small * 2])
}

/// What `twice` is answered.
pub(crate) fn doubled(id: u64, small: u8) -> Frame {
    let doubled = u32::from(small) * 4;
    let body = match doubled {
        ..0x80 => vec![doubled as u8],
        _ => vec![doubled as u8 | 0x80, (doubled >> 7) as u8],
    };
    Frame::new(kind::RESPONSE, 0, id, body)
}

/// A request of `Probe.Hold`.
pub(crate) fn hold(id: u64) -> Frame {
    Frame::named(id, "Probe.Hold", 0, &[], &[10])
}

/// The connection is in step: it is asked something and answers.
pub(crate) async fn is_usable(wire: &mut Wire, id: u64) {
    wire.put(&twice(id, 21)).await;
    assert_eq!(wire.next().await, doubled(id, 21));
}

/// An error frame of this code that says that the call has not run.
pub(crate) fn is_refused(frame: &Frame, id: u64, code: u16) {
    assert_eq!((frame.kind(), frame.id, frame.method), (kind::ERROR, id, code), "{frame:?}");
    assert_eq!(frame.flags & flag::NOT_EXECUTED, flag::NOT_EXECUTED, "{frame:?}");
}
