//! Messages on the stream: a header and a body, the length of each before it.

use crate::error::{Code, Error, Result};
use crate::limits::Limits;

/// Finds messages in one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    header_len_max: usize,
    body_len_max: usize,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'b> {
    pub(super) header: &'b [u8],
    pub(super) body: &'b [u8],
    /// How many bytes it took.
    pub(super) used: usize,
}

impl Frames {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { header_len_max: limits.mheader_len_max, body_len_max: limits.frame_len_max }
    }

    /// The message at the front of `bytes`, once it is whole.
    ///
    /// # Errors
    ///
    /// If one of its lengths is over its limit, as soon as that has come.
    pub(super) fn next<'b>(&self, bytes: &'b [u8]) -> Result<Option<Frame<'b>>> {
        let Some((header_len, rest)) = length(bytes, "a header", self.header_len_max)? else {
            return Ok(None);
        };
        let Some((header, rest)) = rest.split_at_checked(header_len) else {
            return Ok(None);
        };
        let Some((body_len, rest)) = length(rest, "a message", self.body_len_max)? else {
            return Ok(None);
        };
        let Some((body, rest)) = rest.split_at_checked(body_len) else {
            return Ok(None);
        };
        Ok(Some(Frame { header, body, used: bytes.len() - rest.len() }))
    }
}

/// The length at the front of `bytes`, and what is behind it.
fn length<'b>(bytes: &'b [u8], what: &str, most: usize) -> Result<Option<(usize, &'b [u8])>> {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    match usize::try_from(u32::from_be_bytes(*len)) {
        Ok(len) if len <= most => Ok(Some((len, rest))),
        _ => {
            let text = format!("{what} of {} bytes is over the limit of {most}", u32::from_be_bytes(*len));
            Err(Error::new(Code::ResourceExhausted, text))
        }
    }
}

/// Appends a place for the length of what follows.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; LENGTH]);
}

/// What is behind `at` is all that the length in front of it counts.
pub(super) fn end(out: &mut [u8], at: usize) {
    let len = u32::try_from(out.len().saturating_sub(at)).unwrap_or(u32::MAX);
    let place = at.checked_sub(LENGTH).and_then(|from| out.get_mut(from..at));
    if let Some(place) = place {
        place.copy_from_slice(&len.to_be_bytes());
    }
}

/// How many bytes a length takes.
const LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        Frames { header_len_max: 16, body_len_max: 300 }
    }

    #[test]
    fn a_message_is_found_once_it_is_whole() {
        let mut stream = Vec::new();
        for part in [&b"header"[..], b"body", b"", b""] {
            begin(&mut stream);
            let at = stream.len();
            stream.extend_from_slice(part);
            end(&mut stream, at);
        }
        assert_eq!(stream, b"\0\0\0\x06header\0\0\0\x04body\0\0\0\0\0\0\0\0");

        for cut in 0..18 {
            assert_eq!(frames().next(&stream[..cut]).unwrap(), None);
        }
        for cut in 18..=stream.len() {
            let frame = Frame { header: b"header", body: b"body", used: 18 };
            assert_eq!(frames().next(&stream[..cut]).unwrap(), Some(frame));
        }
        let empty = Frame { header: b"", body: b"", used: 8 };
        assert_eq!(frames().next(&stream[18..]).unwrap(), Some(empty));
    }

    #[test]
    fn a_length_over_its_limit_is_refused_before_anything_else_comes() {
        for (bytes, words) in [
            (&b"\0\0\0\x11"[..], "a header of 17 bytes is over the limit of 16"),
            (b"\xff\xff\xff\xff", "a header of 4294967295 bytes is over the limit of 16"),
            (b"\0\0\0\0\0\0\x01\x2d", "a message of 301 bytes is over the limit of 300"),
            (b"\0\0\0\x01x\x7f\0\0\0", "a message of 2130706432 bytes is over the limit of 300"),
        ] {
            let error = frames().next(bytes).unwrap_err();

            assert_eq!((error.code(), error.message()), (Code::ResourceExhausted, words));
        }
        assert_eq!(frames().next(b"\0\0\0\x10").unwrap(), None);
        assert_eq!(frames().next(b"\0\0\0\0\0\0\x01\x2c").unwrap(), None);
    }
}
