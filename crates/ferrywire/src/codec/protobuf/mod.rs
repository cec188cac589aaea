//! Protobuf as a codec: a body is one message, made of a plain value by the order of its fields, or made elsewhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::shared::Splices;
use super::{Codec, Preamble, Shape, Types};
use crate::error::Result;

mod read;
mod records;
mod write;

/// [Protocol Buffers](https://protobuf.dev/programming-guides/encoding/): a body is one message.
///
/// A message of prost in a `Protobuf` (feature `protobuf`), and bytes (`serde_bytes`, `bytes::Bytes`,
/// [`Shared`](super::Shared)), are the message as it stands. A plain value is the message that this has for its type:
///
/// | Rust | protobuf |
/// | --- | --- |
/// | a struct, a tuple, an array | a message; its fields are numbered from 1 in their order |
/// | `bool` | `bool` |
/// | `i8` … `i32`, `i64` | `int32`, `int64` |
/// | `u8` … `u32`, `u64` | `uint32`, `uint64` |
/// | `f32`, `f64` | `float`, `double` |
/// | `String`, `char` | `string` |
/// | `Vec<u8>`, `serde_bytes` | `bytes` |
/// | `Vec<T>` | `repeated`; numbers packed |
/// | `Option<T>` | `optional` |
/// | a map | a map, or what a map would be if its key or value were allowed in one |
/// | an enum without content | an enum, its variants numbered from 0 in their order |
/// | an enum with content | a message with one `oneof`, its fields numbered from 1 in the order of variants; a variant without content stands for itself as if it were of an enum without |
/// | `()`, a struct without fields | an empty message |
/// | whatever else an element of a list or the content of an `Option` is, that is a list, a map or an `Option` itself | a message with it in field 1 |
///
/// An argument or reply that is no struct or tuple is a message with it in field 1, like `google.protobuf.Int64Value`
/// and its sisters; one that is an enum is always the message with the `oneof`.
///
/// Zeros are left out where they are not in an `Option`, and what is left out is zero; fields that the type lacks are
/// passed over. So a type may grow at its end. Integers are read from `fixed` and `sfixed` fields too, lists packed or not, and of
/// several values for one field the last counts. 128-bit integers, flattened and untagged types have no form.
/// `skip_serializing_if` changes no number.
#[derive(Clone, Copy, Debug)]
pub struct Proto;

impl Proto {
    /// As [`Codec::encode`], with a place for what is not copied.
    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    pub(super) fn write<T: Serialize + ?Sized>(
        value: &T,
        out: &mut Vec<u8>,
        mut splices: Splices<'_>,
    ) -> Result<()> {
        let (start, spliced) = (out.len(), splices.len());
        write::whole(value, out, &mut splices).map_err(|fault| {
            out.truncate(start);
            splices.truncate(spliced);
            fault.in_value()
        })
    }
}

impl Codec for Proto {
    const NAME: &'static str = "protobuf";

    #[inline]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        _shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        Self::write(value, out, Splices::none())?;
        Ok(None)
    }

    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], _types: Option<&Arc<Types>>) -> Result<T> {
        T::deserialize(read::Whole::new(bytes))
            .map_err(|fault: Fault| fault.in_whole_body(Self::NAME, bytes.len()))
    }
}
