//! Discovery: where the servers of a service are.
//!
//! A source says the whole list after every change, and nothing else: it does not remember, wait, or try again. Who keeps the last
//! good list of a source that is lost, who distrusts one that is suddenly empty, and who asks again is its keeper, once for all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Result;
use crate::transport::{Address, BoxFuture};

#[cfg(not(feature = "dns"))]
mod absent;
#[cfg(feature = "dns")]
mod dns;
mod file;
mod fixed;
mod keeper;
mod resolver;
mod sources;
mod status;
mod text;

#[cfg(not(feature = "dns"))]
use absent as dns;
pub use file::File;
pub use fixed::Fixed;
pub use keeper::{ENDPOINTS_MAX, Keeper, News};
pub use resolver::{Resolve, Resolvers};
pub use sources::Sources;
pub use status::{Snapshot, Status};

/// A source of servers.
///
/// ```
/// use ferrywire::Result;
/// use ferrywire::discovery::{Discover, Endpoint};
/// use ferrywire::transport::BoxFuture;
///
/// /// One server, which never changes.
/// struct Only(Option<Endpoint>);
///
/// impl Discover for Only {
///     fn name(&self) -> String {
///         "only".to_owned()
///     }
///
///     fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
///         Box::pin(async move {
///             match self.0.take() {
///                 Some(endpoint) => Ok(vec![endpoint]),
///                 None => std::future::pending().await,
///             }
///         })
///     }
/// }
/// ```
pub trait Discover: Send + 'static {
    /// What it is called where people read of it: its URL, without secrets.
    fn name(&self) -> String;

    /// All servers: at first, and after an error, as soon as they are known, then whenever they are others than those that were told last.
    ///
    /// # Errors
    ///
    /// Why they cannot be known now. It is asked again after a pause, which grows.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has told nothing: the next one tells it.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>>;

    /// For how long what it says may be out of date: so long an empty list, or one that has lost more than half of its servers, is
    /// distrusted; 30 s unless it knows better.
    fn ttl(&self) -> Duration {
        Duration::from_secs(30)
    }
}

impl<D: Discover + ?Sized> Discover for Box<D> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        (**self).next()
    }

    fn ttl(&self) -> Duration {
        (**self).ttl()
    }
}

/// A server as a list of servers has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// How much it is to get, beside others; 1 unless said. One of 0 gets nothing while there are others.
    pub weight: u32,
    /// Where it stands, such as `eu-1`; empty unless said.
    pub zone: String,
    /// Whether it takes calls.
    pub health: Health,
    /// What else is said of it.
    pub metadata: BTreeMap<String, String>,
}

/// Whether a server takes calls, by its own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// It does.
    #[default]
    Serving,
    /// It finishes what it has begun, and is sent nothing new.
    Draining,
}

impl Endpoint {
    /// The server at this address.
    pub fn new(address: Address) -> Self {
        Self { address, weight: 1, zone: String::new(), health: Health::Serving, metadata: BTreeMap::new() }
    }

    /// The same, with another weight.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The same, in a zone.
    #[must_use]
    pub fn in_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// The same, of which this is said.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// The same, draining or not.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }
}

/// Opens sources whose URLs have a scheme of its own.
pub trait Scheme: Send + Sync + 'static {
    /// The source of this URL; `None` if the URL is another scheme's.
    ///
    /// Nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the URL is of this scheme and ill-formed.
    fn open(&self, url: &str) -> Option<Result<Box<dyn Discover>>>;

    /// Its schemes, for the error about a URL that nobody opens: what stands before the colon. Nothing unless said.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
