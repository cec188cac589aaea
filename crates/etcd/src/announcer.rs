//! The announcer: a server's keys in etcd, for as long as it serves.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, GetOptions, LeaseGrantOptions, LeaseKeepAliveStream, LeaseKeeper, PutOptions,
    Txn, TxnOp,
};
use ferrywire::discovery::Endpoint;
use ferrywire::pause::{Pause, about};
use ferrywire::server::{Announce, Served};
use ferrywire::transport::{Address, BoxFuture, Place as Stand};
use ferrywire::{Cancellation, Code, Error, Result};
use futures_util::future::{Either, select};
use tokio::time::{sleep, timeout};

use crate::entry::Entry;
use crate::place::{ASKED_MAX, Place, failed, too_slow};

/// Makes a server known in etcd while it runs.
///
/// Every address at which it listens on TCP is a key, which hangs on a lease: a server that dies is gone after [`ttl`](Self::ttl), and one
/// that is shut down at once, before it drains. If etcd is lost, or the lease, the server makes itself known again, after a pause at random of
/// up to 100 ms at first and up to 10 s at last, and never gives up. A key that somebody else has deleted is put back when the server says
/// next that it is there.
///
/// One that listens everywhere, as at `tcp://0.0.0.0:4000`, is known under the address from which this machine reaches etcd, unless
/// [`host`](Self::host) says another.
#[derive(Clone, Debug)]
#[must_use]
pub struct Announcer {
    place: Place,
    host: Option<String>,
    weight: u32,
    zone: String,
    metadata: BTreeMap<String, String>,
    ttl: Duration,
}

impl Announcer {
    /// For the prefix at this URL, `etcd://host:port[,host:port]/prefix`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if the URL is none.
    pub fn to(url: impl AsRef<str>) -> Result<Self> {
        let url = url.as_ref();
        let place = Place::read(url).unwrap_or_else(|| {
            let why =
                format!("`{}` is no place in etcd: expected etcd://host:port/prefix", url.escape_debug());
            Err(Error::new(Code::InvalidArgument, why).not_executed())
        });
        Ok(Self {
            place: place?,
            host: None,
            weight: 1,
            zone: String::new(),
            metadata: BTreeMap::new(),
            ttl: Duration::from_secs(30),
        })
    }

