//! Who is at the other end of a connection.

use std::fmt;
use std::net::IpAddr;

/// The other end of a connection, as its transport knows it.
#[derive(Clone, Debug)]
pub struct Peer {
    name: Box<str>,
    ip: Option<IpAddr>,
}

impl Peer {
    /// A peer at a network address.
    pub fn at(scheme: &str, address: std::net::SocketAddr) -> Self {
        Self { name: format!("{scheme}://{address}").into(), ip: Some(address.ip()) }
    }

    /// A peer that only has a name: the other end of a pipe, a unix socket's client.
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), ip: None }
    }

    /// The address as text, such as `tcp://127.0.0.1:40312`.
    pub fn as_str(&self) -> &str {
        &self.name
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
