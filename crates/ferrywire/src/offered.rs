//! What a client lets its server call: services of its own, answered over the connection that it made.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::client::{self, Chosen, Client, Link, More, Offered, Services, Speak, Speaks};
use crate::codec::Format;
use crate::duplex::{self, Back, CALLS_AT_FIRST, Duplex, Keeper};
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::protocol::Native;
use crate::protocol::tunnel::Tunnel;
use crate::server::{self, Bell, Order, Router, Shared};
use crate::service::Service;
use crate::sync;
use crate::transport::Stream;

impl client::Builder {
    /// Adds a service that the server can call, over the connection that this client makes; see
    /// [`Context::caller`](crate::Context::caller).
    ///
    /// Only the native protocol goes both ways: with another one, connecting fails with
    /// [`Code::InvalidArgument`]. The client's [`Limits`] hold for the calls that it answers as well.
    /// Methods that run when the client is closed are dropped.
    ///
    /// ```no_run
    /// # use ferrywire::{Client, Result, service};
    /// # struct Printer;
    /// # #[service] impl Printer { pub fn print(&self, line: &str) {} }
    /// # async fn example() -> Result<()> {
    /// let client = Client::builder().register(Printer).connect("tcp://127.0.0.1:7001").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn register(self, service: impl Service) -> Self {
        self.offer(None, Arc::new(service))
    }

    /// Adds a service that the server can call under another name; see [`register`](Self::register).
    pub fn register_as(self, name: impl Into<String>, service: impl Service) -> Self {
        self.offer(Some(name.into()), Arc::new(service))
    }

    fn offer(mut self, name: Option<String>, service: Arc<dyn Service>) -> Self {
        let offered = self.offered.get_or_insert_with(|| Offered { services: Vec::new(), speak: both_ways });
        offered.services.push((name, service));
        self
    }
}

/// Speaks in both directions.
fn both_ways(services: Services, chosen: &Chosen, spoken: &dyn Speak) -> Result<Arc<dyn Speak>> {
    let native = Speaks::<Native>::new();
    if spoken.name() != native.name() {
        let text = format!(
            "a client that speaks {} cannot be called back: choose the native protocol to register services",
            spoken.name()
        );
        return Err(Error::new(Code::InvalidArgument, text).not_executed());
    }
    let mut router = Router::default();
    for (name, service) in services {
        router.register(name, service)?;
    }
    let mut limits = Limits::clone(&chosen.limits);
    // A server that has nothing to say for hours is no reason to lose the connection: the client keeps it.
    limits.idle_timeout = std::time::Duration::MAX;
    let (checksum, compression) = (chosen.checksum, chosen.compression);
    let shared = Arc::new(Shared { checksum, compression, ..Shared::new(router, limits) });
    Ok(Arc::new(BothWays { native, shared }))
}

/// The native protocol, on connections over which the server calls too.
struct BothWays {
    native: Speaks<Native>,
    /// What answers, on whichever connection.
    shared: Arc<Shared>,
}

impl Speak for BothWays {
    fn name(&self) -> &'static str {
        self.native.name()
    }

    fn tunnel(&self) -> Option<Tunnel> {
        self.native.tunnel()
    }

    fn format(&self, chosen: &Chosen) -> Format {
        self.native.format(chosen)
    }

    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen, _more: Option<More>) -> Arc<dyn Link> {
        let (shared, bell) = (self.shared.clone(), Bell::new());
        let (duplex, mut answering, calling) = Duplex::split(stream, &first, &chosen.terms(), true);
        let (link, calling) = client::calling(calling, chosen);
        link.admit(CALLS_AT_FIRST);
        let server = Client::lent(link.clone(), answering.peer.as_str().to_owned(), chosen.clone());
        answering.peer = Arc::new((*answering.peer).clone().with_back(Arc::new(Back::opened(server))));
        let keeper = Beside { bell: bell.clone(), drain: Arc::default() };
        let (drain, drain_timeout) = (keeper.drain.clone(), shared.limits.drain_timeout);
        sync::spawn(async move {
            let stopped = async {
                drain.notified().await;
                tokio::time::sleep(drain_timeout).await;
                bell.order(Order::Stop);
                std::future::pending::<()>().await;
            };
            let serving = server::serve::<Native>(answering, Vec::new(), shared, bell.clone());
            let answering = async {
                let (serving, stopped) = (std::pin::pin!(serving), std::pin::pin!(stopped));
                futures_util::future::select(serving, stopped).await;
            };
            duplex.run(answering, Some(calling), keeper).await;
        });
        link
    }
}

/// Sees to it that the services end with the client's own calls.
struct Beside {
    bell: Arc<Bell>,
    drain: Arc<Notify>,
}

impl Keeper for Beside {
    fn look(&mut self, _held: usize, _is_calling: bool) -> bool {
        true
    }

    /// Nobody waits for what its own calls would have come to.
    fn peer_ended(&mut self) {
        self.bell.order(Order::Stop);
    }

    fn calling_ended(&mut self, error: &Error) {
        // Closed by its user, the client has no use for what its methods do; otherwise they may finish.
        if error.code() == Code::Cancelled {
            self.bell.order(Order::Stop);
        } else {
            self.bell.drain(duplex::blame(error));
            self.drain.notify_one();
        }
    }

    fn stalled(&mut self) {}
}
