//! The answering bank: a server, its services, the places where it listens.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::compression::Compression;
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::protocol::browser::{Allowed, without_port};
use crate::protocol::tunnel::Paths;
use crate::service::Service;
use crate::transport::{Address, IntoAddress, Listen, Memory, Place, Stream, Transport, Transports};

#[cfg(not(feature = "http"))]
mod absent;
mod accept;
mod announce;
mod bell;
mod both;
mod conduct;
mod connection;
mod connections;
mod delay;
mod drive;
mod guard;
#[cfg(feature = "http")]
mod http;
#[cfg(all(test, ferrywire_loom))]
mod models;
mod per_core;
mod router;
mod seats;
mod spawned;
mod spoken;

#[cfg(not(feature = "http"))]
use absent as http;
use announce::Announcing;
use connections::Connections;
use spoken::Spoken;

pub use announce::{Announce, Served};
pub(crate) use bell::{Bell, Order};
pub(crate) use connection::Shared;
pub(crate) use drive::serve;
#[cfg(feature = "http")]
pub use http::Pages;
pub(crate) use router::Router;
pub use spoken::Speaks;

/// A server: services, and the places where it listens for their callers.
///
/// Every connection is told apart by its first bytes: the native protocol, Go's `net/rpc`, gomorpc, WgRPC and GeeRPC, JSON-RPC, an
/// HTTP `CONNECT` that opens a connection of Go's or of the GeeRPC family's, or plain HTTP. A place may be told to answer
/// only some of them, by [`Builder::speaks`] and [`Builder::listen_with`].
/// Each runs as one task on the runtime that calls [`run`](Self::run), or stays on one of the threads of
/// [`serve_per_core`](Self::serve_per_core).
#[must_use = "a server serves while `run` is awaited"]
pub struct Server {
    inner: Arc<Inner>,
    doors: Vec<Door>,
    announcers: Vec<Box<dyn Announce>>,
    addresses: Vec<Address>,
    /// What is spoken over streams that come through no door.
    spoken: Spoken,
}

/// A place where the server listens, and what is spoken there.
struct Door {
    listener: Box<dyn Listen>,
    spoken: Spoken,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    /// The places that are listened at.
    doors: TaskTracker,
    /// It was told to shut down.
    shutdown: CancellationToken,
    /// Nobody is accepted any more, and what runs is finished.
    draining: CancellationToken,
    /// Whether announcers run, who are told first; decided by whoever comes first, the running or the shutdown.
    is_announced: OnceLock<bool>,
}

/// Collects what a server is made of.
#[derive(Default)]
#[must_use]
pub struct Builder {
    services: Vec<(Option<String>, Arc<dyn Service>)>,
    /// With what is spoken there, if that was said.
    addresses: Vec<(Result<Address>, Option<Result<Spoken>>)>,
    speaks: Option<Result<Spoken>>,
    limits: Limits,
    checksum: bool,
    compression: Option<Compression>,
    transports: Transports,
    hides_page: bool,
    allowed: Allowed,
    shelf: http::Shelf,
    announcers: Vec<Box<dyn Announce>>,
}

impl Server {
    /// A builder without services.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The first place where the server listens, with the port that was chosen.
    ///
    /// # Panics
    ///
    /// If it listens nowhere, because it was made by [`Builder::build`].
    pub fn address(&self) -> Address {
        self.addresses.first().cloned().expect("a server that was bound listens somewhere")
    }

