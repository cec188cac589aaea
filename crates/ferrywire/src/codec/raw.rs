//! Bytes as they stand, for values that are nothing but bytes: no codec at all.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use serde::de::value::SeqDeserializer;
use serde::de::{self, Visitor};
use serde::ser::{self, Impossible};
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::shared::Splices;
use super::{Codec, Preamble, Shape, Types};
use crate::error::Result;

/// The bytes themselves, without a length or a mark.
///
/// Carries a value that is bytes or text as a whole (`Vec<u8>`, `serde_bytes`, `bytes::Bytes`, `String`, and
/// newtypes of such), and nothing at all: `()` and structs without fields are zero bytes. Every other value is
/// an error.
#[derive(Clone, Copy, Debug)]
pub struct Raw;

impl Raw {
    /// As [`Codec::encode`], with a place for what is not copied.
    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    pub(super) fn write<T: Serialize + ?Sized>(
        value: &T,
        out: &mut Vec<u8>,
        mut splices: Splices<'_>,
    ) -> Result<()> {
        let (start, spliced) = (out.len(), splices.len());
        value.serialize(Writer { out, splices: &mut splices, is_in_list: false }).map_err(|fault| {
            out.truncate(start);
            splices.truncate(spliced);
            fault.in_value()
        })
    }
}

impl Codec for Raw {
    const NAME: &'static str = "raw";

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
        T::deserialize(Reader { bytes }).map_err(|fault| fault.in_body(Self::NAME, bytes.len(), bytes.len()))
    }
}

#[cold]
fn refuse(kind: &str) -> Fault {
    Fault::new(format!("a raw body is bytes or a string, not {kind}: choose another codec, such as postcard"))
}

/// Writes a value that is bytes as a whole; or one byte of a list of such, as a `Vec<u8>` is to serde.
struct Writer<'o, 's> {
    out: &'o mut Vec<u8>,
    splices: &'o mut Splices<'s>,
    is_in_list: bool,
}

impl Writer<'_, '_> {
    #[inline]
    fn put(self, bytes: &[u8], kind: &str) -> Result<(), Fault> {
        if self.is_in_list {
            return Err(self.refuse(kind));
        }
        self.splices.put(self.out, bytes);
        Ok(())
    }

    #[cold]
    fn refuse(&self, kind: &str) -> Fault {
        match self.is_in_list {
            true => refuse(&format!("a list with {kind} in it")),
            false => refuse(kind),
        }
    }
}

macro_rules! refuse {
    ($kind:literal: $($method:ident($($type:ty),*);)*) => {
        $(
            fn $method(self, $(_: $type),*) -> Result<(), Fault> {
                Err(self.refuse($kind))
            }
        )*
    };
}

impl<'o, 's> ser::Serializer for Writer<'o, 's> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'o, 's>;
    type SerializeTuple = List<'o, 's>;
    type SerializeTupleStruct = Impossible<(), Fault>;
    type SerializeTupleVariant = Impossible<(), Fault>;
    type SerializeMap = Impossible<(), Fault>;
    type SerializeStruct = Nothing;
    type SerializeStructVariant = Impossible<(), Fault>;

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.put(bytes, "bytes")
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.put(text.as_bytes(), "a string")
    }

    #[inline]
    fn serialize_u8(self, number: u8) -> Result<(), Fault> {
        if !self.is_in_list {
            return Err(self.refuse("a number"));
        }
        self.out.push(number);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.put(&[], "nothing")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        self.put(&[], "nothing")
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'o, 's>, Fault> {
        if self.is_in_list {
            return Err(self.refuse("a list"));
        }
        self.out.reserve(len.unwrap_or_default());
        Ok(List { out: self.out, splices: self.splices })
    }

    fn serialize_tuple(self, len: usize) -> Result<List<'o, 's>, Fault> {
        self.serialize_seq(Some(len))
    }

    refuse! { "a bool": serialize_bool(bool); }
    refuse! {
        "a number":
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
    }
    refuse! { "a character": serialize_char(char); }
    refuse! { "an option": serialize_none(); }
    refuse! { "an enum": serialize_unit_variant(&'static str, u32, &'static str); }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<(), Fault> {
        Err(self.refuse("an option"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Fault> {
        Err(self.refuse("an enum"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Impossible<(), Fault>, Fault> {
        Err(self.refuse("a struct"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Impossible<(), Fault>, Fault> {
        Err(self.refuse("an enum"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Impossible<(), Fault>, Fault> {
        Err(self.refuse("a map"))
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Nothing, Fault> {
        match len {
            0 if !self.is_in_list => Ok(Nothing),
            _ => Err(self.refuse("a struct")),
        }
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Impossible<(), Fault>, Fault> {
        Err(self.refuse("an enum"))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The bytes of a list.
struct List<'o, 's> {
    out: &'o mut Vec<u8>,
    splices: &'o mut Splices<'s>,
}

impl ser::SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Writer { out: self.out, splices: self.splices, is_in_list: true })
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

impl ser::SerializeTuple for List<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

/// A struct without fields.
struct Nothing;

impl ser::SerializeStruct for Nothing {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _key: &'static str,
        _value: &T,
    ) -> Result<(), Fault> {
        Err(refuse("a struct"))
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Reads a value that is bytes as a whole.
struct Reader<'de> {
    bytes: &'de [u8],
}

impl<'de> Reader<'de> {
    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut numbers = SeqDeserializer::new(self.bytes.iter().copied());
        let value = visitor.visit_seq(&mut numbers)?;
        numbers.end()?;
        Ok(value)
    }

    fn nothing<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.bytes.len() {
            0 => visitor.visit_unit(),
            len => Err(Fault::trailing(len)),
        }
    }
}

macro_rules! refuse_to_read {
    ($kind:literal: $($method:ident($($type:ty),*);)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $type,)* _visitor: V) -> Result<V::Value, Fault> {
                Err(refuse($kind))
            }
        )*
    };
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(std::str::from_utf8(self.bytes).map_err(Fault::not_text)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.nothing(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.nothing(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (fields.len(), self.bytes.len()) {
            (0, 0) => self.list(visitor),
            (0, len) => Err(Fault::trailing(len)),
            _ => Err(refuse("a struct")),
        }
    }

    refuse_to_read! { "a bool": deserialize_bool(); }
    refuse_to_read! {
        "a number":
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
    }
    refuse_to_read! { "a character": deserialize_char(); }
    refuse_to_read! { "an option": deserialize_option(); }
    refuse_to_read! { "a map": deserialize_map(); }
    refuse_to_read! { "an identifier": deserialize_identifier(); }
    refuse_to_read! { "a struct": deserialize_tuple_struct(&'static str, usize); }
    refuse_to_read! { "an enum": deserialize_enum(&'static str, &'static [&'static str]); }

    fn is_human_readable(&self) -> bool {
        false
    }
}
