//! The servers are found by etcd.

use ferrywire::server;
use ferrywire::{Result, client};

/// A client that knows etcd.
pub(crate) fn known(builder: client::Builder) -> client::Builder {
    builder.scheme(ferrywire_etcd::Etcd)
}

/// A server that is known to etcd.
pub(crate) fn announced(builder: server::Builder, url: &str) -> Result<server::Builder> {
    Ok(builder.announce(ferrywire_etcd::Announcer::to(url)?))
}
