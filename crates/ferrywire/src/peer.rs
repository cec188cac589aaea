//! Who is at the other end of a connection.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The other end of a connection, as its transport knows it.
#[derive(Clone)]
pub struct Peer {
    name: Box<str>,
    ip: Option<IpAddr>,
    protocol: Option<&'static str>,
    /// The way back, if the peer can be called; only who opens it knows what it is.
    back: Option<Arc<dyn Any + Send + Sync>>,
}

impl Peer {
    /// A peer at a network address.
    pub fn at(scheme: &str, address: std::net::SocketAddr) -> Self {
        Self {
            name: format!("{scheme}://{address}").into(),
            ip: Some(address.ip()),
            protocol: None,
            back: None,
        }
    }

    /// A peer that only has a name: the other end of a pipe, a unix socket's client.
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), ip: None, protocol: None, back: None }
    }

    /// It is known what it speaks.
    pub(crate) fn speaks(&mut self, protocol: &'static str) {
        self.protocol = Some(protocol);
    }

    /// The same peer, which can be called.
    pub(crate) fn with_back(self, back: Arc<dyn Any + Send + Sync>) -> Self {
        Self { back: Some(back), ..self }
    }

    /// The way back, if the peer can be called.
    pub(crate) fn back(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.back.as_deref()
    }

    /// The address as text, such as `tcp://127.0.0.1:40312`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What it speaks, as its connection was recognised: `native`, `net/rpc`, `gomorpc`, `WgRPC`, `GeeRPC`,
    /// `JSON-RPC`, `HTTP`. What a client calls has none, nor has a caller that has said nothing yet.
    pub fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// The network address, if the peer is reached over a network.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("name", &self.name)
            .field("ip", &self.ip)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
