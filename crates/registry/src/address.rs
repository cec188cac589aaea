//! Addresses as they are registered: a host and a port that somebody can dial, and who may name them.

use std::net::{IpAddr, SocketAddr};

use ferrywire::transport::{Address, Place};

/// A registered address, in parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    address: Address,
    host: String,
    port: u16,
}

impl Named {
    /// What an address says, as `tcp://host:port` or in the family's spelling.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn read(text: &str, name_len_max: usize) -> Result<Self, String> {
        if text.len() > name_len_max.saturating_add(64) {
            return Err(format!("an address of {} bytes is too long", text.len()));
        }
        // Commas separate addresses in the family's lists, and whatever is no visible letter ends a header.
        if text.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || byte == b',') {
            return Err("an address has neither commas, spaces nor control characters".to_owned());
        }
        let address: Address = text.parse().map_err(|error: ferrywire::Error| error.message().to_owned())?;
        let Place::Tcp(place) = address.place() else {
            return Err(format!("`{text}` is not reached over a network: expected tcp://host:port"));
        };
        let read = place.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = read.filter(|(_, port)| *port > 0) else {
            return Err(format!("`{text}` has no port that can be dialled"));
        };
        let is_numbers = ip_of(host).is_some();
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        // Go writes an empty host for "everywhere".
        let is_name = host.len() <= name_len_max && host.bytes().all(is_letter);
        if !is_numbers && !is_name {
            return Err(format!("`{text}` has no host that can be dialled"));
        }
        let host = host.to_owned();
        Ok(Self { address, host, port })
    }

    /// How entries are known.
    pub(crate) fn key(&self) -> String {
        self.address.to_string()
    }

    /// Whether it means "on every address of this machine".
    pub(crate) fn is_everywhere(&self) -> bool {
        self.host.is_empty() || ip_of(&self.host).is_some_and(|ip| ip.is_unspecified())
    }

    /// Whether it can only be meant for the machine itself.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.is_everywhere()
            || ip_of(&self.host).is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether it is the machine with this network address.
    pub(crate) fn is_at(&self, ip: IpAddr) -> bool {
        ip_of(&self.host).is_some_and(|own| own.to_canonical() == ip.to_canonical())
    }

    /// The same port on the machine with this network address.
    pub(crate) fn moved_to(&self, ip: IpAddr) -> Self {
        let place = SocketAddr::new(ip.to_canonical(), self.port).to_string();
        let text = match self.address.tunnel() {
            Some(path) => format!("http://{place}{path}"),
            None => format!("tcp://{place}"),
        };
        let address = text.parse().expect("a host and a port are an address");
        let host = place.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
        Self { address, host, port: self.port }
    }

    /// The same port on a host, which may be a name, or an address in numbers in brackets or not.
    ///
    /// # Errors
    ///
    /// What is wrong with the host, in words.
    pub(crate) fn moved_to_host(&self, host: &str) -> Result<Self, String> {
        if let Some(ip) = ip_of(host).or_else(|| host.parse().ok()) {
            return Ok(self.moved_to(ip));
        }
        let (scheme, path) = self.address.tunnel().map_or(("tcp", ""), |path| ("http", path));
        Self::read(&format!("{scheme}://{host}:{}{path}", self.port), host.len())
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn into_address(self) -> Address {
        self.address
    }
}

/// A host that is an address in numbers, in brackets or not.
fn ip_of(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().filter(IpAddr::is_ipv6),
        None => host.parse().ok().filter(IpAddr::is_ipv4),
    }
}

/// How the family spells an address that was registered as `key`.
pub(crate) fn family_spelling(key: &str) -> String {
    match key.split_once("://") {
        // Their clients know one path, and take no other.
        Some(("http", rest)) => format!("http@{}", rest.split('/').next().unwrap_or(rest)),
        Some((scheme, rest)) => format!("{scheme}@{rest}"),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_and_ports() {
        for (text, key, family) in [
            ("tcp@127.0.0.1:4000", "tcp://127.0.0.1:4000", "tcp@127.0.0.1:4000"),
            ("tcp@[::]:4000", "tcp://[::]:4000", "tcp@[::]:4000"),
            ("tcp://rpc.example.org:1", "tcp://rpc.example.org:1", "tcp@rpc.example.org:1"),
            ("http@h:80", "http://h:80", "http@h:80"),
            ("http://h:80/_goRPC_", "http://h:80/_goRPC_", "http@h:80"),
            ("tcp@:4000", "tcp://:4000", "tcp@:4000"),
        ] {
            let named = Named::read(text, 255).unwrap();

            assert_eq!((named.key().as_str(), family_spelling(&named.key()).as_str()), (key, family));
        }
    }

    #[test]
    fn what_nobody_can_dial_is_refused_with_words() {
        for text in [
            "",
            "h:1",
            "tcp@h",
            "tcp@h:",
            "tcp@h:0",
            "tcp@h:65536",
            "tcp@h:1,tcp@h:2",
            "tcp@h:1\r\nX: y",
            "tcp@h :1",
            "tcp@\u{7f}h:1",
            "tcp@é:1",
            "tcp@[::1:1",
            "tcp@::1:1",
            "tcp@a/b:1",
            "tcp@user@h:1",
            "unix@/a.sock",
            "memory://a",
            "ftp@h:1",
            &format!("tcp@{}:1", "h".repeat(256)),
            &format!("tcp@{}:1", "h".repeat(70_000)),
        ] {
            assert!(!Named::read(text, 255).unwrap_err().is_empty(), "{text}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_where_it_comes_from() {
        for (text, moved) in [
            ("tcp@[::]:4000", "tcp://10.0.0.9:4000"),
            ("tcp@0.0.0.0:4000", "tcp://10.0.0.9:4000"),
            ("http@:4000", "http://10.0.0.9:4000"),
        ] {
            let named = Named::read(text, 255).unwrap();

            assert!(named.is_everywhere() && named.is_local());
            let moved_to = named.moved_to("::ffff:10.0.0.9".parse().unwrap());
            assert_eq!(moved_to.key(), moved);
            assert!(moved_to.is_at("10.0.0.9".parse().unwrap()) && !moved_to.is_local());
        }
        let named = Named::read("tcp@[::]:1", 255).unwrap();
        assert_eq!(named.moved_to_host("[fe80::1]").unwrap().key(), "tcp://[fe80::1]:1");
        assert_eq!(named.moved_to_host("a.test").unwrap().key(), "tcp://a.test:1");
        for host in ["a b", "a:1", "a/b", "x,y", "ü"] {
            assert!(named.moved_to_host(host).is_err(), "{host}");
        }
    }
}