    /// Makes the server known under this host, a name or an address in numbers, whatever it listens at.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// How much the server is to get, beside others; 1 unless set.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Where the server stands, such as `eu-1`.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// Says this of the server too.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// How long a server that is silent is still known; 30 s unless set, and a second at least. It says three times as often that it is
    /// there.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.max(Duration::from_secs(1));
        self
    }

    /// The servers to make known.
    async fn endpoints(&self, addresses: &[Address]) -> Result<Vec<Endpoint>> {
        let mut list = Vec::new();
        for address in addresses {
            let Stand::Tcp(place) = address.place() else { continue };
            let (host, port) = place.rsplit_once(':').unwrap_or((place, "0"));
            let host = match &self.host {
                Some(host) => host.clone(),
                None if is_everywhere(host) => self.own_host().await?,
                None => host.to_owned(),
            };
            let path = address.tunnel();
            let scheme = if path.is_some() { "http" } else { "tcp" };
            let moved = format!("{scheme}://{host}:{port}{}", path.unwrap_or_default()).parse()?;
            let mut endpoint = Endpoint::new(moved).with_weight(self.weight).in_zone(self.zone.as_str());
            endpoint.metadata.clone_from(&self.metadata);
            list.push(endpoint);
        }
        Ok(list)
    }

    /// The address from which etcd is reached. Nothing is sent for that.
    async fn own_host(&self) -> Result<String> {
        let unreachable = |cause: std::io::Error| {
            let why = format!("no way to etcd at {}: {cause}", self.place.first_member());
            Error::new(Code::Unavailable, why).caused_by(cause)
        };
        let mut members = tokio::net::lookup_host(self.place.first_member()).await.map_err(unreachable)?;
        let member = members.next().ok_or_else(|| unreachable(std::io::ErrorKind::NotFound.into()))?;
        let everywhere = if member.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = tokio::net::UdpSocket::bind(everywhere).await.map_err(unreachable)?;
        socket.connect(member).await.map_err(unreachable)?;
        let ip = socket.local_addr().map_err(unreachable)?.ip();
        Ok(if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() })
    }

    /// Makes the server known, and keeps it so until that fails.
    async fn keep(
        &self,
        client: &mut Client,
        held: &mut Held,
        served: &Served,
        pause: &mut Pause,
    ) -> Result<()> {
        let known = timeout(ASKED_MAX, self.make_known(client, held, served)).await;
        let (mut asks, mut answers) = known.map_err(|_| too_slow())??;
        pause.reset();
        loop {
            // The lease lives: what hangs on it is worth more than what cannot be put back now, as in an etcd that is full.
            let looked = timeout(ASKED_MAX, self.put_back(client, held)).await.map_err(|_| too_slow());
            if let Err(error) = looked.and_then(|looked| looked.map_err(failed)) {
                tracing::warn!(place = self.place.url(), %error, "a key that is gone is not put back for now");
            }
            sleep(about(self.ttl.div_f64(3.0))).await;
            let kept = async {
                asks.keep_alive().await?;
                answers.message().await
            };
            let kept = timeout(ASKED_MAX, kept).await.map_err(|_| too_slow())?.map_err(failed)?;
            if kept.is_none_or(|kept| kept.ttl() <= 0) {
                return Err(Error::new(Code::Unavailable, "etcd: the lease has run out"));
            }
        }
    }

    /// Goes on with the lease that is held, if it still lives, and makes the server known under a new one if not.
    async fn make_known(
        &self,
        client: &mut Client,
        held: &mut Held,
        served: &Served,
    ) -> Result<(LeaseKeeper, LeaseKeepAliveStream)> {
        let own = self.own(&self.endpoints(&served.addresses).await?);
        // An etcd that is full grants no lease, but one that it has granted lives on.
        if held.own == own {
            match client.lease_keep_alive(held.lease).await {
                Err(etcd_client::Error::LeaseKeepAliveError(_)) => {}
                going_on => return going_on.map_err(failed),
            }
        }
        *held = Held::default();
        let options = LeaseGrantOptions::new().with_id(held.lease);
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        client.lease_grant(seconds, Some(options)).await.map_err(failed)?;
        for (key, value) in &own {
            let options = PutOptions::new().with_lease(held.lease);
            client.put(key.as_str(), value.as_slice(), Some(options)).await.map_err(failed)?;
        }
        tracing::info!(place = self.place.url(), servers = own.len(), "known in etcd");
        held.own = own;
        client.lease_keep_alive(held.lease).await.map_err(failed)
    }

    /// Puts back what somebody else has deleted. What somebody else has written instead stands: it may be the next server at this address.
    async fn put_back(&self, client: &mut Client, held: &Held) -> Result<(), etcd_client::Error> {
        for (key, value) in &held.own {
            // A look comes first: an etcd that is full refuses whatever might write, if there is something to write or not.
            let found = client.get(key.as_str(), Some(GetOptions::new().with_count_only())).await?;
            if found.count() > 0 {
                continue;
            }
            let is_absent = Compare::create_revision(key.as_str(), CompareOp::Equal, 0);
            let options = PutOptions::new().with_lease(held.lease);
            let put = TxnOp::put(key.as_str(), value.as_slice(), Some(options));
            if client.txn(Txn::new().when([is_absent]).and_then([put])).await?.succeeded() {
                tracing::warn!(
                    place = self.place.url(),
                    key,
                    "somebody has deleted a server in etcd; it is back"
                );
            }
        }
        Ok(())
    }

    /// What stands in etcd for these servers.
    fn own(&self, endpoints: &[Endpoint]) -> Vec<(String, Vec<u8>)> {
        let own = |endpoint: &Endpoint| {
            let value = serde_json::to_vec(&Entry::of(endpoint)).expect("texts and numbers are JSON");
            (format!("{}{}", self.place.prefix, endpoint.address), value)
        };
        endpoints.iter().map(own).collect()
    }

    /// Takes the server off the lists, if it can be on one.
    async fn leave(&self, client: Option<Client>, lease: i64) {
        let Some(mut client) = client else { return };
        let left = timeout(LEAVE_MAX, client.lease_revoke(lease)).await.map_err(|_| too_slow());
        if let Err(error) = left.and_then(|left| left.map_err(failed)) {
            tracing::warn!(place = self.place.url(), %error, "still known in etcd, until the lease runs out");
        }
    }
}

impl Announce for Announcer {
    fn announce(self: Box<Self>, served: Served, leaving: Cancellation) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut leaves = pin!(leaving.cancelled());
            let (mut pause, mut held) = (Pause::default(), Held::default());
            loop {
                let mut client = None;
                let kept = async {
                    let client = client.insert(self.place.connect().await.map_err(failed)?);
                    self.keep(client, &mut held, &served, &mut pause).await
                };
                let ended = match select(&mut leaves, pin!(kept)).await {
                    Either::Left(_) => None,
                    Either::Right((ended, _)) => Some(ended),
                };
                if let Some(Err(error)) = &ended {
                    tracing::warn!(place = self.place.url(), %error, "not known in etcd for now");
                }
                // What failed may hang on its lease nevertheless.
                if ended.is_none()
                    || matches!(select(&mut leaves, pin!(sleep(pause.grow()))).await, Either::Left(_))
                {
                    return self.leave(client, held.lease).await;
                }
            }
        })
    }
}

/// A lease, and what hangs on it.
struct Held {
    /// Known before it is granted, so that it can be given back whatever has become of it.
    lease: i64,
    /// Keys and their values; none before all of them stand in etcd.
    own: Vec<(String, Vec<u8>)>,
}

impl Default for Held {
    fn default() -> Self {
        Self { lease: fastrand::i64(1..i64::MAX), own: Vec::new() }
    }
}

fn is_everywhere(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.is_empty() || ip.is_ok_and(|ip| ip.to_canonical().is_unspecified())
}

/// How long etcd has to hear that a server leaves.
const LEAVE_MAX: Duration = Duration::from_millis(900);
