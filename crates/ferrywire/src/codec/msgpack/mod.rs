//! MessagePack as a codec: compact, and read without knowing the type.
//!
//! Structs are maps from their fields' names, enums are externally tagged: what rmp-serde calls named. It is
//! read and written here, because foreign bytes must not nest without bound nor reserve what they do not bring.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::shared::Splices;
use super::{Codec, Preamble, Shape, Types};
use crate::error::Result;

mod read;
mod write;

/// [MessagePack](https://msgpack.org).
///
/// A struct is a map with its fields' names as keys, a variant with content a map of one entry, one without
/// content its name; a 128-bit integer is 16 bytes, big end first. As in JSON, `Some(None)` arrives as `None`.
/// Extension types are skipped where nobody reads them, and are an error elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct MessagePack;

impl MessagePack {
    /// As [`Codec::encode`], with a place for what is not copied.
    // Out of the way of the formats that most calls are in.
    #[inline(never)]
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

impl Codec for MessagePack {
    const NAME: &'static str = "msgpack";

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
        let mut reader = read::Reader::new(bytes);
        match T::deserialize(&mut reader) {
            Ok(value) if reader.left() == 0 => Ok(value),
            Ok(_) => Err(Fault::trailing(reader.left()).in_body(Self::NAME, bytes.len(), reader.left())),
            Err(fault) => Err(fault.in_body(Self::NAME, bytes.len(), reader.left())),
        }
    }
}

/// The first byte of a value says what it is; small values are in it.
mod marker {
    pub(super) const FIXMAP: u8 = 0x80;
    pub(super) const FIXARRAY: u8 = 0x90;
    pub(super) const FIXSTR: u8 = 0xa0;
    pub(super) const NIL: u8 = 0xc0;
    pub(super) const FALSE: u8 = 0xc2;
    pub(super) const TRUE: u8 = 0xc3;
    pub(super) const BIN8: u8 = 0xc4;
    pub(super) const BIN16: u8 = 0xc5;
    pub(super) const BIN32: u8 = 0xc6;
    pub(super) const EXT8: u8 = 0xc7;
    pub(super) const EXT16: u8 = 0xc8;
    pub(super) const EXT32: u8 = 0xc9;
    pub(super) const F32: u8 = 0xca;
    pub(super) const F64: u8 = 0xcb;
    pub(super) const U8: u8 = 0xcc;
    pub(super) const U16: u8 = 0xcd;
    pub(super) const U32: u8 = 0xce;
    pub(super) const U64: u8 = 0xcf;
    pub(super) const I8: u8 = 0xd0;
    pub(super) const I16: u8 = 0xd1;
    pub(super) const I32: u8 = 0xd2;
    pub(super) const I64: u8 = 0xd3;
    pub(super) const FIXEXT1: u8 = 0xd4;
    pub(super) const FIXEXT16: u8 = 0xd8;
    pub(super) const STR8: u8 = 0xd9;
    pub(super) const STR16: u8 = 0xda;
    pub(super) const STR32: u8 = 0xdb;
    pub(super) const ARRAY16: u8 = 0xdc;
    pub(super) const ARRAY32: u8 = 0xdd;
    pub(super) const MAP16: u8 = 0xde;
    pub(super) const MAP32: u8 = 0xdf;
}
