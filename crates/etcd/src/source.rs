//! The servers below a prefix: read once, and then watched from there on.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::{EventType, GetOptions, WatchOptions, WatchResponse, WatchStream};
use ferrywire::Result;
use ferrywire::discovery::{Discover, ENDPOINTS_MAX, Endpoint, Scheme};
use ferrywire::transport::BoxFuture;
use tokio::time::timeout;

use crate::entry;
use crate::place::{ASKED_MAX, Place, failed, too_slow};

/// Opens `etcd://host:port[,host:port]/prefix`: the servers whose keys stand below the prefix.
///
/// They are read once and then watched, so that a change is told as it is made. If etcd is lost, or forgets what has been since (it is
/// compacted), they are read again. A value that is no server is left out, and said in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Etcd;

impl Scheme for Etcd {
    fn open(&self, url: &str) -> Option<Result<Box<dyn Discover>>> {
        let place = Place::read(url)?;
        Some(place.map(|place| Box::new(Source { place, watched: None }) as Box<dyn Discover>))
    }

    fn names(&self) -> Vec<String> {
        vec!["etcd".to_owned()]
    }
}

struct Source {
    place: Place,
    /// `None` before the first time and after an error.
    watched: Option<Watched>,
}

/// What stands below the prefix, and what will say that it has changed.
struct Watched {
    servers: BTreeMap<Vec<u8>, Endpoint>,
    changes: WatchStream,
}

impl Discover for Source {
    fn name(&self) -> String {
        self.place.url().to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            loop {
                let Some(watched) = &mut self.watched else {
                    let watched = timeout(ASKED_MAX, watch(&self.place)).await.map_err(|_| too_slow())?;
                    let watched = self.watched.insert(watched.map_err(failed)?);
                    return Ok(watched.list());
                };
                match watched.changes.message().await {
                    Ok(Some(said)) if !said.canceled() => {
                        if watched.apply(&said) {
                            return Ok(watched.list());
                        }
                    }
                    // Compacted: what has been since is not told any more.
                    Ok(Some(said)) if said.compact_revision() > 0 => self.watched = None,
                    Ok(said) => {
                        self.watched = None;
                        let why = said.as_ref().map_or("it was closed", WatchResponse::cancel_reason);
                        return Err(failed(etcd_client::Error::WatchError(why.to_owned())));
                    }
                    Err(cause) => {
                        self.watched = None;
                        return Err(failed(cause));
                    }
                }
            }
        })
    }

    /// As long as a server may take to say again that it is there.
    fn ttl(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Reads everything, and watches from the next change on.
async fn watch(place: &Place) -> Result<Watched, etcd_client::Error> {
    let mut client = place.connect().await?;
    let limit = i64::try_from(ENDPOINTS_MAX).unwrap_or(i64::MAX);
    let options = GetOptions::new().with_prefix().with_limit(limit);
    let found = client.get(place.prefix.as_str(), Some(options)).await?;
    if found.more() {
        tracing::warn!(source = place.url(), limit, "servers are left out: too many");
    }
    let read_at = found.header().map_or(0, etcd_client::ResponseHeader::revision);
    let options = WatchOptions::new().with_prefix().with_start_revision(read_at + 1);
    let changes = client.watch(place.prefix.as_str(), Some(options)).await?;
    let mut watched = Watched { servers: BTreeMap::new(), changes };
    for found in found.kvs() {
        watched.put(found.key(), found.value());
    }
    Ok(watched)
}

impl Watched {
    fn list(&self) -> Vec<Endpoint> {
        self.servers.values().cloned().collect()
    }

    /// Takes changes, and says whether there were any.
    fn apply(&mut self, said: &WatchResponse) -> bool {
        for event in said.events() {
            let Some(found) = event.kv() else { continue };
            match event.event_type() {
                EventType::Put => self.put(found.key(), found.value()),
                EventType::Delete => drop(self.servers.remove(found.key())),
            }
        }
        !said.events().is_empty()
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        if self.servers.len() >= ENDPOINTS_MAX && !self.servers.contains_key(key) {
            return;
        }
        match entry::read(value) {
            Ok(endpoint) => drop(self.servers.insert(key.to_vec(), endpoint)),
            Err(why) => {
                let shown = String::from_utf8_lossy(key);
                let shown: String = shown.chars().take(128).flat_map(char::escape_debug).collect();
                tracing::warn!(key = shown, why, "a value in etcd is no server");
                // It is not what it was, in any case.
                self.servers.remove(key);
            }
        }
    }
}
