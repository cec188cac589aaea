//! Pairs of a header and a body in JSON: two values, each with a line feed behind it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::members::{Extent, behind_space};
use crate::codec::{Format, Shape};
use crate::error::{Code, Error, Phase, Result};
use crate::message::Read;

/// What a header says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename = "Header")]
pub(super) struct Header<'b> {
    #[serde(rename = "ServiceMethod", default, borrow)]
    pub(super) method: Cow<'b, str>,
    #[serde(rename = "Seq", default)]
    pub(super) seq: u64,
    #[serde(rename = "Error", default, borrow)]
    pub(super) error: Cow<'b, str>,
}

// ---- reading ----

/// Finds pairs in one direction of a connection.
#[derive(Debug)]
pub(super) struct JsonPairs {
    extent: Extent,
    has_begun: bool,
    /// The header whose body has not come yet.
    header: Option<Header<'static>>,
    len_max: usize,
}

/// A header and its body.
pub(super) struct JsonPair<'b> {
    pub(super) header: Header<'b>,
    pub(super) body: &'b [u8],
}

/// What around a body is not counted as a part of it: the header, whose letters may be escaped.
const ENVELOPE_LEN: usize = 2048;

impl JsonPairs {
    pub(super) fn new(frame_len_max: usize) -> Self {
        let len_max = frame_len_max.saturating_add(ENVELOPE_LEN);
        Self { extent: Extent::default(), has_begun: false, header: None, len_max }
    }

    /// The first pair of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Read<JsonPair<'b>>> {
        let mut used = 0;
        let header = match self.header.take() {
            Some(header) => header,
            None => {
                let (value, taken) = self.value(bytes)?;
                used = taken;
                match value {
                    None => return Ok(Read::More { used }),
                    Some(value) => header_in(value)?,
                }
            }
        };
        let (body, taken) = self.value(bytes.get(used..).unwrap_or_default())?;
        used += taken;
        match body {
            Some(body) => Ok(Read::Message { message: JsonPair { header, body }, used }),
            None => {
                let Header { method, seq, error } = header;
                let (method, error) = (method.into_owned().into(), error.into_owned().into());
                self.header = Some(Header { method, seq, error });
                Ok(Read::More { used })
            }
        }
    }

    /// The value at the front of `bytes`, if it is whole, and how many bytes are done with.
    fn value<'b>(&mut self, bytes: &'b [u8]) -> Result<(Option<&'b [u8]>, usize)> {
        // Only in front of a value is there nothing to be shown again.
        let value = if self.has_begun { bytes } else { behind_space(bytes) };
        let space = bytes.len() - value.len();
        self.has_begun = !value.is_empty();
        let end = self.extent.end(value)?;
        if end.unwrap_or(value.len()) > self.len_max {
            let text = format!("a value over the limit of {} bytes", self.len_max);
            return Err(Error::new(Code::ResourceExhausted, text));
        }
        let Some(end) = end else {
            return Ok((None, space));
        };
        (self.extent, self.has_begun) = (Extent::default(), false);
        Ok((value.get(..end), space + end))
    }
}

fn header_in(value: &[u8]) -> Result<Header<'_>> {
    if !value.starts_with(b"{") {
        let found = crate::error::shown(value);
        let text = format!("`{found}`, expected a header");
        return Err(Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode));
    }
    Format::Json.decode(value, None)
}

// ---- writing ----

/// Appends a header with the line feed behind it.
pub(super) fn put_header(out: &mut Vec<u8>, method: &[u8], seq: u64, error: &[u8]) {
    static HEADER: Shape = Shape::of::<Header<'static>>();
    let (method, error) = (String::from_utf8_lossy(method), String::from_utf8_lossy(error));
    let written = Format::Json.encode(&Header { method, seq, error }, &HEADER, out);
    // Where there is no such codec, nothing comes to be written.
    debug_assert!(written.is_ok(), "two texts and a number are JSON");
    out.push(b'\n');
}

/// The body of an error reply with the line feed behind it.
pub(super) const NOTHING: &[u8] = b"{}\n";

#[cfg(test)]
#[cfg(feature = "json")]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn found(stream: &[u8], step: usize) -> Vec<String> {
        let (mut pairs, mut found) = (JsonPairs::new(Limits::default().frame_len_max), Vec::new());
        let (mut from, mut to) = (0, 0);
        while to < stream.len() {
            to = stream.len().min(to + step);
            loop {
                match pairs.read(&stream[from..to]) {
                    Ok(Read::Message { message: JsonPair { header, body }, used }) => {
                        from += used;
                        let Header { method, seq, error } = header;
                        found.push(format!("{method}/{seq}/{error}/{}", String::from_utf8_lossy(body)));
                    }
                    Ok(Read::More { used }) => {
                        from += used;
                        break;
                    }
                    Ok(Read::End) => unreachable!(),
                    Err(error) => {
                        found.push(error.message().to_owned());
                        return found;
                    }
                }
            }
        }
        found
    }

    #[test]
    fn pairs_follow_each_other_whatever_the_cut() {
        let stream = b"{\"ServiceMethod\":\"Foo.Sum\",\"Seq\":1,\"Error\":\"\"}\n{\"Num1\":1}\n \
            {\"seq\":18446744073709551615,\"servicemethod\":\"\\u00e9\\\"\",\"more\":{}} 5 {}\"}\\\"{\"\n{\"Error\":\"e\"}[[]]x";
        for step in [1, 2, 7, stream.len()] {
            assert_eq!(
                found(stream, step),
                ["Foo.Sum/1//{\"Num1\":1}", "é\"/18446744073709551615//5", "/0//\"}\\\"{\"", "/0/e/[[]]",]
            );
        }
        assert_eq!(found(b"{\"Seq\":1}1 x ", 1).last().unwrap(), "`x`, expected a header");
        assert!(found(b"{\"Seq\":\"1\"}1 ", 1)[0].contains("invalid type"));
        assert_eq!(found(b"}", 1), ["`}`, expected a value"]);
    }

    #[test]
    fn a_value_over_the_limit_is_refused_before_its_end_comes() {
        let mut pairs = JsonPairs::new(10);
        let long = [b"{\"Error\":\"", &[b'x'; 3000][..]].concat();

        assert!(matches!(pairs.read(&long[..2058]), Ok(Read::More { used: 0 })));
        assert!(pairs.read(&long).err().unwrap().message().contains("over the limit of 2058 bytes"));
    }

    #[test]
    fn a_header_is_written_as_go_writes_it() {
        let mut out = Vec::new();

        put_header(&mut out, b"Foo.Sum", 7, b"no \"way\" \xff");

        let expected = "{\"ServiceMethod\":\"Foo.Sum\",\"Seq\":7,\"Error\":\"no \\\"way\\\" \u{fffd}\"}\n";
        assert_eq!(out, expected.as_bytes());
    }
}
