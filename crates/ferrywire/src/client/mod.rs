//! The calling bank: a client, its calls, the connection that they share.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::balance::{Balance, LeastLoaded};
use crate::codec::{Format, Shape};
use crate::compression::Compression;
use crate::discovery::{Discover, Scheme, Sources};
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::message::Head;
use crate::protocol::{Native, Protocol};
use crate::transport::{IntoAddress, Memory, Stream, Transport, Transports};

mod backoff;
mod broadcast;
mod call;
mod caller;
mod channel;
mod connection;
mod driver;
mod exchange;
mod flight;
mod inbound;
mod leg;
mod link;
#[cfg(all(test, ferrywire_loom))]
mod models;
mod names;
mod pending;
mod pool;
mod pulse;
mod room;
mod route;
mod speak;
mod stub;

pub use broadcast::{Broadcast, Settled};
pub use call::{Call, OneWay, WithMetadata};
pub use channel::{FailMode, ServerStatus, Servers};
pub use stub::Stub;

use channel::Settings;
use flight::{Argument, Encoded};
use pool::Pool;

pub(crate) use caller::calling;
pub(crate) use link::Link;
pub(crate) use speak::{Chosen, More, Offered, Services, Speak, Speaks};

/// Calls methods of a server by name; the ground on which generated clients stand.
///
/// Clones share one connection. It is made again when it was lost; calls that wait at that moment end with
/// an error that says whether they may have run. The last clone closes it.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
}

/// Collects what a client is made of.
#[must_use]
pub struct Builder {
    chosen: Chosen,
    transports: Transports,
    speak: Arc<dyn Speak>,
    /// What the server may call.
    pub(crate) offered: Option<Offered>,
    settings: Settings,
    sources: Sources,
}

impl Client {
    /// A client of the server at `address`, connected.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if the address is none; [`Code::Unavailable`] if there is no connection
    /// within [`Limits::connect_timeout`].
    pub async fn connect(address: impl IntoAddress) -> Result<Self> {
        Self::builder().connect(address).await
    }

    /// A client of the servers that `url` leads to, as [`Builder::discover`] has it.
    ///
    /// # Errors
    ///
    /// As [`Builder::discover`].
    pub async fn discover(url: &str) -> Result<Self> {
        Self::builder().discover(url).await
    }

    /// A builder with default limits, for the native protocol.
    pub fn builder() -> Builder {
        let speak = Arc::new(Speaks::<Native>::new());
        let settings = Settings {
            balance: channel::arranging(LeastLoaded),
            mode: FailMode::default(),
            zone: String::new(),
        };
        let (chosen, sources) = (Chosen::default(), Sources::default());
        Builder { chosen, transports: Transports::default(), speak, offered: None, settings, sources }
    }

    /// What is known of the servers, of a client that discovers them; `None` of a client of one address.
    pub fn servers(&self) -> Option<Servers> {
        self.pool.hub().map(|hub| hub.servers())
    }

    /// A call of `method`, such as `Arith.Multiply`; sent when it is awaited.
    ///
    /// ```no_run
    /// # async fn example(client: ferrywire::Client) -> ferrywire::Result<()> {
    /// let product: i64 = client.call("Arith.Square", &7_i64).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<'c, A, R>(&'c self, method: &'c str, argument: &A) -> Call<'c, (), R>
    where
        A: Serialize + Deserialize<'static>,
        R: DeserializeOwned,
    {
        let head = Head { place: self.pool.names.place(method), ..Head::of(method) };
        Call::new(&self.pool, head, Argument::Encoded(self.encode(argument)))
    }

    /// Starts a call at once, as Go's `client.Go` does; await it later for its reply.
    ///
    /// It runs on a task of the current runtime, whether awaited or not. Dropping it withdraws the call.
    pub fn start<A, R>(&self, method: impl Into<String>, argument: &A) -> Started<R>
    where
        A: Serialize + Deserialize<'static>,
        R: DeserializeOwned + Send + 'static,
    {
        let (pool, method, encoded) = (self.pool.clone(), method.into(), self.encode(argument));
        Started(tokio::spawn(async move {
            let head = Head { place: pool.names.place(&method), ..Head::of(&method) };
            Call::<(), R>::new(&pool, head, Argument::Encoded(encoded)).await
        }))
    }

