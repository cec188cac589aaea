//! The announcer: a server's heartbeats to its registries, for as long as it serves.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use ferrywire::pause::{Pause, about};
use ferrywire::server::{Announce, Served};
use ferrywire::transport::{BoxFuture, Place as Stand};
use ferrywire::{Cancellation, Result};
use futures_util::future::{Either, join_all, select};
use http::{HeaderName, Request, StatusCode, header};

use crate::address::{Named, family_spelling};
use crate::api::{Condition, Entered, SERVERS, Said, millis};
use crate::http_client::ask;
use crate::pages::escaped;
use crate::place::{Manner, Place, invalid};

/// How long a registry has to answer a beat.
const BEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long it has to hear that a server leaves.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(900);

/// Registers a server while it runs, at one registry or several:
///
/// ```no_run
/// # async fn example(builder: ferrywire::server::Builder) -> ferrywire::Result<()> {
/// use ferrywire_registry::Announcer;
///
/// let announcer = Announcer::to("http://10.0.0.1:9999")?.also("http://10.0.0.2:9999")?.token("secret").zone("eu-1");
/// let server = builder.announce(announcer).bind("tcp://0.0.0.0:4000").await?;
/// server.run().await
/// # }
/// ```
///
/// It beats at once and then every 10 s, a tenth more or less, to each registry for itself. A beat that fails is repeated after a
/// pause that grows, up to 10 s, and never given up; as every beat says everything, a registry that has lost its memory learns it
/// again. A server that is shut down is taken off all registries before it drains.
///
/// Every address is registered at which the server listens on TCP. One that listens everywhere, as `tcp://0.0.0.0:4000`, is
/// registered under the address from which its registry hears of it, unless [`host`](Self::host) says another.
#[derive(Clone)]
#[must_use]
pub struct Announcer {
    registries: Vec<(Place, Manner)>,
    token: Option<String>,
    host: Option<String>,
    weight: u32,
    zone: String,
    metadata: BTreeMap<String, String>,
    every: Option<Duration>,
}

impl Announcer {
    /// For the registry at this URL, `http://host:port`.
    ///
    /// A registry of WgRPC or GeeRPC is told apart by its path: to `http://host:port/wgrpc/registry` and
    /// `http://host:port/_geerpc_/registry` it beats as their servers do, every 4 min. Those cannot be told that a
    /// server leaves.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`](ferrywire::Code::InvalidArgument) if the URL is none.
    pub fn to(url: impl AsRef<str>) -> Result<Self> {
        let none = Self {
            registries: Vec::new(),
            token: None,
            host: None,
            weight: 1,
            zone: String::new(),
            metadata: BTreeMap::new(),
            every: None,
        };
        none.also(url)
    }

    /// For this registry too.
    ///
    /// # Errors
    ///
    /// As [`to`](Self::to).
    pub fn also(mut self, url: impl AsRef<str>) -> Result<Self> {
        let url = url.as_ref();
        let refused = || {
            let url = url.escape_debug();
            invalid(format!(
                "`{url}` is no registry: expected http://host:port, and /wgrpc/registry or /_geerpc_/registry behind it if it is one of those"
            ))
        };
        let rest = url.strip_prefix("http://").ok_or_else(refused)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        self.registries.push((Place::read(authority)?, Manner::at(path).ok_or_else(refused)?));
        Ok(self)
    }

    /// Shows the registries their token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Registers the server under this host, a name or an address in numbers, whatever it listens at.
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

    /// Beats so often; every 10 s unless set, and every 4 min to registries of WgRPC and GeeRPC. A server is listed for three times
    /// as long after its last beat, if the registry grants it.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = Some(every.max(Duration::from_millis(100)));
        self
    }

    /// What of this server is registered.
    fn named(&self, served: &Served) -> Vec<Named> {
        let mut all = Vec::new();
        for address in &served.addresses {
            if !matches!(address.place(), Stand::Tcp(_)) {
                continue;
            }
            let named = match Named::read(&address.to_string(), 255) {
                Ok(named) => self.host.as_ref().map_or(Ok(named.clone()), |host| named.moved_to_host(host)),
                Err(why) => Err(why),
            };
            match named {
                Ok(named) if !all.contains(&named) => all.push(named),
                Ok(_) => {}
                Err(why) => tracing::warn!(%address, why, "not registered"),
            }
        }
        all
    }
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's business.
        f.debug_struct("Announcer").field("registries", &self.registries).finish_non_exhaustive()
    }
}

