//! The Option: a JSON object by which a client says, before anything else, what it speaks and how long methods may run.

use std::time::Duration;

use super::Family;
use super::members::{Extent, Members, behind_space, content};
use crate::codec::Format;
use crate::error::{Code, Error, Result};

/// What an Option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Whose words the client knows.
    pub family: Family,
    /// The codec of headers and bodies.
    pub format: Format,
    /// How many nanoseconds a method may run; 0 if the client does not say.
    pub handle_timeout: i64,
}

const GOB: &[u8] = b"application/gob";
const JSON: &[u8] = b"application/json";

impl Greeting {
    /// Reads a whole Option.
    ///
    /// # Errors
    ///
    /// If it is no JSON, or of nobody in the family, or for a codec that there is not.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let (mut magic, mut codec, mut handle_timeout) = (0, None, 0);
        for member in Members::of(bytes)? {
            let (key, value) = member?;
            // Of two with one name the last counts, as in Go.
            match key.to_ascii_lowercase().as_slice() {
                b"magicnumber" | b"magicnum" => magic = number(value)?,
                b"codectype" | b"codetype" | b"codecformat" => codec = content(value),
                b"handletimeout" => handle_timeout = number(value)?,
                _ => {}
            }
        }
        let family = Family::ALL.into_iter().find(|family| family.magic() == magic).ok_or_else(|| {
            let [wgrpc, geerpc] = Family::ALL.map(Family::magic);
            refused(format!("the magic number {magic}, expected {wgrpc} or {geerpc}"))
        })?;
        // Some programs escape every slash.
        let codec: Vec<u8> =
            codec.unwrap_or_default().iter().copied().filter(|byte| *byte != b'\\').collect();
        let format = match codec.as_slice() {
            GOB => Format::Gob,
            JSON => Format::Json,
            other => {
                let other = crate::error::shown(other);
                return Err(refused(format!(
                    "`{other}` for a codec, expected application/gob or application/json"
                )));
            }
        };
        Ok(Self { family, format, handle_timeout })
    }

    /// How long a method may run, where the client says so.
    pub(super) fn timeout(&self) -> Option<Duration> {
        // What is below zero is over before it begins.
        (self.handle_timeout != 0)
            .then(|| Duration::from_nanos(u64::try_from(self.handle_timeout).unwrap_or_default()))
    }

    /// Appends the Option of a client that waits so long for a connection: as Go writes it, and then so long that nobody
    /// who reads ahead takes more than it.
    pub(super) fn put(&self, out: &mut Vec<u8>, connect_timeout: Duration) {
        let Self { family, format, handle_timeout } = self;
        let codec = if *format == Format::Json { JSON } else { GOB };
        let start = out.len();
        out.extend_from_slice(format!("{{\"MagicNumber\":{},\"CodecType\":\"", family.magic()).as_bytes());
        out.extend_from_slice(codec);
        let times = format!(
            "\",\"ConnectTimeout\":{},\"HandleTimeout\":{handle_timeout}",
            nanoseconds(connect_timeout)
        );
        out.extend_from_slice(times.as_bytes());
        out.resize(start + READ_AHEAD_LEN - 1, b' ');
        out.push(b'}');
    }
}

/// Where the family's servers have read to the end of what they asked for: in one read of 512 bytes, or in reads that
/// double up to there.
const READ_AHEAD_LEN: usize = 512;

/// As many nanoseconds as Go can count.
pub(super) fn nanoseconds(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

fn number(value: &[u8]) -> Result<i64> {
    if value == b"null" {
        return Ok(0);
    }
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| refused(format!("`{}`, expected a whole number", crate::error::shown(value))))
}

#[cold]
fn refused(found: String) -> Error {
    Error::new(Code::InvalidArgument, format!("an Option with {found}"))
}

/// Finds the end of an Option whose bytes come by and by.
#[derive(Debug)]
pub(super) struct GreetingReader {
    extent: Extent,
    len_max: usize,
}

impl GreetingReader {
    pub(super) fn new(len_max: usize) -> Self {
        Self { extent: Extent::default(), len_max }
    }

    /// The Option at the front of `bytes`, and its length, once it is whole.
    ///
    /// # Errors
    ///
    /// If there is none that is understood, or it is too long.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<(Greeting, usize)>> {
        let end = match behind_space(bytes).first() {
            None | Some(b'{') => self.extent.end(bytes)?,
            Some(other) => {
                let other = crate::error::shown(&[*other]);
                return Err(Error::new(Code::InvalidArgument, format!("`{other}`, expected an Option")));
            }
        };
        if end.unwrap_or(bytes.len()) > self.len_max {
            let text = format!("an Option over the limit of {} bytes", self.len_max);
            return Err(Error::new(Code::ResourceExhausted, text));
        }
        match end {
            Some(end) => Ok(Some((Greeting::read(bytes.get(..end).unwrap_or_default())?, end))),
            None => Ok(None),
        }
    }
}

