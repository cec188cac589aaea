//! What stands below a prefix for one server: JSON.

use std::collections::BTreeMap;

use ferrywire::discovery::{Endpoint, Health};
use serde::{Deserialize, Serialize};

/// A server as its value says it. What else stands there is passed over.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    health: Word,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    #[default]
    Serving,
    Draining,
}

impl Entry {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self {
            address: endpoint.address.to_string(),
            weight: endpoint.weight,
            zone: endpoint.zone.clone(),
            metadata: endpoint.metadata.clone(),
            health: match endpoint.health {
                Health::Serving => Word::Serving,
                Health::Draining => Word::Draining,
            },
        }
    }
}

/// The server that `value` says.
pub(crate) fn read(value: &[u8]) -> Result<Endpoint, String> {
    if value.len() > VALUE_LEN_MAX {
        return Err(format!("{} bytes are over the limit of {VALUE_LEN_MAX}", value.len()));
    }
    let entry: Entry = serde_json::from_slice(value).map_err(|cause| shown(&cause.to_string()))?;
    let words = entry.metadata.iter().flat_map(|(name, value)| [name, value]);
    if words.chain([&entry.address, &entry.zone]).any(|text| text.contains(char::is_control)) {
        return Err("what it says holds control characters".to_owned());
    }
    let address = entry.address.parse().map_err(|error: ferrywire::Error| error.message().to_owned())?;
    let mut endpoint = Endpoint::new(address).with_weight(entry.weight).in_zone(entry.zone);
    endpoint.metadata = entry.metadata;
    Ok(match entry.health {
        Word::Serving => endpoint,
        Word::Draining => endpoint.with_health(Health::Draining),
    })
}

/// Somebody else's words as they may stand in a log.
fn shown(text: &str) -> String {
    text.chars().take(256).flat_map(char::escape_debug).collect()
}

fn one() -> u32 {
    1
}

/// The longest value that is read, in bytes.
const VALUE_LEN_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_all_but_the_address_may_be_left_out() {
        let full = Endpoint::new("tcp://a:1".parse().unwrap())
            .with_weight(7)
            .in_zone("eu")
            .with_health(Health::Draining)
            .with_metadata("version", "3");
        let written = serde_json::to_vec(&Entry::of(&full)).unwrap();

        assert_eq!(read(&written), Ok(full));
        let plain = read(br#"{"address":"tcp@a:1","future":[1]}"#);
        assert_eq!(plain, Ok(Endpoint::new("tcp://a:1".parse().unwrap())));
    }

    #[test]
    fn what_is_no_server_is_refused_with_words() {
        for (value, words) in [
            (&b""[..], "EOF"),
            (b"tcp://a:1", "expected"),
            (b"{}", "missing field `address`"),
            (br#"{"address":"a"}"#, "is not an address"),
            (br#"{"address":"tcp://a\n:1"}"#, "control characters"),
            (br#"{"address":"tcp://a:1","metadata":{"a":"\u001b"}}"#, "control characters"),
            (br#"{"address":"tcp://a:1","health":"\u001b"}"#, r"unknown variant `\u{1b}`"),
            (br#"{"address":"tcp://a:1","weight":-1}"#, "invalid value"),
            (br#"{"address":"tcp://a:1","health":"dead"}"#, "unknown variant `dead`"),
            (&[b' '; (64 << 10) + 1], "over the limit"),
        ] {
            let why = read(value).unwrap_err();

            assert!(why.contains(words), "{why}");
        }
    }
}
