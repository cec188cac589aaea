//! The header of a pair: which method, which call, and in replies which error.
//!
//! Go defines a header type in one way only. A header of that type is read by hand where it lies; any other, which
//! other programs may send, is read by the names of its fields.

use std::fmt;

use ferrywire_gob::Types;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::error::Result;

/// What a header says; in requests there is no error text. Texts need not be UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::protocol) struct Header<'b> {
    pub(in crate::protocol) method: &'b [u8],
    pub(in crate::protocol) seq: u64,
    pub(in crate::protocol) error: &'b [u8],
}

/// The header type of a stream: a struct of `ServiceMethod string; Seq uint64` and perhaps `Error string`.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) struct Kind {
    /// Its definition, as Go writes it in a fresh process.
    pub(in crate::protocol) definition: &'static [u8],
    /// Whether it has an error text.
    pub(in crate::protocol) has_error: bool,
}

// ---- reading ----

/// Reads the headers of one stream.
#[derive(Debug)]
pub(super) struct HeaderReader {
    kind: Kind,
    /// The id under which the peer has defined the type as Go does.
    known_id: Option<i32>,
}

impl HeaderReader {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, known_id: None }
    }

    /// Looks at what precedes a header, for the definition of its type.
    #[inline]
    pub(super) fn notice(&mut self, bytes: &[u8]) {
        if self.known_id.is_none() {
            self.known_id = self.kind.defined_by(bytes);
        }
    }

    /// The method that a header at the front of `bytes` names, if it is written as Go does; `None` if there are too few
    /// bytes to tell.
    pub(super) fn peek<'b>(&self, bytes: &'b [u8]) -> Option<Option<&'b [u8]>> {
        let mut rest = bytes;
        let len = match uint(&mut rest) {
            Some(len) => usize::try_from(len).unwrap_or(usize::MAX),
            // No length begins so, or its bytes have not come.
            None => return if bytes.len() > size_of::<u64>() { Some(None) } else { None },
        };
        let value = bytes.get(..(bytes.len() - rest.len()).saturating_add(len))?;
        let is_own = self.known_id.is_some() && int(&mut rest).map(i32::try_from) == self.known_id.map(Ok);
        Some(self.kind.parse(value).filter(|_| is_own).map(|header| header.method))
    }

    /// The header that `value`, a whole value of the type `id`, holds.
    ///
    /// # Errors
    ///
    /// If the value is not a struct with at least one of the fields, or damaged.
    #[inline]
    pub(super) fn read<'b>(&self, types: &Types, value: &'b [u8], id: i32) -> Result<Header<'b>> {
        if self.known_id == Some(id)
            && let Some(header) = self.kind.parse(value)
        {
            return Ok(header);
        }
        let named: Named<'b> = types.decode(value)?;
        Ok(Header { method: named.method.0, seq: named.seq, error: named.error.0 })
    }
}

impl Kind {
    /// The id that a definition at the front of `bytes` gives this type, if it is Go's own definition.
    ///
    /// Two places differ between programs: the negative id in front and the id within, which are in ours
    /// one byte and two.
    fn defined_by(self, bytes: &[u8]) -> Option<i32> {
        let ours = self.definition;
        let name_end = ours.iter().position(|byte| *byte == 0xff)?;
        let (name, fields) = (ours.get(2..name_end)?, ours.get(name_end + 2..)?);
        let mut rest = bytes;
        uint(&mut rest)?;
        let id = int(&mut rest)?.checked_neg()?;
        rest = rest.strip_prefix(name)?;
        int(&mut rest)?;
        rest.starts_with(fields).then_some(i32::try_from(id).ok()?)
    }

    /// The fields of a value, where they are as Go writes them.
    #[inline]
    fn parse<'b>(self, value: &'b [u8]) -> Option<Header<'b>> {
        let mut header = Header::default();
        let mut rest = value;
        let _length = uint(&mut rest)?;
        let _id = uint(&mut rest)?;
        let mut field = 0u64;
        // A struct ends with a zero, or with its message.
        while !rest.is_empty() {
            match uint(&mut rest)? {
                0 => break,
                distance => field = field.checked_add(distance)?,
            }
            match field {
                1 => header.method = text(&mut rest)?,
                2 => header.seq = uint(&mut rest)?,
                3 if self.has_error => header.error = text(&mut rest)?,
                _ => return None,
            }
        }
        Some(header)
    }
}