/// Whose Option is at the front of `bytes`, once it has come as far as it must. What will never be one of at most
/// `len_max` bytes is nobody's, and counts as WgRPC's.
pub fn family(bytes: &[u8], len_max: usize) -> Option<Family> {
    match GreetingReader::new(len_max).read(bytes) {
        Ok(None) => None,
        Ok(Some((greeting, _))) => Some(greeting.family),
        Err(_) => Some(Family::WgRpc),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN_MAX: usize = 4096;

    fn read(bytes: &[u8]) -> Result<Option<(Greeting, usize)>, String> {
        GreetingReader::new(LEN_MAX).read(bytes).map_err(|error| error.message().to_owned())
    }

    fn greeting(family: Family, format: Format, handle_timeout: i64) -> Greeting {
        Greeting { family, format, handle_timeout }
    }

    #[test]
    fn options_of_every_program_are_read_whatever_the_cut() {
        use Family::{GeeRpc, WgRpc};
        for (option, expected) in [
            (
                &b"{\"MagicNumber\":57775718,\"CodecType\":\"application/gob\",\"ConnectTimeout\":10000000000,\"HandleTimeout\":0}"[..],
                greeting(WgRpc, Format::Gob, 0),
            ),
            (
                b"{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"ConnectTimeout\":10000000000,\"HandleTimeout\":1500000}",
                greeting(GeeRpc, Format::Gob, 1_500_000),
            ),
            (b"{\"MagicNum\":3927900,\"CodecFormat\":\"application/gob\"}", greeting(GeeRpc, Format::Gob, 0)),
            (b"{\"CodeType\":\"application/json\",\"MagicNumber\":3927900}", greeting(GeeRpc, Format::Json, 0)),
            (
                b" \n{ \"handletimeout\" : -5 , \"x\":{\"MagicNumber\":[1]},\"magicNUMBER\":57775718,\"codectype\":\"application\\/gob\" }",
                greeting(WgRpc, Format::Gob, -5),
            ),
            (
                b"{\"MagicNumber\":1,\"MagicNumber\":57775718,\"CodecType\":\"application/gob\",\"HandleTimeout\":null}",
                greeting(WgRpc, Format::Gob, 0),
            ),
        ] {
            let stream = [option, b"\n\x37\x7f"].concat();
            let mut reader = GreetingReader::new(LEN_MAX);
            for cut in 0..option.len() {
                assert_eq!(reader.read(&stream[..cut]).unwrap(), None);
                assert_eq!(family(&stream[..cut], LEN_MAX), None);
            }
            assert_eq!(reader.read(&stream).unwrap(), Some((expected, option.len())));
            assert_eq!(read(&stream).unwrap(), Some((expected, option.len())));
            assert!(family(option, LEN_MAX).is_some());
        }
    }

    #[test]
    fn what_nobody_of_the_family_says_is_refused() {
        for (option, words) in [
            (
                &b"{\"MagicNumber\":21913,\"CodeType\":0}"[..],
                "the magic number 21913, expected 57775718 or 3927900",
            ),
            (b"{\"CodecType\":\"application/gob\"}", "the magic number 0"),
            (b"{\"MagicNumber\":3927900}", "`` for a codec"),
            (b"{\"MagicNumber\":3927900,\"CodecType\":\"application/xml\"}", "`application/xml` for a codec"),
            (b"{\"MagicNumber\":3927900,\"CodecType\":7}", "`` for a codec"),
            (b"{\"MagicNumber\":\"3927900\",\"CodecType\":\"application/gob\"}", "expected a whole number"),
            (b"{\"MagicNumber\":3927900.5,\"CodecType\":\"application/gob\"}", "expected a whole number"),
            (b"{\"MagicNumber\":3927900,\"HandleTimeout\":1e99}", "expected a whole number"),
            (b"{\"MagicNumber\" 3927900}", "expected a colon"),
            (b"[]", "expected an Option"),
            (b"\x37\x7f", "expected an Option"),
        ] {
            let refused = read(option).unwrap_err();

            assert!(refused.contains(words), "{refused}");
            assert!(family(option, LEN_MAX).is_some());
        }
    }

    #[test]
    fn an_option_over_the_limit_is_refused_before_its_end_comes() {
        let long = [b"{\"MagicNumber\":", &[b' '; 5000][..]].concat();

        assert_eq!(read(&long[..LEN_MAX]).unwrap(), None);
        assert!(read(&long[..LEN_MAX + 1]).unwrap_err().contains("over the limit of 4096 bytes"));
    }

    /// The end of the read is the end of the Option, so that nothing behind it is read along.
    #[test]
    fn ours_ends_where_those_who_read_ahead_do() {
        for (family, format) in [(Family::WgRpc, Format::Gob), (Family::GeeRpc, Format::Json)] {
            for timeout in [Duration::from_secs(3), Duration::MAX] {
                let mut out = b"before".to_vec();
                let said = greeting(family, format, nanoseconds(timeout));
                said.put(&mut out, timeout);

                let option = &out[b"before".len()..];
                assert_eq!((option.len(), option.last()), (512, Some(&b'}')));
                assert_eq!(read(option).unwrap(), Some((said, 512)));
            }
        }
        let mut out = Vec::new();
        greeting(Family::GeeRpc, Format::Gob, 0).put(&mut out, Duration::from_secs(10));
        assert!(out.starts_with(
            b"{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"ConnectTimeout\":10000000000,\"HandleTimeout\":0 "
        ));
    }
}
