//! The value that stands for nothing at all: zeros, empty texts and lists, in whatever type is asked for.

use std::marker::PhantomData;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

use super::Depth;

/// Reads as zero.
pub(super) struct Zero<'d, E> {
    depth: &'d Depth,
    error: PhantomData<fn() -> E>,
}

impl<'d, E> Zero<'d, E> {
    pub(super) fn new(depth: &'d Depth) -> Self {
        Self { depth, error: PhantomData }
    }
}

impl<E> Clone for Zero<'_, E> {
    fn clone(&self) -> Self {
        Self::new(self.depth)
    }
}

impl<'de, E: de::Error> IntoDeserializer<'de, E> for Zero<'_, E> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! zeros {
    ($($method:ident: $visit:ident($($zero:expr)?);)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
                visitor.$visit($($zero)?)
            }
        )*
    };
}

impl<'de, E: de::Error> Deserializer<'de> for Zero<'_, E> {
    type Error = E;

    zeros! {
        deserialize_any: visit_unit();
        deserialize_ignored_any: visit_unit();
        deserialize_unit: visit_unit();
        deserialize_bool: visit_bool(false);
        deserialize_i8: visit_i8(0);
        deserialize_i16: visit_i16(0);
        deserialize_i32: visit_i32(0);
        deserialize_i64: visit_i64(0);
        deserialize_i128: visit_i128(0);
        deserialize_u8: visit_u8(0);
        deserialize_u16: visit_u16(0);
        deserialize_u32: visit_u32(0);
        deserialize_u64: visit_u64(0);
        deserialize_u128: visit_u128(0);
        deserialize_f32: visit_f32(0.0);
        deserialize_f64: visit_f64(0.0);
        deserialize_char: visit_char('\0');
        deserialize_str: visit_borrowed_str("");
        deserialize_string: visit_borrowed_str("");
        deserialize_identifier: visit_borrowed_str("");
        deserialize_bytes: visit_borrowed_bytes(b"");
        deserialize_byte_buf: visit_borrowed_bytes(b"");
        deserialize_option: visit_none();
        deserialize_seq: visit_seq(SeqDeserializer::new(std::iter::empty::<()>()));
        deserialize_map: visit_map(MapDeserializer::new(std::iter::empty::<((), ())>()));
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        self.depth.below(|| visitor.visit_newtype_struct(self.clone()), E::custom)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, E> {
        let parts = std::iter::repeat_n(self.clone(), len);
        self.depth.below(|| visitor.visit_seq(SeqDeserializer::new(parts)), E::custom)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, E> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        // Field by field in their order: an alias among the names would be the same field twice.
        let fields = std::iter::repeat_n(self.clone(), fields.len());
        self.depth.below(|| visitor.visit_seq(SeqDeserializer::new(fields)), E::custom)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, E> {
        Err(E::custom(format!("nothing was given, and {name} has no zero")))
    }
}
