//! Go's gob as a codec: the value in its message, its type definitions beside it.

use std::cell::RefCell;
use std::sync::Arc;

use ferrywire_gob::{Limits, Messages, Next};
use serde::{Deserialize, Serialize};

use super::{Codec, Preamble, Shape, Types};
use crate::error::{Code, Error, Phase, Result};

/// Go's `encoding/gob`.
#[derive(Clone, Copy, Debug)]
pub struct Gob;

impl Codec for Gob {
    const NAME: &'static str = "gob";

    #[inline]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        let plan = shape.plan()?;
        match plan.encode(value, out) {
            Ok(()) => Ok(Some(plan)),
            Err(source) => Err(Error::new(Code::InvalidArgument, source.to_string()).caused_by(source)),
        }
    }

    #[inline]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], types: Option<&Arc<Types>>) -> Result<T> {
        let Some(types) = types else { return decode_alone(bytes) };
        Ok(types.decode(bytes)?)
    }
}

/// The value of a body that begins with the definitions of its types, as [`Told::tell`](super::Told::tell)
/// and [`Codec::encode`] write them one behind the other.
fn decode_alone<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T> {
    if let Some((types, value)) = known(bytes)
        && let Ok(value) = types.decode(value)
    {
        return Ok(value);
    }
    let mut limits = Limits::default();
    // The body is here already, however long it is.
    limits.message_len_max = usize::MAX;
    let mut messages = Messages::new(limits);
    let (start, end) = match messages.next(bytes)? {
        Next::Value { start, end, .. } => (start, end),
        Next::Damaged { error, .. } => return Err(error.into()),
        _ => return Err(unended(bytes.len())),
    };
    let value = messages.types().decode(bytes.get(start..end).unwrap_or_default())?;
    if end < bytes.len() {
        return Err(trailing(bytes.len() - end, bytes.len()));
    }
    remember(bytes.get(..start).unwrap_or_default(), messages.types());
    Ok(value)
}

/// Definitions, and what they say.
struct Definitions {
    bytes: Box<[u8]>,
    types: Arc<Types>,
}

thread_local! {
    /// The definitions of bodies that were read on this thread, for learning them takes some
    /// twenty times as long as reading a small value.
    static KNOWN: RefCell<Vec<Definitions>> = const { RefCell::new(Vec::new()) };
}

/// So many definitions are remembered; then the oldest are forgotten.
const KNOWN_MAX: usize = 32;

/// Longer definitions are learnt anew for every body, in bytes.
const KNOWN_LEN_MAX: usize = 4096;

/// The types that `bytes` begins to define, if they are known, and the one message that holds the value.
fn known(bytes: &[u8]) -> Option<(Arc<Types>, &[u8])> {
    KNOWN.with_borrow(|known| {
        let begins = |definitions: &Definitions| {
            let value = bytes.strip_prefix(&*definitions.bytes)?;
            is_one_message(value).then(|| (definitions.types.clone(), value))
        };
        known.iter().find_map(begins)
    })
}

fn remember(definitions: &[u8], types: &Arc<Types>) {
    if definitions.len() > KNOWN_LEN_MAX {
        return;
    }
    KNOWN.with_borrow_mut(|known| {
        if known.iter().any(|other| *other.bytes == *definitions) {
            return;
        }
        if known.len() == KNOWN_MAX {
            known.remove(0);
        }
        known.push(Definitions { bytes: definitions.into(), types: types.clone() });
    });
}

/// Whether `bytes` are a length and so many bytes.
fn is_one_message(bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    if *first < 0x80 {
        return usize::from(*first) == rest.len();
    }
    let Some((digits, rest)) = rest.split_at_checked(usize::from(first.wrapping_neg())) else { return false };
    let len = digits.iter().try_fold(0_usize, |len, digit| Some(len.checked_mul(256)? + usize::from(*digit)));
    len == Some(rest.len())
}

#[cold]
fn unended(len: usize) -> Error {
    let text = format!("a gob body of {len} bytes ends before its value does");
    Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode)
}

#[cold]
fn trailing(left: usize, len: usize) -> Error {
    let text = format!("{left} bytes are left behind the value of a gob body of {len}");
    Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode)
}

#[cfg(test)]
mod tests {
    use super::super::Told;
    use super::*;

    #[test]
    fn a_body_that_begins_with_its_definitions_stands_alone() {
        static SHAPE: Shape = Shape::of::<Vec<(i64, i64)>>();
        let mut value = Vec::new();
        let preamble = Gob::encode(&[(6, 7), (-1, 300)], &SHAPE, &mut value).unwrap();
        let mut body = Vec::new();
        Told::new().tell(preamble.unwrap(), &mut body);
        body.extend_from_slice(&value);

        // The second time its definitions are known.
        for _ in 0..2 {
            let read: Vec<(i64, i64)> = Gob::decode(&body, None).unwrap();

            assert_eq!(read, [(6, 7), (-1, 300)]);
        }
        assert_eq!(KNOWN.with_borrow(Vec::len), 1);
        for len in 0..body.len() {
            assert!(Gob::decode::<Vec<(i64, i64)>>(&body[..len], None).is_err(), "{len}");
        }
    }

    #[test]
    fn definitions_are_remembered_up_to_a_number() {
        let types = Arc::new(Types::default());
        for definitions in 0..100_u8 {
            remember(&[definitions], &types);
        }
        remember(&[0; KNOWN_LEN_MAX + 1], &types);

        KNOWN.with_borrow(|known| {
            assert_eq!(known.len(), KNOWN_MAX);
            assert_eq!(*known[KNOWN_MAX - 1].bytes, [99]);
        });
    }

    #[test]
    fn one_message_is_its_length_and_so_many_bytes() {
        let long = [&[0xfe, 0x01, 0x00][..], &[7; 256]].concat();

        assert!(is_one_message(b"\x03abc") && is_one_message(&long) && is_one_message(b"\x00"));
        for wrong in [
            &b""[..],
            b"\x03ab",
            b"\x03abcd",
            b"\xfe\x01",
            b"\x80",
            &long[1..],
            b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(!is_one_message(wrong), "{wrong:x?}");
        }
    }

    #[test]
    fn bytes_behind_a_body_that_stands_alone_are_an_error() {
        let error = Gob::decode::<i64>(b"\x03\x04\x00\x0e\x03\x04\x00\x0e", None).unwrap_err();

        assert_eq!(error.message(), "4 bytes are left behind the value of a gob body of 8");
    }
}
