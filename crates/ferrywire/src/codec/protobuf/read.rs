//! A message's bytes to values, which may borrow from them.
//!
//! As in writing, a value stands in one of three places: it is a [`Whole`] body, a [`Field`] of a message, of which there may be
//! no record or several, or [`One`] value that stands for itself.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::super::cursor::Depth;
use super::super::fault::Fault;
use super::records::{Records, Value, are_in_order, last};

#[cold]
fn expected(what: &str, found: Value<'_>) -> Fault {
    Fault::new(format!("expected {what}, found {}", found.name()))
}

#[cold]
fn untyped() -> Fault {
    Fault::new(
        "protobuf does not say which type comes: untagged and flattened types, and values of any type, need a self-describing codec",
    )
}

#[cold]
fn too_wide() -> Fault {
    Fault::new("an integer of 128 bits has no protobuf form")
}

/// What no place can read.
macro_rules! unreadable {
    () => {
        fn deserialize_i128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
            Err(too_wide())
        }

        fn deserialize_u128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
            Err(too_wide())
        }

        fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
            Err(untyped())
        }

        fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.visit_unit()
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            visitor: V,
        ) -> Result<V::Value, Fault> {
            visitor.visit_newtype_struct(self)
        }

        fn is_human_readable(&self) -> bool {
            false
        }
    };
}

/// What is handed on to another place.
macro_rules! handed_on {
    ($to:ident: $($method:ident($($name:ident: $type:ty),*);)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Fault> {
                self.$to()?.$method($($name,)* visitor)
            }
        )*
    };
}

/// What is one value, and no list, map or `Option`.
macro_rules! singles_handed_on {
    ($to:ident) => {
        handed_on! { $to:
            deserialize_bool();
            deserialize_i8();
            deserialize_i16();
            deserialize_i32();
            deserialize_i64();
            deserialize_u8();
            deserialize_u16();
            deserialize_u32();
            deserialize_u64();
            deserialize_f32();
            deserialize_f64();
            deserialize_char();
            deserialize_str();
            deserialize_string();
        }
    };
}

/// A body.
pub(super) struct Whole<'de> {
    bytes: &'de [u8],
}

impl<'de> Whole<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes }
    }

    /// The value in the message's first field.
    fn wrapped(self) -> Result<Field<'de>, Fault> {
        Ok(Field { bytes: self.bytes, number: 1, depth: Depth::whole() })
    }

    /// The message itself.
    fn message(self) -> Result<One<'de>, Fault> {
        Ok(One { value: Some(Value::Bytes(self.bytes)), depth: Depth::whole() })
    }
}

impl<'de> de::Deserializer<'de> for Whole<'de> {
    type Error = Fault;

    singles_handed_on! { wrapped }

    handed_on! { wrapped:
        deserialize_option();
        deserialize_seq();
        deserialize_map();
    }

    handed_on! { message:
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    /// The message as it stands, for whoever takes bytes.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes)
    }

    unreadable! {}
}

/// The records of one number in a message.
#[derive(Clone, Copy)]
struct Field<'de> {
    /// Records, those of other numbers among them perhaps.
    bytes: &'de [u8],
    number: u32,
    depth: Depth,
}

impl<'de> Field<'de> {
    /// The last of the values, which counts where there can be only one.
    fn one(self) -> Result<One<'de>, Fault> {
        Ok(One { value: last(self.bytes, self.number)?, depth: self.depth })
    }
}

impl<'de> de::Deserializer<'de> for Field<'de> {
    type Error = Fault;

    singles_handed_on! { one }

    handed_on! { one:
        deserialize_any();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut one = self.one()?;
        match one.value {
            None => visitor.visit_none(),
            Some(_) => {
                one.depth.enter()?;
                visitor.visit_some(one)
            }
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        self.depth.enter()?;
        visitor.visit_seq(List::of(self))
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        self.depth.enter()?;
        visitor.visit_map(Entries { records: Records::of(self.bytes), field: self, value: None })
    }

    unreadable! {}
}

