//! The connections of a server: who is admitted, who has to make room, and how all are told to end.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use super::bell::{Bell, Order};
use crate::limits::Limits;
use crate::peer::Peer;
use crate::sync::{Mutex, MutexGuard};

/// All connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    all: HashMap<u64, Arc<Bell>>,
    /// Those that have not said what they speak; the first is the oldest.
    greeting: BTreeMap<u64, Arc<Bell>>,
    by_ip: HashMap<IpAddr, usize>,
    /// What every new connection is told first.
    order: Option<Order>,
}

/// A connection's place among the others, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    connections: Arc<Connections>,
    id: u64,
    ip: Option<IpAddr>,
    /// The connection's bell.
    pub(crate) bell: Arc<Bell>,
}

impl Connections {
    fn state(&self) -> MutexGuard<'_, State> {
        // Counts and maps change together under this lock, by code that cannot panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection that has not said what it speaks, or says which limit is in the way.
    ///
    /// Where too many have not said it, the oldest of them is told to stop.
    pub(crate) fn admit(self: &Arc<Self>, peer: &Peer, limits: &Limits) -> Result<Admitted, &'static str> {
        let mut state = self.state();
        if state.all.len() >= limits.connections_max {
            return Err("connections_max");
        }
        if let Some(ip) = peer.ip() {
            let count = state.by_ip.entry(ip).or_default();
            if *count >= limits.connections_per_address_max {
                return Err("connections_per_address_max");
            }
            *count += 1;
        }
        if state.greeting.len() >= limits.handshakes_max
            && let Some((_, oldest)) = state.greeting.pop_first()
        {
            oldest.order(Order::Stop);
        }
        let id = state.next;
        state.next += 1;
        let bell = Bell::new();
        if let Some(order) = state.order {
            bell.order(order);
        }
        state.all.insert(id, bell.clone());
        state.greeting.insert(id, bell.clone());
        Ok(Admitted { connections: self.clone(), id, ip: peer.ip(), bell })
    }

    /// Tells all connections, those to come included.
    pub(crate) fn order(&self, order: Order) {
        let mut state = self.state();
        state.order = Some(order);
        for bell in state.all.values() {
            bell.order(order);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.state().all.len()
    }
}

impl Admitted {
    /// The connection has said what it speaks.
    pub(crate) fn has_greeted(&self) {
        self.connections.state().greeting.remove(&self.id);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.all.remove(&self.id);
        state.greeting.remove(&self.id);
        if let Some(ip) = self.ip
            && let Some(count) = state.by_ip.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                state.by_ip.remove(&ip);
            }
        }
    }
}
