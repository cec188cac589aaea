//! Values to postcard's bytes, appended where they will be sent from.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

use super::super::cursor::Depth;
use super::super::fault::Fault;
use super::super::shared::Splices;

/// Appends one value.
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    depth: Depth,
    splices: Splices<'o>,
}

impl<'o> Writer<'o> {
    #[inline]
    pub(super) fn new(out: &'o mut Vec<u8>, splices: Splices<'o>) -> Self {
        Self { out, depth: Depth::whole(), splices }
    }

    /// Takes back what was written since the buffer was `len` long.
    #[cold]
    pub(super) fn cut(mut self, len: usize, spliced: usize) {
        self.out.truncate(len);
        self.splices.truncate(spliced);
    }

    #[inline]
    fn put_number(&mut self, number: u64) {
        if number < 0x80 {
            self.out.push(number as u8);
        } else {
            self.put_long(number);
        }
    }

    #[inline(never)]
    fn put_long(&mut self, number: u64) {
        if number >> 56 != 0 {
            return self.put_longest(u128::from(number));
        }
        // Groups of seven bits get a byte each; all but the last one's have their upper bit set.
        let quads = (number & 0x0000_0000_0fff_ffff) | ((number & 0x00ff_ffff_f000_0000) << 4);
        let pairs = (quads & 0x0000_3fff_0000_3fff) | ((quads & 0x0fff_c000_0fff_c000) << 2);
        let groups = (pairs & 0x007f_007f_007f_007f) | ((pairs & 0x3f80_3f80_3f80_3f80) << 1);
        let last = (u64::BITS - 1 - (groups | 1).leading_zeros()) / 8;
        let word = groups | (0x8080_8080_8080_8080 & ((1 << (8 * last)) - 1));
        // A fixed length needs no call.
        let end = self.out.len() + 1 + last as usize;
        self.out.extend_from_slice(&word.to_le_bytes());
        self.out.truncate(end);
    }

