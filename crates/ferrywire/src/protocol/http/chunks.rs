//! A body in chunks: lengths, bytes, and the trailer, of which nothing is kept.

use super::response::too_long;
use crate::error::{Code, Error, Result, shown};

/// How far such a body has come.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    wants: Wants,
    /// How long the trailer is by now.
    trailer_len: usize,
}

#[derive(Debug, Default)]
enum Wants {
    /// The length of a chunk.
    #[default]
    Length,
    /// So many bytes of a chunk.
    Bytes(usize),
    /// What ends a chunk.
    End,
    /// A line of the trailer, of which the last is empty.
    Trailer,
}

/// The longest line with a chunk's length, whatever else it says.
const LENGTH_LINE_MAX: usize = 256;
/// The longest trailer, and the longest line of it.
const TRAILER_LEN_MAX: usize = 8 * 1024;

impl Chunks {
    /// Appends what `bytes` has of the body. Returns how many bytes are done with, and whether that was all.
    ///
    /// # Errors
    ///
    /// If these are no chunks, or more than `len_max` bytes in all.
    pub(super) fn read(&mut self, bytes: &[u8], body: &mut Vec<u8>, len_max: usize) -> Result<(usize, bool)> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            match &mut self.wants {
                Wants::Length => {
                    let Some((line, taken)) = line(rest, LENGTH_LINE_MAX)? else {
                        return Ok((used, false));
                    };
                    let len = length(line)?;
                    let whole_len = body.len().saturating_add(len);
                    if whole_len > len_max {
                        return Err(too_long(whole_len, len_max));
                    }
                    used += taken;
                    self.wants = if len == 0 { Wants::Trailer } else { Wants::Bytes(len) };
                }
                Wants::Bytes(left) => {
                    let here = rest.len().min(*left);
                    body.extend_from_slice(rest.get(..here).unwrap_or_default());
                    (used, *left) = (used + here, *left - here);
                    if *left > 0 {
                        return Ok((used, false));
                    }
                    self.wants = Wants::End;
                }
                Wants::End => {
                    let Some((end, taken)) = line(rest, 2)? else {
                        return Ok((used, false));
                    };
                    if !end.is_empty() {
                        return Err(unreadable(end));
                    }
                    (used, self.wants) = (used + taken, Wants::Length);
                }
                Wants::Trailer => {
                    let Some((line, taken)) = line(rest, TRAILER_LEN_MAX - self.trailer_len)? else {
                        return Ok((used, false));
                    };
                    used += taken;
                    if line.is_empty() {
                        return Ok((used, true));
                    }
                    self.trailer_len += taken;
                }
            }
        }
    }
}

/// The line at the front, without its end, and its length with it, once it is whole.
fn line(bytes: &[u8], len_max: usize) -> Result<Option<(&[u8], usize)>> {
    let near = bytes.get(..bytes.len().min(len_max)).unwrap_or_default();
    match near.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1)))
        }
        None if bytes.len() >= len_max => Err(unreadable(bytes)),
        None => Ok(None),
    }
}

/// The length of a chunk; what follows a semicolon is passed over.
fn length(line: &[u8]) -> Result<usize> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number);
    let length = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
    length.ok_or_else(|| unreadable(line))
}

fn unreadable(found: &[u8]) -> Error {
    Error::new(
        Code::Unavailable,
        format!("expected the next chunk of a body, the server said `{}`", shown(found)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &[u8], step: usize) -> Result<(String, usize), String> {
        let (mut chunks, mut body, mut from, mut to) = (Chunks::default(), Vec::new(), 0, 0);
        while to < stream.len() {
            to = stream.len().min(to + step);
            match chunks.read(&stream[from..to], &mut body, 20) {
                Ok((used, true)) => {
                    return Ok((String::from_utf8(body).unwrap(), stream.len() - from - used));
                }
                Ok((used, false)) => from += used,
                Err(error) => return Err(error.message().to_owned()),
            }
        }
        Err("more is needed".to_owned())
    }

    #[test]
    fn chunks_are_joined_whatever_their_cut() {
        for (stream, body, left) in [
            (&b"0\r\n\r\n"[..], "", 0),
            (b"3\r\nabc\r\n0A ; x=y\r\n0123456789\r\n00\r\n\r\nrest", "abc0123456789", 4),
            (b"1\nx\n0\nTrailer: y\nOther: z\n\n", "x", 0),
        ] {
            for step in 1..=stream.len() {
                let (joined, behind) = read(stream, step).unwrap();

                assert_eq!(joined, body);
                assert!(behind == left || behind <= left && step < stream.len(), "in steps of {step}");
            }
        }
    }

    #[test]
    fn what_are_no_chunks_is_refused() {
        let long = [b"1;", &[b'x'; 300][..], b"\r\nx\r\n"].concat();
        let trailer = [b"0\r\n", &b"T: some more of it\r\n".repeat(500)[..], b"\r\n"].concat();
        for stream in [
            &b"\r\n"[..],
            b"-1\r\n",
            b"+1\r\nx\r\n",
            b"0x1\r\nx\r\n",
            b"1 1\r\nx\r\n",
            b"11111111111111111\r\n",
            b"ffffffffffffffff\r\n",
            b"1\r\nxy\r\n",
            b"1\r\nx0\r\n\r\n",
            b"15\r\n",
            b"14\r\n01234567890123456789\r\n1\r\n",
            &long,
            &trailer,
        ] {
            for step in [1, 2, stream.len()] {
                let text = read(stream, step).unwrap_err();

                assert!(
                    text.contains("chunk") || text.contains("over the limit of 20"),
                    "{stream:?}: {text}"
                );
            }
        }
    }
}