    /// All places where the server listens.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A handle by which the server can be shut down and looked at while it runs.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { inner: self.inner.clone() }
    }

    /// Serves until [`ServerHandle::shutdown`], then finishes what runs.
    ///
    /// Nothing that a peer does ends it. Calls that run at the shutdown have
    /// [`Limits::drain_timeout`] to finish; what is left is dropped within another second.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the server at once: listeners and connections are closed, running calls
    /// are dropped.
    pub async fn run(self) -> Result<()> {
        let Self { inner, doors, announcers, addresses, .. } = self;
        let stop = StopOnDrop(&inner);
        let announcing = Announcing::begin(&inner, announcers, addresses);
        let mut accepting = JoinSet::new();
        for door in doors {
            accepting.spawn(inner.doors.track_future(accept::accept(inner.clone(), door)));
        }
        inner.shutdown.cancelled().await;
        inner.leave(announcing).await;
        inner.drain().await;
        drop(stop);
        Ok(())
    }

    /// Serves until `signal` is ready, then shuts down as [`ServerHandle::shutdown`] does.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> Result<()> {
        let handle = self.handle();
        let run = std::pin::pin!(self.run());
        let signal = std::pin::pin!(signal);
        match futures_util::future::select(run, signal).await {
            futures_util::future::Either::Left((ended, _)) => ended,
            futures_util::future::Either::Right(((), run)) => {
                handle.shutdown();
                run.await
            }
        }
    }

    /// Serves one stream until it ends: Go's `ServeConn`. The server need not be bound anywhere.
    ///
    /// The future does not borrow the server: every stream may be served on a task of its own.
    ///
    /// With standard input and output this is a program that another one starts to ask it something:
    ///
    /// ```no_run
    /// # async fn example(server: ferrywire::Server) {
    /// use ferrywire::transport::{Peer, Stream};
    ///
    /// let stream = Stream::new(tokio::io::stdin(), tokio::io::stdout(), Peer::named("stdio"));
    /// server.serve(stream).await;
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream and drops its calls.
    pub fn serve(&self, stream: Stream) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (inner, spoken) = (self.inner.clone(), self.spoken);
        async move {
            match inner.connections.admit(&stream.peer, &inner.shared.limits) {
                Ok(admitted) => {
                    let served = std::pin::pin!(accept::serve(inner.clone(), stream, spoken, admitted));
                    let drained = std::pin::pin!(inner.stop_after_drain());
                    futures_util::future::select(served, drained).await;
                }
                Err(limit) => inner.refuse(&stream, limit),
            }
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("services", &self.inner.shared.router)
            .field("addresses", &self.addresses)
            .field("pages", &self.inner.shared.shelf)
            .finish_non_exhaustive()
    }
}

struct StopOnDrop<'i>(&'i Inner);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.connections.order(Order::Stop);
    }
}

impl Inner {
    /// Starts serving a stream, if there is room for it.
    fn admit(self: Arc<Self>, stream: Stream, spoken: Spoken) {
        match self.connections.admit(&stream.peer, &self.shared.limits) {
            Ok(admitted) => {
                let tasks = self.tasks.clone();
                tasks.spawn(accept::serve(self, stream, spoken, admitted));
            }
            Err(limit) => self.refuse(&stream, limit),
        }
    }

    fn refuse(&self, stream: &Stream, limit: &'static str) {
        self.shared.hits.note(limit);
        tracing::debug!(peer = %stream.peer, limit, "a connection was refused");
    }

    /// Takes the server off the lists, if it is on any, and begins to drain it.
    async fn leave(&self, announcing: Option<Announcing>) {
        if let Some(announcing) = announcing {
            announcing.leave(self.shared.limits.drain_delay).await;
        }
        self.draining.cancel();
    }

    /// Once the server is shut down and its calls have had their time: stops the connections, and waits for
    /// ever for them to notice.
    async fn stop_after_drain(&self) {
        self.draining.cancelled().await;
        if self.doors.is_empty() {
            self.connections.order(Order::Drain);
        }
        tokio::time::sleep(self.shared.limits.drain_timeout).await;
        self.connections.order(Order::Stop);
        std::future::pending().await
    }

    async fn drain(&self) {
        /// How long doors have to close: a thread may be held up by a method.
        const DOORS_TIMEOUT: Duration = Duration::from_millis(100);
        self.doors.close();
        // Whoever hears a farewell and comes again at once is to find the door closed, and not just closing.
        let _ = tokio::time::timeout(DOORS_TIMEOUT, self.doors.wait()).await;
        self.connections.order(Order::Drain);
        self.tasks.close();
        let drained = tokio::time::timeout(self.shared.limits.drain_timeout, self.tasks.wait()).await;
        if drained.is_ok() {
            return;
        }
        let left = self.connections.len();
        tracing::warn!(left, "calls were still running at the end of the drain timeout");
        self.connections.order(Order::Stop);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await;
    }
}

impl Builder {
    /// Adds a service under its own name.
    pub fn register(mut self, service: impl Service) -> Self {
        self.services.push((None, Arc::new(service)));
        self
    }