/// A value that stands for itself. Of a field without records there is none: everything is zero then.
#[derive(Clone, Copy)]
struct One<'de> {
    value: Option<Value<'de>>,
    depth: Depth,
}

impl<'de> One<'de> {
    fn signed(self) -> Result<i64, Fault> {
        match self.value {
            None => Ok(0),
            Some(Value::Varint(number)) => Ok(number.cast_signed()),
            Some(Value::Fixed32(bytes)) => Ok(i64::from(i32::from_le_bytes(bytes))),
            Some(Value::Fixed64(bytes)) => Ok(i64::from_le_bytes(bytes)),
            Some(found @ Value::Bytes(_)) => Err(expected("an integer", found)),
        }
    }

    fn unsigned(self) -> Result<u64, Fault> {
        match self.value {
            None => Ok(0),
            Some(Value::Varint(number)) => Ok(number),
            Some(Value::Fixed32(bytes)) => Ok(u64::from(u32::from_le_bytes(bytes))),
            Some(Value::Fixed64(bytes)) => Ok(u64::from_le_bytes(bytes)),
            Some(found @ Value::Bytes(_)) => Err(expected("an integer", found)),
        }
    }

    fn bytes(self, what: &str) -> Result<&'de [u8], Fault> {
        match self.value {
            None => Ok(&[]),
            Some(Value::Bytes(bytes)) => Ok(bytes),
            Some(found) => Err(expected(what, found)),
        }
    }

    fn text(self) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.bytes("text")?).map_err(Fault::not_text)
    }

    /// What a message around a list, a map or an `Option` holds.
    fn wrapped(mut self) -> Result<Field<'de>, Fault> {
        self.depth.enter()?;
        Ok(Field { bytes: self.bytes("a message")?, number: 1, depth: self.depth })
    }

    fn fields<V: Visitor<'de>>(mut self, count: usize, visitor: V) -> Result<V::Value, Fault> {
        self.depth.enter()?;
        visitor.visit_seq(Fields::of(self.bytes("a message")?, count, self.depth)?)
    }
}

macro_rules! integers {
    ($($method:ident: $visit:ident($type:ty) from $read:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                let number = self.$read()?;
                visitor.$visit(<$type>::try_from(number).map_err(|_| misfit(number, stringify!($type)))?)
            }
        )*
    };
}

#[cold]
fn misfit(number: impl std::fmt::Display, type_: &str) -> Fault {
    Fault::new(format!("{number} is no {type_}"))
}

