//! postcard as a codec: the smallest bytes, which stand alone, and of which the reader must know the type.
//!
//! The format is that of the crate of that name, byte for byte. It is read and written here, because foreign
//! bytes must not nest without bound, claim elements that take no bytes, or reserve what they do not bring.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Codec, Preamble, Shape, Types};
use crate::error::{Code, Error, Phase, Result};

mod read;
mod write;

/// The [postcard](https://postcard.jamesmunns.com/wire-format) wire format.
///
/// Values nest at most 64 deep, where every struct, tuple, list, map, variant with content and `Some` counts.
#[derive(Clone, Copy, Debug)]
pub struct Postcard;

/// How deep values nest, read or written; that deep fits a small stack.
const DEPTH_MAX: u32 = 64;

impl Codec for Postcard {
    const NAME: &'static str = "postcard";

    #[inline]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        _shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        let start = out.len();
        match value.serialize(&mut write::Writer::new(out)) {
            Ok(()) => Ok(None),
            Err(fault) => {
                out.truncate(start);
                Err(unwritable(fault))
            }
        }
    }

    #[inline]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], _types: Option<&Arc<Types>>) -> Result<T> {
        let mut reader = read::Reader::new(bytes);
        match T::deserialize(&mut reader) {
            Ok(value) if reader.left() == 0 => Ok(value),
            Ok(_) => Err(unreadable(trailing(reader.left()), bytes.len(), reader.left())),
            Err(fault) => Err(unreadable(fault, bytes.len(), reader.left())),
        }
    }
}

/// Why a value could not be read or written. One word, so that results stay in registers.
#[derive(Debug)]
struct Fault(Box<Cow<'static, str>>);

impl Fault {
    #[cold]
    fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(text.into()))
    }

    #[cold]
    fn too_deep() -> Self {
        Self::new(format!("values nest deeper than {DEPTH_MAX}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    #[cold]
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string())
    }
}

#[cold]
fn trailing(left: usize) -> Fault {
    Fault::new(format!("{left} bytes are left behind the value"))
}

#[cold]
fn unwritable(fault: Fault) -> Error {
    Error::new(Code::InvalidArgument, fault.0.into_owned())
}

#[cold]
fn unreadable(fault: Fault, len: usize, left: usize) -> Error {
    let text = format!("{fault}, at byte {} of {len} of a postcard body", len - left);
    Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode)
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