    /// Adds a service under another name; dots are allowed in it.
    pub fn register_as(mut self, name: impl Into<String>, service: impl Service) -> Self {
        self.services.push((Some(name.into()), Arc::new(service)));
        self
    }

    /// Adds a place to listen at, beside the one given to [`bind`](Self::bind).
    ///
    /// An `http://` address listens as `tcp://` does, and opens tunnels of `net/rpc` at its path too.
    pub fn listen(mut self, address: impl IntoAddress) -> Self {
        self.addresses.push((address.into_address(), None));
        self
    }

    /// Adds a place to listen at, as [`listen`](Self::listen) does, that answers these protocols and no other, whatever
    /// [`speaks`](Self::speaks) says of other places:
    ///
    /// ```no_run
    /// # async fn example(builder: ferrywire::server::Builder) -> ferrywire::Result<()> {
    /// use ferrywire::server::Speaks;
    ///
    /// let server = builder
    ///     .speaks([Speaks::Native])
    ///     .listen_with("tcp://127.0.0.1:8080", [Speaks::Http])
    ///     .bind("tcp://0.0.0.0:4000")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_with(
        mut self,
        address: impl IntoAddress,
        protocols: impl IntoIterator<Item = Speaks>,
    ) -> Self {
        self.addresses.push((address.into_address(), Some(Spoken::only(protocols))));
        self
    }

    /// Answers these protocols and no other, at every place that was not given to [`listen_with`](Self::listen_with)
    /// and on every stream given to [`Server::serve`]; all of them unless asked for.
    ///
    /// What is spoken is found out as ever. Whoever speaks another protocol is a stranger, whose connection is closed
    /// with a line in the log; a `CONNECT` to one is answered as if nothing were there, by 404.
    pub fn speaks(mut self, protocols: impl IntoIterator<Item = Speaks>) -> Self {
        self.speaks = Some(Spoken::only(protocols));
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Demands a checksum with every message in both directions, on wires that can carry one; off unless
    /// asked for. Damage on the way then ends the connection instead of reaching a method or a caller.
    ///
    /// The native protocol carries one. Its clients need not be told: they see it when they connect.
    pub fn checksum(mut self) -> Self {
        self.checksum = true;
        self
    }

    /// Compresses replies so where that makes them shorter, from 1 KiB on, and reads arguments that are
    /// compressed, on wires that can say so; off unless asked for.
    ///
    /// Replies are compressed if the client has it switched on too, and in whatever way: each side reads all
    /// that the features `lz4` and `zstd` have built into it, and writes what it has chosen. What is compressed
    /// beside a secret shows, by its length, something of that secret.
    ///
    /// Without the feature of `compression`, [`bind`](Self::bind) and [`build`](Self::build) fail with
    /// [`Code::Unimplemented`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
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

    /// Hides the page of services at `/debug/rpc`, `/debug/wgrpc` and `/debug/geerpc`, which is shown otherwise. Over plain
    /// HTTP it also hides the list at `/`, and errors do not name what there is.
    pub fn without_debug_page(mut self) -> Self {
        self.hides_page = true;
        self
    }

    /// Answers HTTP requests that ask for the server by this name, such as `rpc.example.org`, whatever their port.
    ///
    /// Without it these are answered: `localhost`, every address in numbers, and the names that the server was told to
    /// listen at. Of another name nobody can say whose it is: a web site may point a name of its own at this machine,
    /// and its pages then call this server as if it were theirs.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.allowed.hosts.push(name.into());
        self
    }

    /// Answers HTTP requests that the pages of this site make, such as `https://app.example.org`: the scheme, the host
    /// and the port if it is not the scheme's own, as a browser says it in `Origin`.
    ///
    /// Without it whatever a browser sends for a page is refused, because any page can make its browser ask ports of
    /// the same machine.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed.origins.push(origin.into());
        self
    }

    /// Listens at `address` and at every place given to [`listen`](Self::listen).
    ///
    /// # Errors
    ///
    /// - [`Code::AlreadyExists`] if two services have one name.
    /// - [`Code::InvalidArgument`] if an address is none, or a place speaks nothing.
    /// - [`Code::Unavailable`] if a place cannot be listened at.
    pub async fn bind(mut self, address: impl IntoAddress) -> Result<Server> {
        self.addresses.insert(0, (address.into_address(), None));
        let (mut addresses, mut own) = (Vec::new(), Vec::new());
        for (address, spoken) in std::mem::take(&mut self.addresses) {
            addresses.push(address?);
            own.push(spoken.transpose()?);
        }
        let transports = self.transports.clone();
        let tunnels = addresses.iter().filter_map(|address| address.tunnel());
        let tunnels = tunnels.filter(|path| !path.is_empty()).map(str::to_owned).collect();
        for address in &addresses {
            if let Place::Tcp(host) = address.place() {
                self.allowed.hosts.push(without_port(host).to_owned());
            }
        }
        let mut server = self.make(tunnels)?;
        for (address, own) in addresses.iter().zip(own) {
            let listener = transports.listen(address).await?;
            server.addresses.push(listener.address());
            server.doors.push(Door { listener, spoken: own.unwrap_or(server.spoken) });
        }
        Ok(server)
    }

    /// A server that listens nowhere, for [`Server::serve`].
    ///
    /// # Errors
    ///
    /// - [`Code::AlreadyExists`] if two services have one name.
    /// - [`Code::InvalidArgument`] if places to listen at were given, or nothing is spoken.
    pub fn build(self) -> Result<Server> {
        if !self.addresses.is_empty() {
            let text = "`build` listens nowhere: make the server with `bind` to listen";
            return Err(Error::new(Code::InvalidArgument, text));
        }
        self.make(Vec::new())
    }

    fn make(mut self, mut tunnels: Vec<String>) -> Result<Server> {
        if let Some(compression) = self.compression {
            compression.check()?;
        }
        let spoken = self.speaks.transpose()?.unwrap_or(Spoken::ALL);
        let mut router = Router::default();
        for (name, service) in self.services {
            router.register(name, service)?;
        }
        let mut limits = self.limits;
        limits.connections_max = limits.connections_max.min(descriptors_max() / 2);
        tunnels.extend(accept::tunnels().map(str::to_owned));
        let pages = if self.hides_page { Vec::new() } else { accept::PAGES.to_vec() };
        let plugged = self
            .shelf
            .sort(|path| tunnels.iter().any(|tunnel| tunnel == path) || accept::PAGES.contains(&path))?;
        let inner = Inner {
            shared: Arc::new(Shared {
                checksum: self.checksum,
                compression: self.compression,
                paths: Paths { tunnels, pages, plugged, allowed: self.allowed },
                shelf: self.shelf,
                ..Shared::new(router, limits)
            }),
            connections: Arc::default(),
            tasks: TaskTracker::new(),
            doors: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            draining: CancellationToken::new(),
            is_announced: OnceLock::new(),
        };
        let (announcers, doors, addresses) = (self.announcers, Vec::new(), Vec::new());
        Ok(Server { inner: Arc::new(inner), doors, announcers, addresses, spoken })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("services", &self.services.len()).finish_non_exhaustive()
    }
}

/// How many descriptors the process may have.
fn descriptors_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

/// A running server, from outside.
#[derive(Clone)]
pub struct ServerHandle {
    inner: Arc<Inner>,
}

impl ServerHandle {
    /// Stops accepting and reading; what runs is finished and answered, then the server's `run` returns.
    /// A second call changes nothing.
    ///
    /// A server that is [announced](Builder::announce) is taken off the lists first, and goes on as before for
    /// [`Limits::drain_delay`].
    pub fn shutdown(&self) {
        self.inner.shutdown.cancel();
        if !*self.inner.is_announced.get_or_init(|| false) {
            self.inner.draining.cancel();
        }
    }

    /// How often each `Service.Method` has been started.
    pub fn calls(&self) -> Vec<(String, u64)> {
        self.inner.shared.router.calls()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.inner.connections.len()
    }

    /// How often each of the [`Limits`] has been reached, by the limit's name; those never reached are left out.
    pub fn limit_hits(&self) -> Vec<(&'static str, u64)> {
        self.inner.shared.hits.all()
    }

    /// How many calls have started and not finished.
    pub fn running(&self) -> usize {
        self.inner.shared.running.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandle").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
