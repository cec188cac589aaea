//! Go's `encoding/gob` for plain serde types.
//!
//! What always holds: a type needs `Serialize` and `Deserialize` and nothing else; its shape is learnt from
//! `Deserialize` once, also if its first value is empty. Every distinct type has one id in the process, and
//! its definition goes out before the first value that needs it, never inside of one. What a peer sends is
//! believed as far as [`Limits`] go, and decoding never panics.
#![doc = "\n"]
#![doc = include_str!("../README.md")]

mod de;
mod decoder;
mod encoder;
mod error;
mod helper;
mod limits;
mod messages;
mod names;
mod plan;
mod schema;
mod ser;
mod shape;
mod skim;
mod told;
mod trace;
mod types;
mod value;
mod wire;

pub use decoder::{Decoder, SliceDecoder};
pub use encoder::Encoder;
pub use error::{Error, ErrorKind, Result};
pub use helper::{
    AsIf, BigInt, BinaryMarshaled, Complex, GobEncoded, RawString, TextMarshaled, Time,
    as_big_int as big_int, as_time as time,
};
pub use limits::Limits;
pub use messages::{Messages, Next};
pub use names::Marshaler;
pub use plan::Plan;
pub use schema::{Kind, Schema};
pub use told::Told;
pub use types::Types;
pub use value::{Data, Held, Value};

use serde::{Deserialize, Serialize};

/// Encodes `value` as bytes that stand alone: all definitions, then the value.
///
/// # Errors
///
/// Where the type or the value has no gob encoding.
pub fn to_vec<'de, T: Serialize + Deserialize<'de>>(value: &T) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    Plan::of::<T>()?.encode_with_definitions(value, &mut out)?;
    Ok(out)
}

/// Decodes the first value of bytes that stand alone; `&str` and `&[u8]` borrow from them.
///
/// # Errors
///
/// Where the bytes are not a value that fits `T`, or reach one of the default [`Limits`].
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    SliceDecoder::new(bytes).decode()
}