    #[cold]
    fn put_longest(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_number(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A list or map of so many elements.
    #[inline]
    fn begin(&mut self, len: Option<usize>) -> Result<(), Fault> {
        let Some(len) = len else {
            return Err(Fault::new("a list or map of unknown length has no postcard form: collect it first"));
        };
        self.depth.enter()?;
        self.put_number(len as u64);
        Ok(())
    }
}

/// Small numbers of either sign become small numbers without one.
#[inline]
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

macro_rules! put {
    ($($method:ident($number:ident: $type:ty) => $write:expr;)*) => {
        $(
            #[inline]
            fn $method(self, $number: $type) -> Result<(), Fault> {
                $write(self, $number);
                Ok(())
            }
        )*
    };
}

impl<'a, 'o> ser::Serializer for &'a mut Writer<'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Counted<'a, 'o>;
    type SerializeTuple = Level<'a, 'o>;
    type SerializeTupleStruct = Level<'a, 'o>;
    type SerializeTupleVariant = Level<'a, 'o>;
    type SerializeMap = Counted<'a, 'o>;
    type SerializeStruct = Level<'a, 'o>;
    type SerializeStructVariant = Level<'a, 'o>;

    put! {
        serialize_bool(value: bool) => |writer: Self, value| writer.out.push(u8::from(value));
        serialize_i8(number: i8) => |writer: Self, number: i8| writer.out.push(number.cast_unsigned());
        serialize_i16(number: i16) => |writer: Self, number| writer.put_number(zigzag(i64::from(number)));
        serialize_i32(number: i32) => |writer: Self, number| writer.put_number(zigzag(i64::from(number)));
        serialize_i64(number: i64) => |writer: Self, number| writer.put_number(zigzag(number));
        serialize_i128(number: i128) => |writer: Self, number: i128| {
            writer.put_longest(((number << 1) ^ (number >> 127)).cast_unsigned());
        };
        serialize_u8(number: u8) => |writer: Self, number| writer.out.push(number);
        serialize_u16(number: u16) => |writer: Self, number| writer.put_number(u64::from(number));
        serialize_u32(number: u32) => |writer: Self, number| writer.put_number(u64::from(number));
        serialize_u64(number: u64) => |writer: Self, number| writer.put_number(number);
        serialize_u128(number: u128) => |writer: Self, number| writer.put_longest(number);
        serialize_f32(number: f32) => |writer: Self, number: f32| {
            writer.out.extend_from_slice(&number.to_le_bytes());
        };
        serialize_f64(number: f64) => |writer: Self, number: f64| {
            writer.out.extend_from_slice(&number.to_le_bytes());
        };
        serialize_char(letter: char) => |writer: Self, letter: char| {
            writer.put_bytes(letter.encode_utf8(&mut [0; 4]).as_bytes());
        };
        serialize_str(text: &str) => |writer: Self, text: &str| writer.put_bytes(text.as_bytes());
        serialize_bytes(bytes: &[u8]) => |writer: Self, bytes: &[u8]| {
            writer.put_number(bytes.len() as u64);
            writer.splices.put(writer.out, bytes);
        };
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.out.push(0);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.out.push(1);
        self.depth.enter()?;
        value.serialize(&mut *self)?;
        self.depth.leave();
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), Fault> {
        self.put_number(u64::from(index));
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.put_number(u64::from(index));
        self.depth.enter()?;
        value.serialize(&mut *self)?;
        self.depth.leave();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Counted<'a, 'o>, Fault> {
        self.begin(len)?;
        Ok(Counted { writer: self, left: len.unwrap_or_default() })
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<Level<'a, 'o>, Fault> {
        self.depth.enter()?;
        Ok(Level(self))
    }

    #[inline]
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Level<'a, 'o>, Fault> {
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        len: usize,
    ) -> Result<Level<'a, 'o>, Fault> {
        self.put_number(u64::from(index));
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Counted<'a, 'o>, Fault> {
        self.serialize_seq(len)
    }

    #[inline]
    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Level<'a, 'o>, Fault> {
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        len: usize,
    ) -> Result<Level<'a, 'o>, Fault> {
        self.put_number(u64::from(index));
        self.serialize_tuple(len)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Fault> {
        /// Text goes straight into the bytes.
        struct Text<'o>(&'o mut Vec<u8>);

        impl fmt::Write for Text<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }

        let start = self.out.len();
        if write!(Text(self.out), "{value}").is_err() {
            return Err(Fault::new("a value refused to be displayed"));
        }
        // The length is known now; it goes behind the text and is turned round to its front.
        let end = self.out.len();
        self.put_number((end - start) as u64);
        let prefix_len = self.out.len() - end;
        if let Some(text) = self.out.get_mut(start..) {
            text.rotate_right(prefix_len);
        }
        Ok(())
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The fields of one level: their number is the type's.
pub(super) struct Level<'a, 'o>(&'a mut Writer<'o>);

impl Level<'_, '_> {
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(&mut *self.0)
    }

    #[inline]
    fn close(self) {
        self.0.depth.leave();
    }
}

impl ser::SerializeTuple for Level<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.put(value)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        self.close();
        Ok(())
    }
}

macro_rules! level {
    ($($trait:ident: $method:ident($($key:ident)?);)*) => {
        $(
            impl ser::$trait for Level<'_, '_> {
                type Ok = ();
                type Error = Fault;

                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($key: &'static str,)?
                    value: &T,
                ) -> Result<(), Fault> {
                    $(let _ = $key;)?
                    self.put(value)
                }

                #[inline]
                fn end(self) -> Result<(), Fault> {
                    self.close();
                    Ok(())
                }

                $(
                    fn skip_field(&mut self, $key: &'static str) -> Result<(), Fault> {
                        Err(left_out($key))
                    }
                )?
            }
        )*
    };
}

level! {
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(key);
    SerializeStructVariant: serialize_field(key);
}

/// A reader would take the next field for this one.
#[cold]
fn left_out(key: &'static str) -> Fault {
    Fault::new(format!("field {key} is left out, which postcard has no word for: drop skip_serializing_if"))
}

/// The elements of a list or the entries of a map: as many as were announced.
pub(super) struct Counted<'a, 'o> {
    writer: &'a mut Writer<'o>,
    left: usize,
}

impl Counted<'_, '_> {
    #[inline]
    fn count(&mut self) -> Result<(), Fault> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Fault::new("a list or map has more elements than it announced")),
        }
    }

    #[inline]
    fn close(self) -> Result<(), Fault> {
        self.writer.depth.leave();
        match self.left {
            0 => Ok(()),
            left => Err(Fault::new(format!("a list or map has {left} elements fewer than it announced"))),
        }
    }
}

impl ser::SerializeSeq for Counted<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.count()?;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        self.close()
    }
}

impl ser::SerializeMap for Counted<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.count()?;
        key.serialize(&mut *self.writer)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        self.close()
    }
}