/// An unsigned number: one byte below 128, else the negated count of its bytes and they.
#[inline]
fn uint(rest: &mut &[u8]) -> Option<u64> {
    let (&first, behind) = rest.split_first()?;
    if first < 128 {
        *rest = behind;
        return Some(u64::from(first));
    }
    let count = usize::from(first.wrapping_neg());
    if count > 8 {
        return None;
    }
    let value = match behind.first_chunk() {
        // Mostly there are eight bytes to be read at once.
        Some(eight) => u64::from_be_bytes(*eight) >> (64 - 8 * count),
        None => behind.get(..count)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    };
    *rest = behind.get(count..)?;
    Some(value)
}

fn int(rest: &mut &[u8]) -> Option<i64> {
    let bits = uint(rest)?;
    let magnitude = i64::try_from(bits >> 1).ok()?;
    Some(if bits & 1 == 1 { !magnitude } else { magnitude })
}

#[inline]
fn text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(uint(rest)?).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

/// A header of any layout, by the names of its fields.
#[derive(Deserialize)]
#[serde(rename = "Header")]
struct Named<'b> {
    #[serde(rename = "ServiceMethod", default, borrow)]
    method: Text<'b>,
    #[serde(rename = "Seq", default)]
    seq: u64,
    #[serde(rename = "Error", default, borrow)]
    error: Text<'b>,
}

/// A Go string where it lies; it need not be UTF-8.
#[derive(Default)]
struct Text<'b>(&'b [u8]);

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(text.as_bytes()))
            }

            fn visit_borrowed_bytes<E>(self, text: &'de [u8]) -> std::result::Result<Text<'de>, E> {
                Ok(Text(text))
            }
        }

        deserializer.deserialize_str(Borrowed)
    }
}

// ---- writing ----

/// The id of every header type. No value of ours has it: the gob crate hands out ids from 65 on.
const HEADER_ID: [u8; 2] = [0xff, 0x80];

/// Appends a header value: the fields that are not empty, each behind its distance from the one before.
#[inline]
pub(super) fn put_header(out: &mut Vec<u8>, header: Header<'_>) {
    if !put_short(out, header) {
        put_any(out, header);
    }
}

/// Appends a header such as nearly all are, in few steps: of a short name and a number. Says whether it was one.
#[inline]
fn put_short(out: &mut Vec<u8>, header: Header<'_>) -> bool {
    /// With everything else, and a number of eight bytes, the length is still one byte.
    const METHOD_LEN_MAX: usize = 100;
    let Header { method, seq, error } = header;
    if !error.is_empty() || seq == 0 || method.is_empty() || method.len() > METHOD_LEN_MAX {
        return false;
    }
    // The number behind its distance, and a zero behind it.
    let (mut tail, tail_len) = ([1, seq as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0], 3 + (uint_len(seq) - 1));
    if seq >= 128 {
        tail[1] = (uint_len(seq) as u8 - 1).wrapping_neg();
        tail[2..10].copy_from_slice(&(seq << (seq.leading_zeros() / 8 * 8)).to_be_bytes());
    }
    let len = HEADER_ID.len() + 2 + method.len() + tail_len;
    out.reserve(1 + len);
    out.extend_from_slice(&[len as u8, HEADER_ID[0], HEADER_ID[1], 1, method.len() as u8]);
    out.extend_from_slice(method);
    out.extend_from_slice(tail.get(..tail_len).unwrap_or_default());
    true
}

