//! The registry's own API, in JSON: what a server says of itself, and lists of servers.
//!
//! | request | is |
//! | --- | --- |
//! | `POST /registry/v1/servers` | a server is here, or still here: [`Said`] → [`Entered`] |
//! | `DELETE /registry/v1/servers?address=A` | it is gone: → [`Entered`], or 404 |
//! | `GET /registry/v1/servers[?service=NAME]` | a list: → [`List`] |
//! | the same with `after=VERSION&epoch=EPOCH&wait_ms=30000` | that list once it is of another version, or as it is after the wait |

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use ferrywire::discovery::Health;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::address::Named;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::store::{Entry, Listed};

/// Where the API is.
pub(crate) const ROOT: &str = "/registry/v1";

/// Where servers are.
pub(crate) const SERVERS: &str = "/registry/v1/servers";

/// What a server says of itself. All but its address may be left out.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Said<'s> {
    pub(crate) address: Cow<'s, str>,
    #[serde(default)]
    pub(crate) services: Cow<'s, [String]>,
    #[serde(default)]
    pub(crate) weight: Option<u32>,
    #[serde(default)]
    pub(crate) zone: Cow<'s, str>,
    #[serde(default)]
    pub(crate) metadata: Cow<'s, BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) health: Condition,
    #[serde(default)]
    pub(crate) ttl_ms: Option<u64>,
}

/// How a server's health is spelled.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Condition {
    #[default]
    Serving,
    Draining,
}

/// What is answered to a server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entered {
    pub(crate) epoch: String,
    pub(crate) version: u64,
    /// For how long it is listed unless it beats again.
    #[serde(default)]
    pub(crate) ttl_ms: u64,
}

/// A list of servers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct List<'l> {
    /// Versions of another epoch mean nothing.
    pub(crate) epoch: Cow<'l, str>,
    /// Of which version the list is.
    pub(crate) version: u64,
    pub(crate) servers: Vec<Told<'l>>,
}

/// A server in a list.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Told<'t> {
    #[serde(flatten)]
    pub(crate) said: Said<'t>,
    /// How long ago it beat last.
    #[serde(default)]
    pub(crate) age_ms: u64,
}

impl From<Health> for Condition {
    fn from(health: Health) -> Self {
        match health {
            Health::Serving => Self::Serving,
            Health::Draining => Self::Draining,
        }
    }
}

impl From<Condition> for Health {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Serving => Self::Serving,
            Condition::Draining => Self::Draining,
        }
    }
}

impl Said<'_> {
    /// The same, within what may be listed.
    ///
    /// # Errors
    ///
    /// What is not, in words.
    pub(crate) fn checked(self, settings: &Settings) -> Result<(Named, Listed), Refusal> {
        let named = Named::read(&self.address, settings.name_len_max).map_err(Refusal::invalid)?;
        let most = settings.services_max;
        if self.services.len() > most {
            return Err(Refusal::invalid(format!(
                "{} services of one server: at most {most}",
                self.services.len()
            )));
        }
        for name in self.services.iter() {
            check_name("a service", name, settings.name_len_max)?;
            if name.is_empty() {
                return Err(Refusal::invalid("a service has a name"));
            }
        }
        check_len("names of services", self.services.iter().map(String::len).sum(), settings.names_len_max)?;
        check_name("a zone", &self.zone, settings.name_len_max)?;
        let metadata_len = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        check_len("metadata", metadata_len, settings.metadata_len_max)?;
        if self.metadata.iter().any(|(name, value)| has_control(name) || has_control(value)) {
            return Err(Refusal::invalid("metadata has control characters"));
        }
        let services: BTreeSet<String> = self.services.into_owned().into_iter().collect();
        let ttl = self.ttl_ms.map_or(settings.ttl, Duration::from_millis);
        let listed = Listed {
            services: services.into_iter().collect(),
            weight: self.weight.unwrap_or(1),
            zone: self.zone.into_owned(),
            metadata: self.metadata.into_owned(),
            health: self.health.into(),
            ttl: ttl.min(settings.ttl_max).max(settings.ttl_min),
        };
        Ok((named, listed))
    }
}

fn check_name(what: &str, name: &str, len_max: usize) -> Result<(), Refusal> {
    if name.len() > len_max {
        return Err(Refusal::invalid(format!(
            "the name of {what} has {} bytes: at most {len_max}",
            name.len()
        )));
    }
    if has_control(name) {
        return Err(Refusal::invalid(format!("the name of {what} has control characters")));
    }
    Ok(())
}

pub(crate) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn check_len(what: &str, len: usize, most: usize) -> Result<(), Refusal> {
    if len <= most {
        return Ok(());
    }
    Err(Refusal::invalid(format!("{len} bytes of {what}: at most {most}")))
}

/// Entries as they are said.
pub(crate) fn said<'e>(address: &'e str, listed: &'e Listed) -> Said<'e> {
    Said {
        address: address.into(),
        services: listed.services.as_slice().into(),
        weight: Some(listed.weight),
        zone: listed.zone.as_str().into(),
        metadata: Cow::Borrowed(&listed.metadata),
        health: listed.health.into(),
        ttl_ms: Some(millis(listed.ttl)),
    }
}

/// A list of entries in JSON.
pub(crate) fn list<'e>(
    epoch: &str,
    version: u64,
    entries: impl Iterator<Item = (&'e str, &'e Entry)>,
    now: Instant,
) -> Bytes {
    let told = |(address, entry): (&'e str, &'e Entry)| Told {
        said: said(address, &entry.listed),
        age_ms: millis(now.saturating_duration_since(entry.beat)),
    };
    let list = List { epoch: epoch.into(), version, servers: entries.map(told).collect() };
    serde_json::to_vec(&list).expect("texts and numbers are JSON").into()
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