impl Announce for Announcer {
    fn announce(self: Box<Self>, served: Served, leaving: Cancellation) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let named = self.named(&served);
            if named.is_empty() {
                tracing::warn!("the server listens at no address that a registry could list");
            }
            let mut beats = Vec::new();
            for (place, manner) in &self.registries {
                for named in &named {
                    let (place, named) = (place.clone(), named.clone());
                    let beat = Beat { place, manner: *manner, named, served: &served, announcer: &self };
                    beats.push(beat.go_on(leaving.clone()));
                }
            }
            join_all(beats).await;
        })
    }
}

/// One address at one registry.
struct Beat<'a> {
    place: Place,
    manner: Manner,
    named: Named,
    served: &'a Served,
    announcer: &'a Announcer,
}

impl Beat<'_> {
    /// Beats until the server leaves, and then says so.
    async fn go_on(self, leaving: Cancellation) {
        let mut lost = Pause::default();
        let mut is_known = false;
        let (registry, address) = (&self.place.authority, self.named.key());
        loop {
            let beat = pin!(self.once());
            let beaten = match select(pin!(leaving.cancelled()), beat).await {
                Either::Left(_) => break,
                Either::Right((beaten, _)) => beaten,
            };
            let pause = match beaten {
                Ok(pause) => {
                    if !is_known {
                        tracing::info!(registry, address, "registered");
                    }
                    is_known = true;
                    lost.reset();
                    about(pause)
                }
                Err(error) => {
                    is_known = false;
                    let is_news = !lost.has_grown();
                    let pause = lost.grow();
                    // Once for each time that it is lost.
                    match is_news {
                        true => tracing::warn!(address, %error, "a heartbeat has failed"),
                        false => tracing::debug!(address, %error, ?pause, "a heartbeat has failed again"),
                    }
                    pause
                }
            };
            if let Either::Left(_) = select(pin!(leaving.cancelled()), pin!(tokio::time::sleep(pause))).await
            {
                break;
            }
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(address, %error, "the registry does not know that the server leaves");
        }
    }

    /// One beat; how long to wait until the next.
    async fn once(&self) -> Result<Duration> {
        match self.manner {
            Manner::Json => self.once_in_json().await,
            Manner::Headers(family) => {
                let address = family_spelling(&self.named.key());
                let request = Request::post(family.path).header(family.server.clone(), address);
                let request = self.with_token(request);
                let response = ask(&self.place.authority, request, Bytes::new(), BEAT_TIMEOUT).await?;
                self.place.accepted(&response)?;
                Ok(self.announcer.every.unwrap_or(Duration::from_secs(240)))
            }
        }
    }

    async fn once_in_json(&self) -> Result<Duration> {
        let announcer = self.announcer;
        let every = announcer.every.unwrap_or(Duration::from_secs(10));
        let said = Said {
            address: self.named.key().into(),
            services: self.served.services.as_slice().into(),
            weight: Some(announcer.weight),
            zone: announcer.zone.as_str().into(),
            metadata: std::borrow::Cow::Borrowed(&announcer.metadata),
            health: Condition::Serving,
            ttl_ms: Some(millis(every.saturating_mul(3))),
        };
        let body = serde_json::to_vec(&said).expect("texts and numbers are JSON");
        let request = Request::post(SERVERS).header(header::CONTENT_TYPE, "application/json");
        let response =
            ask(&self.place.authority, self.with_token(request), body.into(), BEAT_TIMEOUT).await?;
        let body = self.place.believed(&response)?;
        let entered: Entered = serde_json::from_slice(&body)
            .map_err(|cause| crate::http_client::failed(&self.place.authority, cause))?;
        // Where less is granted than asked for, beats come the sooner.
        let granted = Duration::from_millis(entered.ttl_ms) / 3;
        Ok(every.min(granted).max(Duration::from_millis(100)))
    }

    async fn leave(&self) -> Result<()> {
        let Manner::Json = self.manner else {
            return Ok(());
        };
        let path = format!("{SERVERS}?address={}", escaped(&self.named.key()));
        let request = self.with_token(Request::delete(path));
        let response = ask(&self.place.authority, request, Bytes::new(), LEAVE_TIMEOUT).await?;
        match response.status() {
            // It was not there, or not any more.
            StatusCode::NOT_FOUND => Ok(()),
            _ => self.place.accepted(&response),
        }
    }

    fn with_token(&self, request: http::request::Builder) -> http::request::Builder {
        let name: HeaderName = header::AUTHORIZATION;
        match &self.announcer.token {
            Some(token) => request.header(name, format!("Bearer {token}")),
            None => request,
        }
    }
}
