//! Go's gob as a codec: the value in its message, its type definitions beside it.

use std::sync::Arc;

use ferrywire_gob::{Limits, SliceDecoder};
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
    let mut limits = Limits::default();
    // The body is here already, however long it is.
    limits.message_len_max = bytes.len();
    let mut decoder = SliceDecoder::with_limits(bytes, limits);
    let value = decoder.decode()?;
    match decoder.rest().len() {
        0 => Ok(value),
        left => {
            let text = format!("{left} bytes are left behind the value of a gob body of {}", bytes.len());
            Err(Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode))
        }
    }
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

        let read: Vec<(i64, i64)> = Gob::decode(&body, None).unwrap();

        assert_eq!(read, [(6, 7), (-1, 300)]);
    }

    #[test]
    fn bytes_behind_a_body_that_stands_alone_are_an_error() {
        let error = Gob::decode::<i64>(b"\x03\x04\x00\x0e\x03\x04\x00\x0e", None).unwrap_err();

        assert_eq!(error.message(), "4 bytes are left behind the value of a gob body of 8");
    }
}