fn put_any(out: &mut Vec<u8>, header: Header<'_>) {
    let Header { method, seq, error } = header;
    let field_len = |is_there: bool, len: usize| if is_there { 1 + len } else { 0 };
    let (has_method, has_seq, has_error) = (!method.is_empty(), seq != 0, !error.is_empty());
    let len = HEADER_ID.len()
        + field_len(has_method, text_len(method))
        + field_len(has_seq, uint_len(seq))
        + field_len(has_error, text_len(error))
        + 1;
    out.reserve(len + 9);
    put_uint(out, len as u64);
    out.extend_from_slice(&HEADER_ID);
    let mut last = 0u8;
    let mut distance = |field: u8| field - std::mem::replace(&mut last, field);
    if has_method {
        out.push(distance(1));
        put_text(out, method);
    }
    if has_seq {
        out.push(distance(2));
        put_uint(out, seq);
    }
    if has_error {
        out.push(distance(3));
        put_text(out, error);
    }
    out.push(0);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_uint(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn put_uint(out: &mut Vec<u8>, value: u64) {
    if value < 128 {
        return out.push(value as u8);
    }
    let bytes = value.to_be_bytes();
    let zeros = (value.leading_zeros() / 8) as usize;
    out.push((zeros as u8).wrapping_sub(8));
    out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
}

fn uint_len(value: u64) -> usize {
    if value < 128 { 1 } else { 9 - (value.leading_zeros() / 8) as usize }
}

fn text_len(text: &[u8]) -> usize {
    uint_len(text.len() as u64) + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::netrpc::{REQUEST, RESPONSE};

    #[test]
    fn a_sequence_number_of_zero_is_left_out_as_go_does() {
        let mut out = Vec::new();

        put_header(&mut out, Header { method: b"Arith.X", seq: 0, error: b"no" });
        put_header(&mut out, Header { method: b"", seq: 300, error: b"" });

        assert_eq!(out, b"\x10\xff\x80\x01\x07Arith.X\x02\x02no\x00\x07\xff\x80\x02\xfe\x01\x2c\x00");
    }

    #[test]
    fn both_of_gos_definitions_are_known_by_sight() {
        let go_1_19 = b"\x2f\xff\x81\x03\x01\x01\x07Request\x01\xff\x82\x00\x01\x02\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x00\x00";

        assert_eq!(REQUEST.defined_by(go_1_19), Some(65));
        assert_eq!(REQUEST.defined_by(REQUEST.definition), Some(64));
        assert_eq!(RESPONSE.defined_by(RESPONSE.definition), Some(64));
        assert_eq!(RESPONSE.defined_by(REQUEST.definition), None);
        for cut in 0..go_1_19.len() {
            assert_eq!(REQUEST.defined_by(&go_1_19[..cut]), None);
        }
    }

    #[test]
    fn what_is_written_is_read_back_by_hand() {
        for header in [
            Header { method: b"Arith.Multiply", seq: 0, error: b"" },
            Header { method: b"", seq: u64::MAX, error: b"" },
            Header { method: &[b'x'; 300], seq: 70_000, error: b"not \xff UTF-8" },
        ] {
            let mut out = Vec::new();
            put_header(&mut out, header);

            let read = RESPONSE.parse(&out).unwrap();

            assert_eq!((read.method, read.seq, read.error), (header.method, header.seq, header.error));
            for cut in 0..out.len() {
                // A struct may end with its message; no cut reads beyond it.
                let _ = RESPONSE.parse(&out[..cut]);
            }
        }
    }

    #[test]
    fn the_short_way_writes_what_the_long_one_does() {
        for len in [1, 7, 14, 99, 100] {
            for seq in (0..64).flat_map(|shift| [(1_u64 << shift) - 1, 1 << shift, u64::MAX >> shift]).skip(1)
            {
                let method = vec![b'x'; len];
                let header = Header { method: &method, seq, error: b"" };
                let (mut short, mut long) = (Vec::new(), Vec::new());

                assert!(put_short(&mut short, header));
                put_any(&mut long, header);

                assert_eq!(short, long, "{len} {seq:#x}");
            }
        }
        for unusual in [
            Header { method: b"A.B", seq: 0, error: b"" },
            Header { method: b"", seq: 1, error: b"" },
            Header { method: b"A.B", seq: 1, error: b"e" },
            Header { method: &[b'x'; 101], seq: 1, error: b"" },
        ] {
            let mut out = Vec::new();
            assert!(!put_short(&mut out, unusual) && out.is_empty());
        }
    }

    #[test]
    fn a_field_that_the_type_has_not_is_left_to_the_gob_reader() {
        let with_error = b"\x06\xff\x80\x03\x01e\x00";

        assert!(REQUEST.parse(with_error).is_none());
        assert_eq!(RESPONSE.parse(with_error).unwrap().error, b"e");
    }
}
