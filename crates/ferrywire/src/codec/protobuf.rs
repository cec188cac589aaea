//! Protobuf as a codec: a body is one message, whose bytes somebody else makes and reads.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::raw::{self, Content};
use super::shared::Splices;
use super::{Codec, Preamble, Shape, Types};
use crate::error::Result;

/// [Protocol Buffers](https://protobuf.dev): a body is one message.
///
/// The value is a message of prost in a `Protobuf` (feature `protobuf`), or bytes that are a message already. `()`
/// and structs without fields are the message without fields. Every other value is an error.
#[derive(Clone, Copy, Debug)]
pub struct Proto;

impl Proto {
    /// As [`Codec::encode`], with a place for what is not copied.
    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    pub(super) fn write<T: Serialize + ?Sized>(
        value: &T,
        out: &mut Vec<u8>,
        splices: Splices<'_>,
    ) -> Result<()> {
        raw::write(Content::Message, value, out, splices)
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
        raw::decode(Content::Message, Self::NAME, bytes)
    }
}
