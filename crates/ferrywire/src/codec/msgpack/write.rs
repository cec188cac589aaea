//! Values to MessagePack's bytes, appended where they will be sent from; every number takes its shortest form.

use serde::ser::{self, Serialize};

use super::super::cursor::Depth;
use super::super::fault::Fault;
use super::super::shared::Splices;
use super::marker;

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
    fn put<const N: usize>(&mut self, marker: u8, bytes: [u8; N]) {
        self.out.push(marker);
        self.out.extend_from_slice(&bytes);
    }

    fn put_unsigned(&mut self, number: u64) {
        if let Ok(number) = u8::try_from(number) {
            if number < marker::FIXMAP {
                self.out.push(number);
            } else {
                self.put(marker::U8, [number]);
            }
        } else if let Ok(number) = u16::try_from(number) {
            self.put(marker::U16, number.to_be_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.put(marker::U32, number.to_be_bytes());
        } else {
            self.put(marker::U64, number.to_be_bytes());
        }
    }

    fn put_signed(&mut self, number: i64) {
        if let Ok(number) = u64::try_from(number) {
            self.put_unsigned(number);
        } else if let Ok(number) = i8::try_from(number) {
            if number >= -32 {
                self.out.push(number.cast_unsigned());
            } else {
                self.put(marker::I8, number.to_be_bytes());
            }
        } else if let Ok(number) = i16::try_from(number) {
            self.put(marker::I16, number.to_be_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.put(marker::I32, number.to_be_bytes());
        } else {
            self.put(marker::I64, number.to_be_bytes());
        }
    }

    /// What comes before so many bytes or elements: `markers` with 8 (if there is such), 16 and 32 bits.
    fn put_len(&mut self, len: usize, markers: (Option<u8>, u8, u8)) -> Result<(), Fault> {
        let (short, middle, long) = markers;
        if let (Some(short), Ok(len)) = (short, u8::try_from(len)) {
            self.put(short, [len]);
        } else if let Ok(len) = u16::try_from(len) {
            self.put(middle, len.to_be_bytes());
        } else if let Ok(len) = u32::try_from(len) {
            self.put(long, len.to_be_bytes());
        } else {
            return Err(Fault::new(format!("{len} bytes or elements are more than MessagePack can count")));
        }
        Ok(())
    }

    #[inline]
    fn put_str(&mut self, text: &str) -> Result<(), Fault> {
        if text.len() < 32 {
            self.out.push(marker::FIXSTR | text.len() as u8);
        } else {
            self.put_len(text.len(), (Some(marker::STR8), marker::STR16, marker::STR32))?;
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.put_len(bytes.len(), (Some(marker::BIN8), marker::BIN16, marker::BIN32))?;
        self.splices.put(self.out, bytes);
        Ok(())
    }

    fn put_array_len(&mut self, len: usize) -> Result<(), Fault> {
        if len < 16 {
            self.out.push(marker::FIXARRAY | len as u8);
            return Ok(());
        }
        self.put_len(len, (None, marker::ARRAY16, marker::ARRAY32))
    }

    fn put_map_len(&mut self, len: usize) -> Result<(), Fault> {
        if len < 16 {
            self.out.push(marker::FIXMAP | len as u8);
            return Ok(());
        }
        self.put_len(len, (None, marker::MAP16, marker::MAP32))
    }

    /// The beginning of a variant with content: its content follows.
    #[inline]
    fn put_variant(&mut self, variant: &'static str) -> Result<(), Fault> {
        self.put_map_len(1)?;
        self.put_str(variant)
    }
}

/// Why something was begun whose number of elements is to be checked, or is not yet known.
#[derive(Clone, Copy)]
enum Kind {
    Array,
    Map,
}

impl<'o> Writer<'o> {
    fn begin(&mut self, kind: Kind, len: Option<usize>) -> Result<Compound<'_, 'o>, Fault> {
        self.depth.enter()?;
        let mut header_at = None;
        match (kind, len) {
            (Kind::Array, Some(len)) => self.put_array_len(len)?,
            (Kind::Map, Some(len)) => self.put_map_len(len)?,
            (_, None) => {
                header_at = Some(self.out.len());
                let marker = if matches!(kind, Kind::Map) { marker::MAP32 } else { marker::ARRAY32 };
                self.put(marker, [0; 4]);
            }
        }
        Ok(Compound { writer: self, announced: len.unwrap_or_default(), met: 0, header_at })
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) => $put:ident as $wide:ty;)*) => {
        $(
            #[inline]
            fn $method(self, number: $type) -> Result<(), Fault> {
                self.$put(<$wide>::from(number));
                Ok(())
            }
        )*
    };
}

