//! Which etcd, and what in it: the URL of both banks.

use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use ferrywire::{Code, Error, Result};

/// The members of a cluster, and a prefix in it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    url: String,
    members: Vec<String>,
    /// With a slash at its end: what begins with a prefix by letters only is another one's.
    pub(crate) prefix: String,
}

impl Place {
    /// Reads `etcd://host:port[,host:port]/prefix`; `None` if it is another URL.
    pub(crate) fn read(url: &str) -> Option<Result<Self>> {
        let rest = url.strip_prefix("etcd:")?;
        let refused = || {
            let url = url.chars().take(128).flat_map(char::escape_debug).collect::<String>();
            let why = format!("`{url}` is no place in etcd: expected etcd://host:port[,host:port]/prefix");
            Err(Error::new(Code::InvalidArgument, why).not_executed())
        };
        let Some((members, prefix)) = rest.strip_prefix("//").and_then(|rest| rest.split_once('/')) else {
            return Some(refused());
        };
        let prefix = prefix.trim_end_matches('/');
        let is_plain =
            |text: &str| !text.contains(|letter: char| letter.is_control() || letter.is_whitespace());
        let has_port = |member: &str| {
            let parts = member.rsplit_once(':');
            parts.is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains('@') && port.parse::<u16>().is_ok()
            })
        };
        let members: Vec<String> = members.split(',').map(str::to_owned).collect();
        let is_well_formed = !prefix.is_empty()
            && is_plain(prefix)
            && url.len() <= URL_LEN_MAX
            && members.iter().all(|member| is_plain(member) && has_port(member));
        if !is_well_formed {
            return Some(refused());
        }
        Some(Ok(Self { url: url.to_owned(), members, prefix: format!("{prefix}/") }))
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A member that can be asked about the way to it.
    pub(crate) fn first_member(&self) -> &str {
        self.members.first().map_or("", String::as_str)
    }

    /// A connection that notices within seconds that the other side is gone, and a member that it has no leader.
    pub(crate) async fn connect(&self) -> Result<Client, etcd_client::Error> {
        let options = ConnectOptions::new()
            .with_connect_timeout(ASKED_MAX)
            .with_keep_alive(Duration::from_secs(5), Duration::from_secs(5))
            .with_keep_alive_while_idle(true)
            .with_require_leader(true);
        let members: Vec<String> = self.members.iter().map(|member| format!("http://{member}")).collect();
        Client::connect(members, Some(options)).await
    }
}

/// What etcd says of a failure, as it may stand in a log.
pub(crate) fn failed(cause: etcd_client::Error) -> Error {
    let why = cause.to_string();
    let why: String = why.chars().take(256).flat_map(char::escape_debug).collect();
    Error::new(Code::Unavailable, format!("etcd: {why}")).not_executed().caused_by(cause)
}

pub(crate) fn too_slow() -> Error {
    Error::new(Code::Unavailable, format!("etcd: no answer within {ASKED_MAX:?}")).not_executed()
}

/// How long etcd may take for an answer.
pub(crate) const ASKED_MAX: Duration = Duration::from_secs(5);

/// The longest URL, in bytes.
const URL_LEN_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_members_and_a_prefix() {
        let place = Place::read("etcd://a:1,[::1]:2379/services/arith/").unwrap().unwrap();

        assert_eq!(place.members, ["a:1", "[::1]:2379"]);
        assert_eq!(place.prefix, "services/arith/");
        assert!(Place::read("file:///a").is_none());
    }

    #[test]
    fn a_url_that_is_not_one_is_refused_with_words() {
        for url in [
            "etcd:",
            "etcd://a:1",
            "etcd://a:1/",
            "etcd://a/p",
            "etcd://a:1,/p",
            "etcd://a:99999/p",
            "etcd://u:p@a:1/p",
            "etcd://a:1/p q",
            "etcd://a:1/\u{1b}",
        ] {
            let error = Place::read(url).unwrap().unwrap_err();

            assert_eq!(error.code(), Code::InvalidArgument);
            assert!(error.message().contains("expected etcd://host:port"), "{error}");
            assert!(!error.message().contains(char::is_control), "{error:?}");
        }
    }
}
