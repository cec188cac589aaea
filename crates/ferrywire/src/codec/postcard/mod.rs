//! postcard as a codec: the smallest bytes, which stand alone, and of which the reader must know the type.
//!
//! The format is that of the crate of that name, byte for byte. It is read and written here, because foreign
//! bytes must not nest without bound, claim elements that take no bytes, or reserve what they do not bring.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::shared::Splices;
use super::{Codec, Preamble, Shape, Types};
use crate::error::Result;

mod read;
mod write;

/// The [postcard](https://postcard.jamesmunns.com/wire-format) wire format.
///
/// Compact, and without a word about types: reader and writer must agree on them to the letter. A field that
/// `skip_serializing_if` leaves out, an untagged or a flattened type cannot be carried.
#[derive(Clone, Copy, Debug)]
pub struct Postcard;

impl Postcard {
    /// As [`Codec::encode`], with a place for what is not copied.
    #[inline]
    pub(super) fn write<T: Serialize + ?Sized>(
        value: &T,
        out: &mut Vec<u8>,
        splices: Splices<'_>,
    ) -> Result<()> {
        let (start, spliced) = (out.len(), splices.len());
        let mut writer = write::Writer::new(out, splices);
        match value.serialize(&mut writer) {
            Ok(()) => Ok(()),
            Err(fault) => {
                writer.cut(start, spliced);
                Err(fault.in_value())
            }
        }
    }
}

impl Codec for Postcard {
    const NAME: &'static str = "postcard";

    #[inline]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        _shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        Self::write(value, out, Splices::none())?;
        Ok(None)
    }

    #[inline]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], _types: Option<&Arc<Types>>) -> Result<T> {
        let mut reader = read::Reader::new(bytes);
        match T::deserialize(&mut reader) {
            Ok(value) if reader.left() == 0 => Ok(value),
            Ok(_) => Err(Fault::trailing(reader.left()).in_body(Self::NAME, bytes.len(), reader.left())),
            Err(fault) => Err(fault.in_body(Self::NAME, bytes.len(), reader.left())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_formats_page() {
        static SHAPE: Shape = Shape::of::<()>();
        let mut out = b"before".to_vec();
        let value =
            (true, -3_i8, 300_u16, -2_i32, u64::MAX, 1.5_f32, 'ß', "six", Some([7_u8, 8]), vec![9_i64]);

        Postcard::encode(&value, &SHAPE, &mut out).unwrap();

        let expected: &[u8] = b"before\x01\xfd\xac\x02\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\
            \x00\x00\xc0\x3f\x02\xc3\x9f\x03six\x01\x07\x08\x01\x12";
        assert_eq!(out, expected);
        assert_eq!(
            Postcard::decode::<(bool, i8, u16, i32, u64, f32, char, &str, Option<[u8; 2]>, Vec<i64>)>(
                &out[6..],
                None
            )
            .unwrap(),
            value
        );
    }

    #[test]
    fn an_error_names_its_byte() {
        let error = Postcard::decode::<(u8, &str)>(b"\x07\x05six", None).unwrap_err();

        assert_eq!(
            error.message(),
            "the bytes end: expected 5 more, 3 are left, at byte 2 of 5 of a postcard body"
        );
    }
}