impl<'a, 'o> ser::Serializer for &'a mut Writer<'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Compound<'a, 'o>;
    type SerializeTuple = Compound<'a, 'o>;
    type SerializeTupleStruct = Compound<'a, 'o>;
    type SerializeTupleVariant = Compound<'a, 'o>;
    type SerializeMap = Compound<'a, 'o>;
    type SerializeStruct = Compound<'a, 'o>;
    type SerializeStructVariant = Compound<'a, 'o>;

    numbers! {
        serialize_i8(i8) => put_signed as i64;
        serialize_i16(i16) => put_signed as i64;
        serialize_i32(i32) => put_signed as i64;
        serialize_i64(i64) => put_signed as i64;
        serialize_u8(u8) => put_unsigned as u64;
        serialize_u16(u16) => put_unsigned as u64;
        serialize_u32(u32) => put_unsigned as u64;
        serialize_u64(u64) => put_unsigned as u64;
    }

    fn serialize_i128(self, number: i128) -> Result<(), Fault> {
        self.put_bytes(&number.to_be_bytes())
    }

    fn serialize_u128(self, number: u128) -> Result<(), Fault> {
        self.put_bytes(&number.to_be_bytes())
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.out.push(if value { marker::TRUE } else { marker::FALSE });
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, number: f32) -> Result<(), Fault> {
        self.put(marker::F32, number.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<(), Fault> {
        self.put(marker::F64, number.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, letter: char) -> Result<(), Fault> {
        self.put_str(letter.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.put_str(text)
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.put_bytes(bytes)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.out.push(marker::NIL);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.depth.enter()?;
        value.serialize(&mut *self)?;
        self.depth.leave();
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Fault> {
        self.serialize_none()
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        self.serialize_none()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        self.put_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.put_variant(variant)?;
        self.serialize_some(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, 'o>, Fault> {
        self.begin(Kind::Array, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 'o>, Fault> {
        self.begin(Kind::Array, Some(len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Compound<'a, 'o>, Fault> {
        self.begin(Kind::Array, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'o>, Fault> {
        self.put_variant(variant)?;
        self.begin(Kind::Array, Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a, 'o>, Fault> {
        self.begin(Kind::Map, len)
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Compound<'a, 'o>, Fault> {
        self.begin(Kind::Map, Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'o>, Fault> {
        self.put_variant(variant)?;
        self.begin(Kind::Map, Some(len))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of an array or the entries of a map.
pub(super) struct Compound<'a, 'o> {
    writer: &'a mut Writer<'o>,
    announced: usize,
    met: usize,
    /// Where the number of elements is put once it is known.
    header_at: Option<usize>,
}

impl Compound<'_, '_> {
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.met += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        self.met += 1;
        self.writer.put_str(key)?;
        value.serialize(&mut *self.writer)
    }

    fn close(self) -> Result<(), Fault> {
        let (met, announced) = (self.met, self.announced);
        self.writer.depth.leave();
        if let Some(at) = self.header_at {
            let Ok(met) = u32::try_from(met) else {
                return Err(Fault::new(format!("{met} elements are more than MessagePack can count")));
            };
            if let Some(header) = self.writer.out.get_mut(at + 1..at + 5) {
                header.copy_from_slice(&met.to_be_bytes());
            }
        } else if met != announced {
            return Err(Fault::new(format!("a value announced {announced} elements and has {met}")));
        }
        Ok(())
    }
}

macro_rules! compound {
    ($($trait:ident: $method:ident($($key:ident)?) => $put:ident;)*) => {
        $(
            impl ser::$trait for Compound<'_, '_> {
                type Ok = ();
                type Error = Fault;

                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($key: &'static str,)?
                    value: &T,
                ) -> Result<(), Fault> {
                    self.$put($($key,)? value)
                }

                #[inline]
                fn end(self) -> Result<(), Fault> {
                    self.close()
                }
            }
        )*
    };
}

compound! {
    SerializeSeq: serialize_element() => element;
    SerializeTuple: serialize_element() => element;
    SerializeTupleStruct: serialize_field() => element;
    SerializeTupleVariant: serialize_field() => element;
    SerializeStruct: serialize_field(key) => field;
    SerializeStructVariant: serialize_field(key) => field;
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.element(key)
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
