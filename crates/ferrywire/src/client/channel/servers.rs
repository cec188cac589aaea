//! What a client knows of its servers, to be looked at.

use std::collections::HashMap;
use std::time::Duration;

use super::{Arranged, Hub};
use crate::discovery::{Endpoint, Snapshot};

/// What a client knows of the servers that it discovered; see [`Client::servers`](crate::Client::servers).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Servers {
    /// Where the list comes from, and how old it is.
    pub source: Snapshot,
    /// The list, in its order.
    pub servers: Vec<ServerStatus>,
}

/// What a client knows of one of its servers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerStatus {
    /// What the source says of it.
    pub endpoint: Endpoint,
    /// Whether there is a connection to it.
    pub is_connected: bool,
    /// Whether it could not be connected to, and is dialled again.
    pub is_down: bool,
    /// Whether it is left alone for a while because calls failed.
    pub is_ejected: bool,
    /// How many calls it was sent since it came into the list.
    pub calls: u64,
    /// How many of them it did not answer, and how often it could not be connected to.
    pub failures: u32,
    /// How many calls it has not answered yet.
    pub pending: u32,
    /// How long it takes lately; zero as long as that is not known.
    pub latency: Duration,
}

impl Hub {
    pub(in crate::client) fn servers(&self) -> Servers {
        let known = self.known();
        let statuses = |arranged: &Arranged| {
            let members: HashMap<_, _> = arranged.members().map(|member| (&member.address, member)).collect();
            let statuses = arranged.endpoints.iter().filter_map(|endpoint| {
                let member = members.get(&endpoint.address)?;
                let record = &member.record;
                let load = record.load.look(self.tally.nanos());
                Some(ServerStatus {
                    endpoint: endpoint.clone(),
                    is_connected: member.current().is_some(),
                    is_down: record.is_down(),
                    is_ejected: record.is_ejected(),
                    calls: record.load.calls(),
                    failures: record.failures(),
                    pending: load.pending,
                    latency: load.latency,
                })
            });
            statuses.collect()
        };
        let servers = known.as_deref().map(statuses).unwrap_or_default();
        Servers { source: self.status.snapshot(), servers }
    }
}
