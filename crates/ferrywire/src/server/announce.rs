//! Announcers: who makes a server known while it serves, and takes it off the lists before it drains.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Builder, Inner};
use crate::context::Cancellation;
use crate::transport::{Address, BoxFuture};

/// How long announcers have to take a server off the lists.
const LEAVING_MAX: Duration = Duration::from_secs(1);

/// Makes a server known while it serves: to a registry, by a file, wherever its callers look.
///
/// ```
/// use ferrywire::Cancellation;
/// use ferrywire::server::{Announce, Served};
/// use ferrywire::transport::BoxFuture;
///
/// /// Says in the log where the server is.
/// struct InTheLog;
///
/// impl Announce for InTheLog {
///     fn announce(self: Box<Self>, served: Served, leaving: Cancellation) -> BoxFuture<'static, ()> {
///         Box::pin(async move {
///             tracing::info!(services = ?served.services, addresses = ?served.addresses, "is here");
///             leaving.cancelled().await;
///             tracing::info!("is leaving");
///         })
///     }
/// }
///
/// # fn example(builder: ferrywire::server::Builder) {
/// let builder = builder.announce(InTheLog);
/// # }
/// ```
pub trait Announce: Send + 'static {
    /// Runs beside the server, from when it listens until it has taken the server off the lists, for which it is told by
    /// `leaving`.
    ///
    /// What goes wrong is its own to mend: nobody looks at how it ends, and a server goes on that is not announced.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it does not end within a second of `leaving`, and when the server's own future is dropped.
    fn announce(self: Box<Self>, served: Served, leaving: Cancellation) -> BoxFuture<'static, ()>;
}

/// What there is to say of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Served {
    /// Where it listens, with the ports that were chosen, in the order in which it was told to. Whoever listens everywhere is
    /// everywhere: `tcp://[::]:4000` and `tcp://0.0.0.0:4000` are no places to dial.
    pub addresses: Vec<Address>,
    /// Its services, by the names that callers write.
    pub services: Vec<String>,
}

impl Builder {
    /// Makes the server known by `announcer` while it runs.
    ///
    /// At a shutdown announcers are told first, and have a second to take the server off the lists. It then goes on
    /// accepting and serving for [`Limits::drain_delay`](crate::Limits::drain_delay), until nobody looks at an old list
    /// any more, and only then drains. A server that is shut down before it runs is not announced.
    pub fn announce(mut self, announcer: impl Announce) -> Self {
        self.announcers.push(Box::new(announcer));
        self
    }
}

/// A server's announcers while it runs. Dropped, it drops them.
pub(super) struct Announcing {
    announcers: JoinSet<()>,
    leaving: CancellationToken,
}

impl Announcing {
    /// Starts them all; nobody, if there are none, or the server has been shut down already.
    pub(super) fn begin(
        inner: &Inner,
        announcers: Vec<Box<dyn Announce>>,
        addresses: Vec<Address>,
    ) -> Option<Self> {
        if announcers.is_empty() || !*inner.is_announced.get_or_init(|| true) {
            return None;
        }
        let services = inner.shared.router.offers().map(|offer| offer.name.to_owned()).collect();
        let served = Served { addresses, services };
        let mut announcing = Self { announcers: JoinSet::new(), leaving: CancellationToken::new() };
        for announcer in announcers {
            let leaving = Cancellation::told_by(announcing.leaving.clone());
            announcing.announcers.spawn(announcer.announce(served.clone(), leaving));
        }
        Some(announcing)
    }

    /// Takes the server off the lists, and waits until nobody looks at an old one any more.
    pub(super) async fn leave(mut self, drain_delay: Duration) {
        self.leaving.cancel();
        let left = async {
            while let Some(ended) = self.announcers.join_next().await {
                if ended.is_err_and(|cause| cause.is_panic()) {
                    tracing::error!("an announcer panicked");
                }
            }
        };
        if tokio::time::timeout(LEAVING_MAX, left).await.is_err() {
            let count = self.announcers.len();
            tracing::warn!(count, "announcers have not taken the server off the lists in their time");
            self.announcers.abort_all();
        }
        tokio::time::sleep(drain_delay).await;
    }
}
