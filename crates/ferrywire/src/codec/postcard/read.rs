//! postcard's bytes to values, which may borrow from them.
//!
//! Every byte may be hostile: nothing is reserved for elements that are not there, nothing nests without
//! bound, and elements that take no bytes are counted.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::super::cursor::Cursor;
use super::super::fault::Fault;

/// What has not been read yet.
pub(super) struct Reader<'de> {
    cursor: Cursor<'de>,
    /// How many elements without a byte of their own are still believed.
    empty: u32,
}

/// The elements of one body that may come without a byte of their own, such as those of a `Vec<()>`.
const EMPTY_MAX: u32 = 65_536;

impl<'de> Reader<'de> {
    #[inline]
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { cursor: Cursor::new(bytes), empty: EMPTY_MAX }
    }

    /// How many bytes have not been read.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.cursor.rest.len()
    }

    /// A value one level down.
    #[inline]
    fn below<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.cursor.depth.enter()?;
        let value = read(self)?;
        self.cursor.depth.leave();
        Ok(value)
    }

    /// A number of at most `bits` bits.
    #[inline]
    fn number(&mut self, bits: u32) -> Result<u64, Fault> {
        match self.cursor.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.cursor.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long(bits),
        }
    }

    /// A number of more than seven bits: as many bytes as have their upper bit set, and one more.
    #[inline]
    fn long(&mut self, bits: u32) -> Result<u64, Fault> {
        let Some((word, _)) = self.cursor.rest.split_first_chunk() else { return self.longer(bits) };
        let word = u64::from_le_bytes(*word);
        let ends = !word & 0x8080_8080_8080_8080;
        let len = ends.trailing_zeros() / 8 + 1;
        if ends == 0 || len > bits.div_ceil(7) {
            return self.longer(bits);
        }
        // What is behind the last byte goes, and then the gaps between groups of seven bits are closed.
        let groups = word & (ends ^ ends.wrapping_sub(1)) & 0x7f7f_7f7f_7f7f_7f7f;
        let pairs = (groups & 0x007f_007f_007f_007f) | ((groups & 0x7f00_7f00_7f00_7f00) >> 1);
        let quads = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
        let number = (quads & 0x0000_0000_0fff_ffff) | ((quads & 0x0fff_ffff_0000_0000) >> 4);
        if bits < 64 && number >> bits != 0 {
            return Err(wide(bits));
        }
        self.cursor.rest = self.cursor.rest.get(len as usize..).unwrap_or_default();
        Ok(number)
    }

    /// The same, byte by byte: at the end of the bytes, and for the longest numbers.
    #[cold]
    fn longer(&mut self, bits: u32) -> Result<u64, Fault> {
        let mut number = 0_u64;
        let mut shift = 0;
        for (at, byte) in self.cursor.rest.iter().enumerate() {
            let part = u64::from(byte & 0x7f);
            let room = bits - shift;
            if room < 7 && (part >> room) != 0 {
                return Err(wide(bits));
            }
            number |= part << shift;
            shift += 7;
            if *byte < 0x80 {
                self.cursor.rest = self.cursor.rest.get(at + 1..).unwrap_or_default();
                return Ok(number);
            }
            if shift >= bits {
                return Err(wide(bits));
            }
        }
        Err(unended())
    }

    fn longest(&mut self) -> Result<u128, Fault> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.cursor.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift == 126 && byte > 0x03 {
                return Err(wide(128));
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(wide(128))
    }

    /// How many bytes or elements come.
    #[inline]
    fn len(&mut self) -> Result<usize, Fault> {
        let len = match self.cursor.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.cursor.rest = rest;
                u64::from(*byte)
            }
            _ => self.long_len()?,
        };
        usize::try_from(len).map_err(|_| Fault::ends(usize::MAX, self.cursor.rest.len()))
    }

    /// Most are short, and are read faster where the long ones are elsewhere.
    #[inline(never)]
    fn long_len(&mut self) -> Result<u64, Fault> {
        self.long(64)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Fault> {
        let len = self.len()?;
        self.cursor.take(len)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        let len = self.len()?;
        self.cursor.text(len)
    }
}

#[inline]
fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cold]
fn unended() -> Fault {
    Fault::new("the bytes end inside a number")
}

#[cold]
fn wide(bits: u32) -> Fault {
    Fault::new(format!("a number has more than {bits} bits"))
}

#[cold]
fn refused(what: &str, found: u8) -> Fault {
    Fault::new(format!("expected {what}, which is 0 or 1, found {found}"))
}