impl<'de> de::Deserializer<'de> for One<'de> {
    type Error = Fault;

    integers! {
        deserialize_i8: visit_i8(i8) from signed;
        deserialize_i16: visit_i16(i16) from signed;
        deserialize_i32: visit_i32(i32) from signed;
        deserialize_i64: visit_i64(i64) from signed;
        deserialize_u8: visit_u8(u8) from unsigned;
        deserialize_u16: visit_u16(u16) from unsigned;
        deserialize_u32: visit_u32(u32) from unsigned;
        deserialize_u64: visit_u64(u64) from unsigned;
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(untyped())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.unsigned()? != 0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            None => visitor.visit_f32(0.0),
            Some(Value::Fixed32(bytes)) => visitor.visit_f32(f32::from_le_bytes(bytes)),
            Some(found) => Err(expected("a float", found)),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            None => visitor.visit_f64(0.0),
            Some(Value::Fixed64(bytes)) => visitor.visit_f64(f64::from_le_bytes(bytes)),
            Some(Value::Fixed32(bytes)) => visitor.visit_f64(f64::from(f32::from_le_bytes(bytes))),
            Some(found) => Err(expected("a double", found)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text()?;
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => visitor.visit_char(letter),
            (None, _) => visitor.visit_char('\0'),
            _ => Err(Fault::new(format!("expected one character, found {} bytes of text", text.len()))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes("bytes")?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.bytes("bytes")?)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.bytes("a message")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.wrapped()?.deserialize_option(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(List::in_one(self.bytes("bytes, or a message with a list")?, self.wrapped()?))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.wrapped()?.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.fields(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fields(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fields(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Some(Value::Bytes(bytes)) => visitor.visit_enum(Variant::of(bytes, variants.len(), self.depth)?),
            _ => {
                let index = self.unsigned()?;
                let index = u32::try_from(index).map_err(|_| misfit(index, "variant"))?;
                visitor.visit_enum(Variant { index, content: None })
            }
        }
    }

    unreadable! {}
}

/// The fields of a message, in the order of their numbers.
struct Fields<'de> {
    /// What is left of the message where its records are in order; otherwise all of it.
    records: Records<'de>,
    is_in_order: bool,
    /// The number of the last field.
    number: u32,
    left: usize,
    depth: Depth,
}

impl<'de> Fields<'de> {
    fn of(bytes: &'de [u8], count: usize, depth: Depth) -> Result<Self, Fault> {
        let is_in_order = are_in_order(bytes)?;
        Ok(Self { records: Records::of(bytes), is_in_order, number: 0, left: count, depth })
    }

    /// The bytes in which the records of the next field lie.
    fn next_bytes(&mut self) -> Result<&'de [u8], Fault> {
        if !self.is_in_order {
            return Ok(self.records.rest());
        }
        let mut ahead = self.records;
        let mut start = ahead.rest();
        while let Some((number, _)) = ahead.next()? {
            if number > self.number {
                break;
            }
            self.records = ahead;
            if number < self.number {
                start = ahead.rest();
            }
        }
        let len = start.len() - self.records.rest().len();
        Ok(start.get(..len).unwrap_or_default())
    }
}

impl<'de> de::SeqAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.number += 1;
        let field = Field { bytes: self.next_bytes()?, number: self.number, depth: self.depth };
        match seed.deserialize(field) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(Fault::new(format!("field {}: {fault}", self.number))),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The elements of a list. What their type is, only they know, and so whether a value is an element or many.
struct List<'de> {
    field: Field<'de>,
    records: Records<'de>,
    /// What is left of a value that holds several numbers.
    packed: &'de [u8],
    /// Bytes that are the list if its elements are bytes; otherwise they are the message of `field`.
    either: Option<&'de [u8]>,
}

impl<'de> List<'de> {
    /// Of a field's records.
    fn of(field: Field<'de>) -> Self {
        Self { field, records: Records::of(field.bytes), packed: &[], either: None }
    }

    /// Of a value that is either its bytes or the message with the list.
    fn in_one(bytes: &'de [u8], wrapped: Field<'de>) -> Self {
        Self { either: Some(bytes).filter(|bytes| !bytes.is_empty()), ..Self::of(wrapped) }
    }

    /// The next value of the list.
    fn next_value(&mut self) -> Result<Option<Value<'de>>, Fault> {
        while let Some((number, value)) = self.records.next()? {
            if number == self.field.number {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Whether there is another element.
    fn has_more(&self) -> Result<bool, Fault> {
        if !self.packed.is_empty() || self.either.is_some() {
            return Ok(true);
        }
        let mut ahead = Self { ..*self };
        Ok(ahead.next_value()?.is_some())
    }
}

impl<'de> de::SeqAccess<'de> for List<'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        match self.has_more()? {
            true => seed.deserialize(Element(self)).map(Some),
            false => Ok(None),
        }
    }
}

/// The next element of a list, of which it is known that there is one.
struct Element<'l, 'de>(&'l mut List<'de>);

