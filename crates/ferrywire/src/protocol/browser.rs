//! Web pages are no callers: which requests of HTTP a browser has sent, and which of those are served all the same.
//!
//! A page of any site can make the browser that shows it send requests to ports of the same machine. What it cannot
//! do is to leave out what a browser adds.

/// What is served although it comes by another name, or from a page.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Names by which the server is reached, beside `localhost` and addresses in numbers: no page can make a browser
    /// believe that it has come to one of these.
    pub hosts: Vec<String>,
    /// Sites whose pages may call, such as `https://app.example.org`.
    pub origins: Vec<String>,
}

impl Allowed {
    /// Whether a `Host` cannot be a name that somebody else's DNS has pointed at us.
    pub fn is_own_host(&self, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else {
            return false;
        };
        let name = without_port(host);
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || literal.parse::<std::net::IpAddr>().is_ok()
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether the pages of a site may call.
    pub fn is_allowed_origin(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin))
    }
}

/// The host of `host:port`.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Headers that only browsers send: whoever sends them is a web page, not an RPC client.
pub const HEADERS: [&str; 3] = ["origin", "referer", "cookie"];

/// Where a request was made, as a browser says it of every request; `none` if a person has typed the address.
pub const SITE: &str = "sec-fetch-site";

/// How a request was made, which browsers say beside [`SITE`].
pub const MODE: &str = "sec-fetch-mode";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_ours_only_if_somebody_said_so() {
        let allowed = Allowed { hosts: vec!["rpc.example.org".to_owned()], origins: Vec::new() };

        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "10.1.2.3:7001",
            "[::1]:7001",
            "[::1]",
            "rpc.example.org",
            "RPC.example.org:7001",
        ] {
            assert!(allowed.is_own_host(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "127.0.0.1.evil.test",
            "localhost.evil.test:80",
            "a.rpc.example.org",
            "rpc.example.org.evil.test",
            "localhost@evil.test",
            "x:localhost",
        ] {
            assert!(!allowed.is_own_host(host.as_bytes()), "{host}");
        }
    }
}