#[cold]
fn untyped() -> Fault {
    Fault::new(
        "postcard does not say which type comes: untagged and flattened types, and values of any type, \
         need a self-describing codec",
    )
}

macro_rules! read {
    ($($method:ident => $visit:ident, $read:expr;)*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                let read: fn(&mut Reader<'de>) -> Result<_, Fault> = $read;
                visitor.$visit(read(self)?)
            }
        )*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    // The casts keep what `number` has checked to fit.
    read! {
        deserialize_i8 => visit_i8, |reader| Ok(reader.cursor.byte()?.cast_signed());
        deserialize_i16 => visit_i16, |reader| Ok(unzigzag(reader.number(16)?) as i16);
        deserialize_i32 => visit_i32, |reader| Ok(unzigzag(reader.number(32)?) as i32);
        deserialize_i64 => visit_i64, |reader| Ok(unzigzag(reader.number(64)?));
        deserialize_i128 => visit_i128, |reader| {
            let number = reader.longest()?;
            Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
        };
        deserialize_u8 => visit_u8, |reader| reader.cursor.byte();
        deserialize_u16 => visit_u16, |reader| Ok(reader.number(16)? as u16);
        deserialize_u32 => visit_u32, |reader| Ok(reader.number(32)? as u32);
        deserialize_u64 => visit_u64, |reader| reader.number(64);
        deserialize_u128 => visit_u128, |reader| reader.longest();
        deserialize_f32 => visit_f32, |reader| Ok(f32::from_le_bytes(reader.cursor.array()?));
        deserialize_f64 => visit_f64, |reader| Ok(f64::from_le_bytes(reader.cursor.array()?));
        deserialize_str => visit_borrowed_str, |reader| reader.text();
        deserialize_string => visit_borrowed_str, |reader| reader.text();
        deserialize_bytes => visit_borrowed_bytes, |reader| reader.bytes();
        deserialize_byte_buf => visit_borrowed_bytes, |reader| reader.bytes();
        deserialize_bool => visit_bool, |reader| match reader.cursor.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(refused("a bool", found)),
        };
        deserialize_char => visit_char, |reader| {
            let text = reader.text()?;
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(letter),
                _ => Err(Fault::new(format!("expected one character, found {} bytes of text", text.len()))),
            }
        };
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(untyped())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(untyped())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(untyped())
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.cursor.byte()? {
            0 => visitor.visit_none(),
            1 => self.below(|reader| visitor.visit_some(reader)),
            found => Err(refused("whether a value is there", found)),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
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

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let len = self.len()?;
        self.below(|reader| {
            let mut elements = Elements { reader, left: len };
            let value = visitor.visit_seq(&mut elements)?;
            elements.end(value)
        })
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.below(|reader| visitor.visit_seq(Fields { reader, left: len }))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let len = self.len()?;
        self.below(|reader| {
            let mut entries = Elements { reader, left: len };
            let value = visitor.visit_map(&mut entries)?;
            entries.end(value)
        })
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(Variant(self))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The fields of a struct or tuple, whose number the type knows.
struct Fields<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The elements of a list or the entries of a map, whose number the peer claims.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> Elements<'_, 'de> {
    /// Reads one more with `read`, unless that was all.
    #[inline]
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let before = self.reader.cursor.rest.len();
        let value = read(self.reader)?;
        if self.reader.cursor.rest.len() == before {
            let Some(empty) = self.reader.empty.checked_sub(1) else { return Err(hollow()) };
            self.reader.empty = empty;
        }
        Ok(Some(value))
    }

    #[inline]
    fn hint(&self) -> usize {
        self.reader.cursor.room_for(self.left)
    }

    #[inline]
    fn end<T>(self, value: T) -> Result<T, Fault> {
        match self.left {
            0 => Ok(value),
            left => Err(Fault::too_many(left)),
        }
    }
}

#[cold]
fn hollow() -> Fault {
    Fault::new(format!("more than {EMPTY_MAX} elements without a byte of their own"))
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.next(|reader| seed.deserialize(reader))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

impl<'de> de::MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.next(|reader| seed.deserialize(reader))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

/// A variant: its place among the enum's, then its content.
struct Variant<'a, 'de>(&'a mut Reader<'de>);

impl<'a, 'de> de::EnumAccess<'de> for Variant<'a, 'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let index = self.0.number(32)? as u32;
        let value = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(index))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        self.0.below(|reader| seed.deserialize(reader))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_tuple(self.0, len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_tuple(self.0, fields.len(), visitor)
    }
}