impl<'de> Element<'_, 'de> {
    /// A value for itself.
    fn one(self) -> Result<One<'de>, Fault> {
        // It is no list of bytes, or this would not be asked.
        self.0.either = None;
        let depth = self.0.field.depth;
        match self.0.next_value()? {
            Some(value) => Ok(One { value: Some(value), depth }),
            None => Err(Fault::new("expected a message with a list, found another message or bytes")),
        }
    }

    /// One of several numbers behind each other, of the kind that `take` takes; or a number for itself.
    fn number(
        self,
        take: impl FnOnce(&mut Records<'de>) -> Result<Value<'de>, Fault>,
    ) -> Result<One<'de>, Fault> {
        self.0.either = None;
        let depth = self.0.field.depth;
        while self.0.packed.is_empty() {
            match self.0.next_value()? {
                Some(Value::Bytes(bytes)) => self.0.packed = bytes,
                Some(value) => return Ok(One { value: Some(value), depth }),
                None => return Err(Fault::new("expected a number, found a list without any")),
            }
        }
        let mut packed = Records::of(self.0.packed);
        let value = take(&mut packed)?;
        self.0.packed = packed.rest();
        Ok(One { value: Some(value), depth })
    }

    fn varint(self) -> Result<One<'de>, Fault> {
        self.number(|packed| packed.varint().map(Value::Varint))
    }

    fn fixed32(self) -> Result<One<'de>, Fault> {
        self.number(|packed| packed.array().map(Value::Fixed32))
    }

    fn fixed64(self) -> Result<One<'de>, Fault> {
        self.number(|packed| packed.array().map(Value::Fixed64))
    }

    /// One of many bytes.
    fn small(self) -> Result<One<'de>, Fault> {
        if let Some(bytes) = self.0.either.take() {
            self.0.packed = bytes;
            // There is nothing behind them.
            self.0.records = Records::of(&[]);
        }
        self.number(|packed| packed.array().map(|[byte]| Value::Varint(u64::from(byte))))
    }
}

impl<'de> de::Deserializer<'de> for Element<'_, 'de> {
    type Error = Fault;

    handed_on! { varint:
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
    }

    handed_on! { small:
        deserialize_u8();
    }

    handed_on! { fixed32:
        deserialize_f32();
    }

    handed_on! { fixed64:
        deserialize_f64();
    }

    handed_on! { one:
        deserialize_any();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_map();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let is_number = !self.0.packed.is_empty()
            || match (List { ..*self.0 }).next_value()? {
                // Several variants without content, unless it is one with.
                Some(Value::Bytes(bytes)) => Variant::of(bytes, variants.len(), self.0.field.depth).is_err(),
                _ => false,
            };
        let one = if is_number { self.varint()? } else { self.one()? };
        one.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.one()?;
        visitor.visit_unit()
    }

    fn deserialize_i128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(too_wide())
    }

    fn deserialize_u128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(too_wide())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(untyped())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The entries of a map: messages with the key in field 1 and the value in field 2.
struct Entries<'de> {
    field: Field<'de>,
    records: Records<'de>,
    /// The entry whose value is still to be read.
    value: Option<Field<'de>>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some((number, value)) = self.records.next()? {
            if number != self.field.number {
                continue;
            }
            let Value::Bytes(bytes) = value else { return Err(expected("an entry of a map", value)) };
            let key = Field { bytes, number: 1, depth: self.field.depth };
            self.value = Some(Field { number: 2, ..key });
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(Fault::new("a value of a map was asked for before its key")),
        }
    }
}

/// A variant of an enum.
struct Variant<'de> {
    index: u32,
    /// None of one that is a number.
    content: Option<One<'de>>,
}

impl<'de> Variant<'de> {
    /// That of a message with a `oneof`: the last of its fields counts.
    fn of(bytes: &'de [u8], count: usize, mut depth: Depth) -> Result<Self, Fault> {
        depth.enter()?;
        let (mut records, mut found) = (Records::of(bytes), None);
        while let Some((number, value)) = records.next()? {
            // What is beyond belongs to a newer type.
            if number as usize <= count {
                found = Some(Self { index: number - 1, content: Some(One { value: Some(value), depth }) });
            }
        }
        found.ok_or_else(|| Fault::new(format!("expected one of {count} variants, found none of them")))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let index: U32Deserializer<Fault> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(self) -> Result<One<'de>, Fault> {
        self.content.ok_or_else(|| Fault::new(format!("variant {} is without its content", self.index)))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.fields(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content()?.fields(fields.len(), visitor)
    }
}
