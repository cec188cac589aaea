//! MessagePack's bytes to values, which may borrow from them. Every byte may be hostile.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use super::super::cursor::Cursor;
use super::super::fault::Fault;
use super::marker;

/// What has not been read yet.
pub(super) struct Reader<'de> {
    cursor: Cursor<'de>,
}

/// What a value's first bytes say.
enum Item<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    /// The elements follow.
    Array(usize),
    /// The entries follow.
    Map(usize),
    /// Bytes whose meaning the extension's number says.
    Extension(i8),
}

impl Item<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Unsigned(_) | Self::Signed(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a float",
            Self::Text(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension(_) => "an extension",
        }
    }
}

impl<'de> Reader<'de> {
    #[inline]
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { cursor: Cursor::new(bytes) }
    }

    /// How many bytes have not been read.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.cursor.rest.len()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.cursor.rest.first().copied()
    }

    fn u8_len(&mut self) -> Result<usize, Fault> {
        self.cursor.byte().map(usize::from)
    }

    fn u16_len(&mut self) -> Result<usize, Fault> {
        self.cursor.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn u32_len(&mut self) -> Result<usize, Fault> {
        let len = u32::from_be_bytes(self.cursor.array()?);
        usize::try_from(len).map_err(|_| Fault::ends(usize::MAX, self.left()))
    }

    fn item(&mut self) -> Result<Item<'de>, Fault> {
        let first = self.cursor.byte()?;
        Ok(match first {
            0..marker::FIXMAP => Item::Unsigned(u64::from(first)),
            marker::FIXMAP..marker::FIXARRAY => Item::Map(usize::from(first & 0x0f)),
            marker::FIXARRAY..marker::FIXSTR => Item::Array(usize::from(first & 0x0f)),
            marker::FIXSTR..marker::NIL => Item::Text(self.cursor.text(usize::from(first & 0x1f))?),
            marker::NIL => Item::Nil,
            marker::FALSE => Item::Bool(false),
            marker::TRUE => Item::Bool(true),
            marker::BIN8 => {
                let len = self.u8_len()?;
                Item::Bytes(self.cursor.take(len)?)
            }
            marker::BIN16 => {
                let len = self.u16_len()?;
                Item::Bytes(self.cursor.take(len)?)
            }
            marker::BIN32 => {
                let len = self.u32_len()?;
                Item::Bytes(self.cursor.take(len)?)
            }
            marker::EXT8 => {
                let len = self.u8_len()?;
                self.extension(len)?
            }
            marker::EXT16 => {
                let len = self.u16_len()?;
                self.extension(len)?
            }
            marker::EXT32 => {
                let len = self.u32_len()?;
                self.extension(len)?
            }
            marker::FIXEXT1..=marker::FIXEXT16 => self.extension(1 << (first - marker::FIXEXT1))?,
            marker::F32 => Item::F32(f32::from_be_bytes(self.cursor.array()?)),
            marker::F64 => Item::F64(f64::from_be_bytes(self.cursor.array()?)),
            marker::U8 => Item::Unsigned(u64::from(self.cursor.byte()?)),
            marker::U16 => Item::Unsigned(u64::from(u16::from_be_bytes(self.cursor.array()?))),
            marker::U32 => Item::Unsigned(u64::from(u32::from_be_bytes(self.cursor.array()?))),
            marker::U64 => Item::Unsigned(u64::from_be_bytes(self.cursor.array()?)),
            marker::I8 => Item::Signed(i64::from(i8::from_be_bytes(self.cursor.array()?))),
            marker::I16 => Item::Signed(i64::from(i16::from_be_bytes(self.cursor.array()?))),
            marker::I32 => Item::Signed(i64::from(i32::from_be_bytes(self.cursor.array()?))),
            marker::I64 => Item::Signed(i64::from_be_bytes(self.cursor.array()?)),
            marker::STR8 => {
                let len = self.u8_len()?;
                Item::Text(self.cursor.text(len)?)
            }
            marker::STR16 => {
                let len = self.u16_len()?;
                Item::Text(self.cursor.text(len)?)
            }
            marker::STR32 => {
                let len = self.u32_len()?;
                Item::Text(self.cursor.text(len)?)
            }
            marker::ARRAY16 => Item::Array(self.u16_len()?),
            marker::ARRAY32 => Item::Array(self.u32_len()?),
            marker::MAP16 => Item::Map(self.u16_len()?),
            marker::MAP32 => Item::Map(self.u32_len()?),
            0xe0.. => Item::Signed(i64::from(first.cast_signed())),
            _ => return Err(Fault::new(format!("no MessagePack value begins with byte {first:#04x}"))),
        })
    }

    fn extension(&mut self, len: usize) -> Result<Item<'de>, Fault> {
        let number = self.cursor.byte()?.cast_signed();
        self.cursor.take(len)?;
        Ok(Item::Extension(number))
    }

    /// A value one level down.
    #[inline]
    fn below<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.cursor.depth.enter()?;
        let value = read(self)?;
        self.cursor.depth.leave();
        Ok(value)
    }

    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value, Fault> {
        match item {
            Item::Nil => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Unsigned(number) => visitor.visit_u64(number),
            Item::Signed(number) => visitor.visit_i64(number),
            Item::F32(number) => visitor.visit_f32(number),
            Item::F64(number) => visitor.visit_f64(number),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Array(len) => self.below(|reader| {
                let mut elements = Elements { reader, left: len };
                let value = visitor.visit_seq(&mut elements)?;
                elements.end(value)
            }),
            Item::Map(len) => self.below(|reader| {
                let mut entries = Elements { reader, left: len };
                let value = visitor.visit_map(&mut entries)?;
                entries.end(value)
            }),
            Item::Extension(number) => {
                Err(Fault::new(format!("extension type {number} of MessagePack has no Rust form")))
            }
        }
    }

    /// As [`visit`](Self::visit), where bytes are a list of numbers: a `Vec<u8>` asks for such.
    fn visit_list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.item()? {
            Item::Bytes(bytes) => {
                let mut numbers = SeqDeserializer::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut numbers)?;
                numbers.end()?;
                Ok(value)
            }
            item => self.visit(item, visitor),
        }
    }

    /// Reads over one value, however deep.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut left = 1_usize;
        while let Some(less) = left.checked_sub(1) {
            let more = match self.item()? {
                Item::Array(len) => len,
                Item::Map(len) => len.saturating_mul(2),
                _ => 0,
            };
            left = less.saturating_add(more);
        }
        Ok(())
    }

    /// A 128-bit number, big end first, if that is what comes.
    fn wide(&mut self) -> Option<[u8; 16]> {
        let ([marker::BIN8, 16, rest @ ..], _) = self.cursor.rest.split_at_checked(18)? else { return None };
        let number = rest.try_into().ok();
        self.cursor.rest = self.cursor.rest.get(18..).unwrap_or_default();
        number
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let item = self.item()?;
        self.visit(item, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string unit map identifier
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.wide() {
            Some(number) => visitor.visit_i128(i128::from_be_bytes(number)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.wide() {
            Some(number) => visitor.visit_u128(u128::from_be_bytes(number)),
            None => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item()? {
            Item::Text(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            item => self.visit(item, visitor),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.peek() == Some(marker::NIL) {
            self.cursor.byte()?;
            return visitor.visit_none();
        }
        self.below(|reader| visitor.visit_some(reader))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.item()? {
            // Others write a struct without fields as an empty array or map.
            Item::Nil | Item::Array(0) | Item::Map(0) => visitor.visit_unit(),
            item => self.visit(item, visitor),
        }
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
        self.visit_list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.visit_list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.visit_list(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let before = self.cursor.rest;
        match self.item()? {
            Item::Text(_) => {
                self.cursor.rest = before;
                visitor.visit_enum(Variant { reader: self, is_bare: true })
            }
            Item::Map(1) => visitor.visit_enum(Variant { reader: self, is_bare: false }),
            Item::Map(len) => {
                Err(Fault::new(format!("a variant of {name} is a map of one entry, this has {len}")))
            }
            item => Err(Fault::new(format!("expected a variant of {name}, found {}", item.kind()))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.skip()?;
        visitor.visit_unit()
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of an array or the entries of a map, whose number the peer claims.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> Elements<'_, 'de> {
    #[inline]
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn end<T>(self, value: T) -> Result<T, Fault> {
        match self.left {
            0 => Ok(value),
            left => Err(Fault::too_many(left)),
        }
    }
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.reader.cursor.room_for(self.left))
    }
}

impl<'de> de::MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.next(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.reader.cursor.room_for(self.left))
    }
}

/// A variant: its name, then its content unless it is bare.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_bare: bool,
}

impl<'de> Variant<'_, 'de> {
    fn content(&self, expected: &str) -> Result<(), Fault> {
        if self.is_bare {
            return Err(Fault::new(format!("a variant came without its content, which is {expected}")));
        }
        Ok(())
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let value = seed.deserialize(&mut *self.reader)?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.is_bare {
            true => Ok(()),
            false => de::Deserialize::deserialize(self.reader),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        self.content("one value")?;
        self.reader.below(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content("an array")?;
        self.reader.visit_list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content("a map")?;
        de::Deserializer::deserialize_any(self.reader, visitor)
    }
}