    /// A client over a native connection that others have made, and keep.
    pub(crate) fn lent(link: Arc<dyn Link>, name: String, chosen: Chosen) -> Self {
        Self { pool: Pool::lent(link, name, Arc::new(Speaks::<Native>::new()), chosen) }
    }

    fn encode<A: Serialize + Deserialize<'static>>(&self, argument: &A) -> Box<Encoded> {
        Box::new(Encoded::new(self.pool.format(), argument, &Shape::of::<A>()))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.pool.name()).finish_non_exhaustive()
    }
}

impl Builder {
    /// Replaces the limits, timeouts among them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.chosen.limits = Arc::new(limits);
        self
    }

    /// Chooses what is spoken; [`Native`] unless chosen. A Go server is called with
    /// [`NetRpc`](crate::protocol::NetRpc), one of the GeeRPC family with [`WgRpc`](crate::protocol::WgRpc) or
    /// [`GeeRpc`](crate::protocol::GeeRpc), one of gomorpc with [`GomoRpc`](crate::protocol::GomoRpc), and what speaks
    /// JSON-RPC with `JsonRpc` (2.0) or `JsonRpc1` (1.0, as Go has it) of [`protocol`](crate::protocol); over HTTP, with
    /// `Post(JsonRpc)`. With `Http` a method is a `POST` to its name on any HTTP server.
    pub fn protocol<P: Protocol>(mut self, _protocol: P) -> Self {
        self.speak = Arc::new(Speaks::<P>::new());
        self
    }

    /// Chooses the codec of arguments, which replies have too, on wires that leave a choice: postcard unless chosen, and
    /// JSON over HTTP.
    pub fn codec(mut self, format: Format) -> Self {
        self.chosen.format = Some(format);
        self
    }

    /// Demands a checksum with every message in both directions, on wires that can carry one; off unless
    /// asked for. Damage on the way then ends the connection instead of reaching a method.
    pub fn checksum(mut self) -> Self {
        self.chosen.checksum = true;
        self
    }

    /// Compresses arguments so where that makes them shorter, from 1 KiB on, and reads replies that are
    /// compressed, on wires that can say so; off unless asked for.
    ///
    /// Arguments are compressed if the server has it switched on too, and in whatever way: each side reads all
    /// that the features `lz4` and `zstd` have built into it, and writes what it has chosen. What is compressed
    /// beside a secret shows, by its length, something of that secret.
    ///
    /// Without the feature of `compression` there is [`Code::Unimplemented`] when connecting, and nothing is
    /// compressed [`over`](Self::over) a stream.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.chosen.compression = Some(compression);
        self
    }

    /// Chooses how a server is chosen for each call, where there are several; [`LeastLoaded`] unless chosen.
    pub fn balance(mut self, balance: impl Balance) -> Self {
        self.settings.balance = channel::arranging(balance);
        self
    }

    /// Says what calls do when a server fails them, where there are several.
    pub fn fail_mode(mut self, mode: FailMode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Prefers servers of this zone as long as one of them answers; all are alike unless said.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.settings.zone = zone.into();
        self
    }

    /// Adds a scheme to those of [`discover`](Self::discover).
    pub fn scheme(mut self, scheme: impl Scheme) -> Self {
        self.sources = self.sources.with(scheme);
        self
    }

    /// A client of the servers that `url` leads to, once it is known where they are: `fixed:a:7001,b:7001`, `file:///servers`, and
    /// what else [`Sources`] knows.
    ///
    /// Each call goes to one of them, which the [balancer](Self::balance) chooses. They are connected to when they are first used. A
    /// server that cannot be reached is passed over, and dialled again in the background; one whose calls fail (5 in a row, or one of five
    /// over 30 s) is left alone for 5 s, and longer each time, up to 300 s. As long as half of them or more are out, those left alone
    /// are used all the same. Where the list comes from may be lost: the last one stands.
    ///
    /// ```no_run
    /// # async fn example() -> ferrywire::Result<()> {
    /// use ferrywire::{Client, balance::RoundRobin};
    ///
    /// let client = Client::builder().balance(RoundRobin).discover("fixed:10.0.0.1:7001,10.0.0.2:7001").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Code::InvalidArgument`] if the URL is none that is known.
    /// - [`Code::Unavailable`] if the source fails before it has told any list, or tells none within [`Limits::connect_timeout`].
    pub async fn discover(self, url: &str) -> Result<Client> {
        let source = self.sources.open(url)?;
        self.discover_from(source).await
    }

    /// A client of the servers that `source` tells, once it has told them; see [`discover`](Self::discover).
    ///
    /// # Errors
    ///
    /// As [`discover`](Self::discover).
    pub async fn discover_from(self, source: impl Discover) -> Result<Client> {
        let client = self.lazy_from(source)?;
        if let Some(hub) = client.pool.hub() {
            hub.first_list_in_time().await?;
        }
        Ok(client)
    }

    /// A client of the servers that `source` tells, whose calls wait until it has; see [`discover`](Self::discover). Must be called on
    /// a runtime.
    ///
    /// # Errors
    ///
    /// As [`lazy`](Self::lazy), for all but the address.
    pub fn lazy_from(mut self, source: impl Discover) -> Result<Client> {
        self.settle()?;
        let source = Box::new(source);
        let pool = Pool::channel(source, self.settings, self.transports, self.speak, self.chosen);
        Ok(Client { pool })
    }

    /// Reaches places through this transport, before those that it was given and those of the system: a simulated network, say, or a
    /// wire of one's own. [`Transport::reaches`] says which places.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transports.add(transport);
        self
    }

    /// Gives access to places inside the process, for `memory://` addresses.
    pub fn memory(self, memory: &Memory) -> Self {
        self.transport(memory.clone())
    }

    /// A client of the server at `address`, connected; see [`Client::connect`].
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub async fn connect(self, address: impl IntoAddress) -> Result<Client> {
        let client = self.lazy(address)?;
        client.pool.link().await?;
        Ok(client)
    }

    /// A client of the server at `address`, which connects when it is first used.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if the address is none, or the protocol does not carry the chosen codec or
    /// cannot offer the services that were registered; [`Code::AlreadyExists`] if two of these have one name.
    pub fn lazy(mut self, address: impl IntoAddress) -> Result<Client> {
        self.settle()?;
        let pool = Pool::new(address.into_address()?, self.transports, self.speak, self.chosen);
        Ok(Client { pool })
    }

    /// A client over a stream that exists already, such as a child process's standard input and output.
    ///
    /// Must be called on a runtime. Once the stream has ended, calls fail. They all fail if the protocol cannot
    /// do what was chosen.
    pub fn over(mut self, stream: Stream) -> Client {
        let pool = match self.settle() {
            Ok(()) => Pool::over(stream, self.speak, self.chosen),
            Err(error) => Pool::nowhere(error, self.speak, self.chosen),
        };
        Client { pool }
    }

    /// Sees whether the protocol can do what was chosen.
    fn settle(&mut self) -> Result<()> {
        self.speak.check(&self.chosen)?;
        if let Some(Offered { services, speak }) = self.offered.take() {
            self.speak = speak(services, &self.chosen, &*self.speak)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("protocol", &self.speak.name()).finish_non_exhaustive()
    }
}

/// A call that is under way; see [`Client::start`].
#[derive(Debug)]
#[must_use = "a started call is withdrawn when it is dropped"]
pub struct Started<R>(JoinHandle<Result<R>>);

impl<R> Started<R> {
    /// Whether the reply, or an error, is here.
    pub fn is_done(&self) -> bool {
        self.0.is_finished()
    }
}

impl<R> Future for Started<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        Pin::new(&mut self.0).poll(cx).map(|joined| {
            joined.unwrap_or_else(|cause| {
                Err(Error::new(Code::Internal, "decoding the reply panicked").caused_by(cause))
            })
        })
    }
}

impl<R> Drop for Started<R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
