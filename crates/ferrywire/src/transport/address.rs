//! Addresses: `scheme://place`, and the spellings that Go programs use.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Code, Error, Phase};

/// Where a server is: a transport, a place in it, and for HTTP a path.
///
/// | text | means |
/// | --- | --- |
/// | `tcp://127.0.0.1:7001`, `tcp@127.0.0.1:7001` | TCP |
/// | `unix:///run/a.sock`, `unix@/run/a.sock` | a unix socket |
/// | `http://127.0.0.1:7001/_goRPC_`, `http@127.0.0.1:7001/_goRPC_` | HTTP `CONNECT` over TCP; without a path, the protocol's own |
/// | `http+unix:///run/a.sock#/_goRPC_` | HTTP `CONNECT` over a unix socket |
/// | `memory://name` | inside the process |
///
/// For a client that speaks HTTP itself, `http://` and `http+unix://` are the same places without a tunnel, and the path is
/// that of its requests, or what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    place: Place,
    tunnel: Option<String>,
}

/// A place that a transport can reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// `host:port`, which may need resolving.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// A name inside the process.
    Memory(String),
}

impl Address {
    /// The place, without what is said over it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The path to ask for over HTTP, if it is an address of that; empty for the protocol's own path.
    pub fn tunnel(&self) -> Option<&str> {
        self.tunnel.as_deref()
    }

    /// `0.0.0.0`, `[::]` and no host at all, which stand for every address of a machine, become this machine's own: that is what Go
    /// makes of them when it dials.
    pub(crate) fn be_on_this_machine_if_unspecified(&mut self) {
        let Place::Tcp(place) = &mut self.place else { return };
        let Some((host, port)) = place.rsplit_once(':') else { return };
        let loopback = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) if address.is_unspecified() => "[::1]",
            Ok(address) if address.to_canonical().is_unspecified() => "127.0.0.1",
            Err(_) if host.is_empty() => "localhost",
            _ => return,
        };
        *place = format!("{loopback}:{port}");
    }

    /// The address of a TCP socket.
    pub fn tcp(address: std::net::SocketAddr) -> Self {
        Self { place: Place::Tcp(address.to_string()), tunnel: None }
    }

    /// The address of a unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Unix(path.into()), tunnel: None }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |why: &str| {
            let text = crate::error::shown(text.as_bytes());
            Error::new(
                Code::InvalidArgument,
                format!("`{text}` is not an address: {why}, such as tcp://127.0.0.1:4000"),
            )
            .in_phase(Phase::Resolve)
            .not_executed()
        };
        let (scheme, rest) = match (text.split_once("://"), text.split_once('@')) {
            (Some(parts), _) => parts,
            (None, Some(parts)) => parts,
            (None, None) => return Err(refused("expected scheme://place")),
        };
        let (place, tunnel) = match scheme {
            "tcp" => (Place::Tcp(rest.to_owned()), None),
            "unix" => (Place::Unix(rest.into()), None),
            "memory" => (Place::Memory(rest.to_owned()), None),
            "http" => {
                let (host, path) = match rest.find('/') {
                    Some(slash) => rest.split_at(slash),
                    None => (rest, ""),
                };
                (Place::Tcp(host.to_owned()), Some(path.to_owned()))
            }
            "http+unix" => {
                let (socket, path) = rest.split_once('#').unwrap_or((rest, ""));
                (Place::Unix(socket.into()), Some(path.to_owned()))
            }
            _ => {
                return Err(refused("expected tcp, unix, http, http+unix or memory as its scheme"));
            }
        };
        match &place {
            Place::Tcp(host) => {
                let port = host.rsplit_once(':').map(|(_, port)| port);
                if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                    return Err(refused("expected a port after the host"));
                }
            }
            Place::Unix(path) if path.as_os_str().is_empty() => {
                return Err(refused("expected the path of a socket"));
            }
            Place::Memory(name) if name.is_empty() => return Err(refused("expected a name")),
            Place::Unix(_) | Place::Memory(_) => {}
        }
        if tunnel.as_ref().is_some_and(|path| path.bytes().any(|byte| byte <= b' ' || byte == 0x7f)) {
            return Err(refused("expected a path without spaces"));
        }
        Ok(Self { place, tunnel })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.tunnel) {
            (Place::Tcp(host), None) => write!(f, "tcp://{host}"),
            (Place::Tcp(host), Some(path)) => write!(f, "http://{host}{path}"),
            (Place::Unix(path), None) => write!(f, "unix://{}", path.display()),
            (Place::Unix(path), Some(tunnel)) if tunnel.is_empty() => {
                write!(f, "http+unix://{}", path.display())
            }
            (Place::Unix(path), Some(tunnel)) => {
                write!(f, "http+unix://{}#{tunnel}", path.display())
            }
            (Place::Memory(name), _) => write!(f, "memory://{name}"),
        }
    }
}

/// What can be asked to be an address: an [`Address`], or text that is one.
pub trait IntoAddress {
    /// The address.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if the text is none.
    fn into_address(self) -> Result<Address, Error>;
}

impl IntoAddress for Address {
    fn into_address(self) -> Result<Address, Error> {
        Ok(self)
    }
}

impl IntoAddress for &Address {
    fn into_address(self) -> Result<Address, Error> {
        Ok(self.clone())
    }
}

impl IntoAddress for &str {
    fn into_address(self) -> Result<Address, Error> {
        self.parse()
    }
}

impl IntoAddress for String {
    fn into_address(self) -> Result<Address, Error> {
        self.parse()
    }
}

impl IntoAddress for &String {
    fn into_address(self) -> Result<Address, Error> {
        self.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_spellings_name_the_same_places() {
        for (ours, theirs) in [
            ("tcp://127.0.0.1:7001", "tcp@127.0.0.1:7001"),
            ("unix:///tmp/a.sock", "unix@/tmp/a.sock"),
            ("http://127.0.0.1:7001", "http@127.0.0.1:7001"),
            ("http://[::1]:7001/rpc", "http@[::1]:7001/rpc"),
        ] {
            let address: Address = ours.parse().unwrap();

            assert_eq!(theirs.parse::<Address>().unwrap(), address);
            assert_eq!(address.to_string(), ours);
        }
    }

    #[test]
    fn an_address_for_all_of_a_machine_is_on_this_one() {
        for (told, dialled) in [
            ("tcp://[::]:7001", "tcp://[::1]:7001"),
            ("tcp://0.0.0.0:7001", "tcp://127.0.0.1:7001"),
            ("tcp://[::ffff:0.0.0.0]:7001", "tcp://127.0.0.1:7001"),
            ("tcp://:7001", "tcp://localhost:7001"),
            ("http://[::]:7001/_goRPC_", "http://[::1]:7001/_goRPC_"),
            ("tcp://10.0.0.1:7001", "tcp://10.0.0.1:7001"),
            ("tcp://example.org:7001", "tcp://example.org:7001"),
            ("unix:///run/0.0.0.0:1", "unix:///run/0.0.0.0:1"),
        ] {
            let mut address: Address = told.parse().unwrap();

            address.be_on_this_machine_if_unspecified();

            assert_eq!(address.to_string(), dialled);
        }
    }

    /// Defect 24: a short address was sliced out of bounds.
    #[test]
    fn a_short_address_is_refused_with_words() {
        for text in ["", ":", ":8080", "tcp", "tcp:", "tcp:/", "tcp://", "tcp://x", "unix://", "@", "://"] {
            let error = text.parse::<Address>().unwrap_err().to_string();

            assert!(error.contains("is not an address: expected"), "{text}: {error}");
        }
    }
}
