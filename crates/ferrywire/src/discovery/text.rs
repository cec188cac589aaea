//! Servers as people write them: an address, and what else is said of it.

use super::{ENDPOINTS_MAX, Endpoint, Health};
use crate::error::{Code, Error, Phase, Result, shown};

/// The server that `text` says: an address, whose `tcp://` may be left out, and options behind `;` or spaces.
pub(super) fn endpoint(text: &str) -> Result<Endpoint> {
    if text.len() > ENTRY_LEN_MAX {
        return Err(ill_formed(format!(
            "a server of {} bytes is over the limit of {ENTRY_LEN_MAX}",
            text.len()
        )));
    }
    if text.contains(|letter: char| letter.is_control() && letter != '\t') {
        return Err(ill_formed(format!("`{}` holds control characters", shown(text.as_bytes()))));
    }
    let mut parts = text.split([';', ' ', '\t']).filter(|part| !part.is_empty());
    let Some(address) = parts.next() else {
        return Err(ill_formed("there is nothing where an address was expected"));
    };
    let has_scheme = address.contains("://") || address.contains('@');
    let address = if has_scheme { address.parse() } else { format!("tcp://{address}").parse() };
    parts.try_fold(Endpoint::new(address?), with_option)
}

/// The servers of `text`, which are separated by commas.
pub(super) fn endpoints(text: &str) -> Result<Vec<Endpoint>> {
    let mut list = Vec::new();
    for entry in text.split(',') {
        if list.len() == ENDPOINTS_MAX {
            return Err(ill_formed(format!("more than {ENDPOINTS_MAX} servers")));
        }
        list.push(endpoint(entry)?);
    }
    Ok(list)
}

/// The servers of `text`, one a line; what stands behind `#` is for people.
pub(super) fn lines(text: &str) -> Result<Vec<Endpoint>> {
    let mut list = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // A `#` inside of a word belongs to an address.
        let comment = line.match_indices('#').find(|(at, _)| {
            line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t', ';']))
        });
        let entry = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line).trim_matches([' ', '\t']);
        if entry.is_empty() {
            continue;
        }
        let of_line = |error: Error| {
            let why = format!("line {}: {}", number + 1, error.message());
            ill_formed(why).caused_by(error)
        };
        if list.len() == ENDPOINTS_MAX {
            return Err(of_line(ill_formed(format!("more than {ENDPOINTS_MAX} servers"))));
        }
        list.push(endpoint(entry).map_err(of_line)?);
    }
    Ok(list)
}

/// What is wrong with what somebody wrote.
pub(super) fn ill_formed(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidArgument, why).in_phase(Phase::Resolve).not_executed()
}

fn with_option(endpoint: Endpoint, option: &str) -> Result<Endpoint> {
    let refused = |expected: &str| {
        Err(ill_formed(format!("`{}` is not an option: expected {expected}", shown(option.as_bytes()))))
    };
    let Some((name, value)) = option.split_once('=') else {
        return refused("name=value, such as weight=3");
    };
    match name {
        "weight" => match value.parse() {
            Ok(weight) => Ok(endpoint.with_weight(weight)),
            Err(_) => refused("a whole number up to 4294967295"),
        },
        "zone" => Ok(endpoint.in_zone(value)),
        "health" => match value {
            "serving" => Ok(endpoint.with_health(Health::Serving)),
            "draining" => Ok(endpoint.with_health(Health::Draining)),
            _ => refused("serving or draining"),
        },
        _ => match name.strip_prefix("meta.") {
            Some(name) if !name.is_empty() => Ok(endpoint.with_metadata(name, value)),
            _ => refused("weight, zone, health or meta.NAME"),
        },
    }
}

/// The longest text of one server, in bytes.
const ENTRY_LEN_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_server_is_an_address_and_options() {
        let plain = endpoint("a.example:1").unwrap();
        let full = endpoint("http@b:2/rpc; weight=3;zone=eu  health=draining;meta.version=a=b").unwrap();

        assert_eq!(plain, Endpoint::new("tcp://a.example:1".parse().unwrap()));
        let expected = Endpoint::new("http://b:2/rpc".parse().unwrap())
            .with_weight(3)
            .in_zone("eu")
            .with_health(Health::Draining)
            .with_metadata("version", "a=b");
        assert_eq!(full, expected);
    }

    #[test]
    fn what_is_no_server_is_refused_with_words() {
        for (text, words) in [
            ("", "nothing where an address was expected"),
            (" ; ", "nothing where an address was expected"),
            ("a", "expected a port"),
            ("a:70000", "expected a port"),
            ("ftp://a:1", "as its scheme"),
            ("a:1;weight", "expected name=value"),
            ("a:1;weight=-1", "expected a whole number"),
            ("a:1;weight=4294967296", "expected a whole number"),
            ("a:1;wieght=1", "expected weight, zone, health or meta.NAME"),
            ("a:1;meta.=1", "expected weight, zone, health or meta.NAME"),
            ("a:1;health=dead", "expected serving or draining"),
            ("a\u{0}b:1", "holds control characters"),
            ("a\r\nX-Evil: 1:1", "holds control characters"),
            ("a:1;zone=\u{1b}[2J", "holds control characters"),
        ] {
            let error = endpoint(text).unwrap_err();

            assert!(error.message().contains(words), "{text:?}: {error}");
            assert!(!error.message().contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_server_is_named() {
        let text = "# ours\n\na:1 # the first\n  b:2;weight=2 ; # the second\r\nhttp+unix:///run/s#/rpc\n";
        let list = lines(&text.replace('\r', "")).unwrap();

        assert_eq!(list.len(), 3);
        assert_eq!(list[2].address.to_string(), "http+unix:///run/s#/rpc");
        assert_eq!(lines("a:1\r\nb:2\r\n").unwrap().len(), 2);
        assert!(
            lines("a:1\n\nb\n").unwrap_err().message().starts_with("line 3: `tcp://b` is not an address")
        );
    }

    #[test]
    fn a_list_has_an_end() {
        let entry = "a:1,".repeat(ENDPOINTS_MAX);

        assert!(endpoints(&entry[..entry.len() - 1]).is_ok());
        assert!(endpoints(&format!("{entry}a:1")).unwrap_err().message().contains("more than 10000"));
        assert!(lines(&"a:1\n".repeat(ENDPOINTS_MAX + 1)).unwrap_err().message().contains("line 10001"));
        assert!(endpoint(&"a".repeat(4097)).unwrap_err().message().contains("over the limit"));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in "(\\PC|[\\x00-\\x20,;=@:/#\\[\\]]|tcp://|weight=|:1){0,60}") {
            for list in [endpoints(&text), lines(&text), endpoint(&text).map(|one| vec![one])] {
                match list {
                    Ok(list) => for one in list {
                        prop_assert!(!one.address.to_string().contains(char::is_control));
                        prop_assert!(!one.zone.contains(char::is_control));
                        prop_assert!(one.metadata.values().all(|value| !value.contains(char::is_control)));
                    },
                    Err(error) => prop_assert!(!error.message().contains(char::is_control), "{error:?}"),
                }
            }
        }
    }
}
