//! Values to bytes: serde walks the value, the plan walks along.

mod byte;
mod compound;
mod depth;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::{Error, Result};
use crate::schema::{Kind, Schema};
use crate::shape::{Node, Shape, linked};
use crate::wire::{float_bits, insert_uint, int_bits, long_uint, put_bytes, put_int, put_uint};

use byte::Byte;
use compound::{Compound, Fields};
pub(crate) use depth::from_the_top;

/// Writes one value of a known type. Answers whether it was written: a field that is zero is left out.
pub(crate) struct Write<'a> {
    out: &'a mut Vec<u8>,
    node: &'static Node,
    /// How far the field is from the last one written; 0 outside of structs, where zeros are written too.
    delta: u32,
    /// Inside a marshaler: what only programs read. Elsewhere types that have a text for people write that, because
    /// Go has strings and no enums of address families.
    compact: bool,
}

impl<'a> Write<'a> {
    /// Writes `node` in full, zero or not.
    #[inline]
    pub(crate) fn whole(out: &'a mut Vec<u8>, node: &'static Node) -> Self {
        Self { out, node, delta: 0, compact: false }
    }

    #[inline]
    fn field(out: &'a mut Vec<u8>, node: &'static Node, delta: u32) -> Self {
        Self { out, node, delta, compact: false }
    }

    #[inline]
    fn is_omitted(&self, is_zero: bool) -> bool {
        is_zero && self.delta > 0
    }

    /// What stands before a field's value.
    #[inline]
    fn put_delta(&mut self) {
        if self.delta > 0 {
            put_uint(self.out, u64::from(self.delta));
        }
    }

    #[inline]
    fn int(self, value: i64) -> Result<bool> {
        if self.node.kind != Kind::Int {
            return Err(other(self.node, "a signed integer"));
        }
        Ok(put_number(self.out, self.delta, int_bits(value)))
    }

    #[inline]
    fn uint(self, value: u64) -> Result<bool> {
        if self.node.kind != Kind::Uint {
            return Err(other(self.node, "an unsigned integer"));
        }
        Ok(put_number(self.out, self.delta, value))
    }

    /// A length and bytes, as strings, bytes and marshalers have them.
    #[inline]
    fn lengthened(mut self, bytes: &[u8]) -> bool {
        if self.is_omitted(bytes.is_empty()) {
            return false;
        }
        self.put_delta();
        put_bytes(self.out, bytes);
        true
    }

    /// A slice, array, map, complex number, or a struct whose fields come by position or as a map.
    fn compound(mut self, len: Option<usize>) -> Result<Compound<'a>> {
        depth::enter()?;
        let (key, element) = match &self.node.shape {
            Shape::Slice(element) | Shape::Array(element, _) => (linked(element), linked(element)),
            Shape::Map(key, element) => (linked(key), linked(element)),
            Shape::Bytes => return Ok(Compound::bytes(self, len)),
            Shape::Complex => return Ok(Compound::complex(self)),
            Shape::Struct { fields, .. } => {
                self.put_delta();
                let fields = fields.get().map(|fields| &**fields).unwrap_or_default();
                return Ok(Compound::fields(Fields::new(self.out, fields)));
            }
            _ => return Err(other(self.node, "a sequence or a map")),
        };
        if let (Shape::Array(_, expected), Some(found)) = (&self.node.shape, len)
            && *expected != found
        {
            return Err(other(self.node, &format!("{found} elements")));
        }
        if matches!(self.node.shape, Shape::Slice(_)) && self.is_omitted(len == Some(0)) {
            return Ok(Compound::nothing(self.out, key));
        }
        self.put_delta();
        Ok(Compound::elements(self.out, key, element, len))
    }

    #[inline]
    fn fields(mut self) -> Result<Fields<'a>> {
        match &self.node.shape {
            Shape::Struct { fields, .. } => {
                depth::enter()?;
                self.put_delta();
                Ok(Fields::new(self.out, fields.get().map(|fields| &**fields).unwrap_or_default()))
            }
            Shape::Duration => {
                depth::enter()?;
                Ok(Fields::duration(self.out, self.delta))
            }
            _ => Err(other(self.node, "a struct")),
        }
    }

    /// What stands before the content of an interface: the registered name and the type. Answers where the
    /// byte count is to be put in, and who writes the content.
    fn interface(mut self, variant: &'static str) -> Result<(usize, Write<'a>)> {
        let Shape::Interface { name, variants } = &self.node.shape else {
            return Err(other(self.node, "an enum"));
        };
        let mut known = variants.get().into_iter().flatten();
        let Some(variant) = known.find(|known| known.name == variant) else {
            return Err(Error::mismatch(format!(
                "Serialize gives variant {variant} of {name}, which Deserialize does not read"
            )));
        };
        depth::enter()?;
        self.put_delta();
        put_bytes(self.out, variant.name.as_bytes());
        put_int(self.out, i64::from(variant.node.id));
        let start = self.out.len();
        if !variant.node.is_struct() {
            self.out.push(0);
        }
        Ok((start, Write::whole(self.out, variant.node)))
    }
}

/// Takes the type, not the `Write`, which can then stay in registers.
#[cold]
fn other(node: &'static Node, found: &str) -> Error {
    Error::mismatch(format!("Serialize gives {found}, where Deserialize reads {}", Schema::of(node)))
}

/// A number with the distance that stands before a field's. Answers whether it was written.
///
/// This runs for most fields of most structs: it calls nothing where there is room, so that nothing has to be saved.
#[inline]
fn put_number(out: &mut Vec<u8>, delta: u32, bits: u64) -> bool {
    if !(1..128).contains(&delta) || out.capacity() - out.len() < NUMBER_LEN_MAX {
        return put_far_number(out, delta, bits);
    }
    if bits < 128 {
        if bits == 0 {
            return false;
        }
        out.extend_from_slice(&[delta as u8, bits as u8]);
        return true;
    }
    let (long, len) = long_uint(bits);
    let mut bytes = [0; NUMBER_LEN_MAX];
    let [head, tail @ ..] = &mut bytes;
    (*head, *tail) = (delta as u8, long);
    out.extend_from_slice(&bytes);
    out.truncate(out.len() - (long.len() - len));
    true
}

/// A distance of one byte and the longest number.
const NUMBER_LEN_MAX: usize = 10;

/// A number that is no field's, or that of a field far from the last one, or one for which there is no room yet.
#[inline(never)]
fn put_far_number(out: &mut Vec<u8>, delta: u32, bits: u64) -> bool {
    if delta > 0 {
        if bits == 0 {
            return false;
        }
        put_uint(out, u64::from(delta));
    }
    put_uint(out, bits);
    true
}

/// Puts the byte count of an interface's content, which began at `start`, in front of it.
fn close_interface(out: &mut Vec<u8>, start: usize) {
    depth::leave();
    let len = out.len() - start;
    insert_uint(out, start, len as u64);
}

macro_rules! numbers {
    ($($method:ident $number:ty, $put:ident as $wide:ty;)*) => {
        $(#[inline]
        fn $method(self, value: $number) -> Result<bool> {
            self.$put(value as $wide)
        })*
    };
}

impl<'a> Serializer for Write<'a> {
    type Ok = bool;
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    numbers! {
        serialize_i8 i8, int as i64;
        serialize_i16 i16, int as i64;
        serialize_i32 i32, int as i64;
        serialize_i64 i64, int as i64;
        serialize_u8 u8, uint as u64;
        serialize_u16 u16, uint as u64;
        serialize_u32 u32, uint as u64;
        serialize_u64 u64, uint as u64;
        serialize_f32 f32, serialize_f64 as f64;
    }

    fn serialize_char(self, value: char) -> Result<bool> {
        self.int(i64::from(u32::from(value)))
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<bool> {
        if self.node.kind != Kind::Bool {
            return Err(other(self.node, "a bool"));
        }
        Ok(put_number(self.out, self.delta, u64::from(value)))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<bool> {
        if self.node.kind != Kind::Float {
            return Err(other(self.node, "a float"));
        }
        // -0.0 is zero in a field, as in Go.
        let value = if self.is_omitted(value == 0.0) { 0.0 } else { value };
        Ok(put_number(self.out, self.delta, float_bits(value)))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<bool> {
        if self.node.kind != Kind::String {
            return Err(other(self.node, "a string"));
        }
        Ok(self.lengthened(value.as_bytes()))
    }

    /// Also strings that are not UTF-8, and what marshalers wrote.
    fn serialize_bytes(self, value: &[u8]) -> Result<bool> {
        match self.node.shape {
            Shape::Bytes | Shape::String => Ok(self.lengthened(value)),
            // Go leaves out a marshaler that is zero; of those that we know, this is what zero looks like.
            Shape::Opaque { name: "Time", .. } if self.is_omitted(value == crate::helper::ZERO_TIME) => {
                Ok(false)
            }
            Shape::Opaque { .. } => Ok(self.lengthened(value)),
            _ => Err(other(self.node, "bytes")),
        }
    }

    fn serialize_none(self) -> Result<bool> {
        if self.delta > 0 {
            return Ok(false);
        }
        if matches!(self.node.shape, Shape::Interface { .. }) {
            self.out.push(0);
            return Ok(true);
        }
        Err(Error::unsupported("a None inside a sequence, array or map has no gob encoding"))
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<bool> {
        self.fields()?.end()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool> {
        self.fields()?.end()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<bool> {
        if matches!(self.node.shape, Shape::Name) {
            return self.serialize_str(variant);
        }
        let (start, content) = self.interface(variant)?;
        content.out.push(0);
        close_interface(content.out, start);
        Ok(true)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool> {
        let compact = matches!(self.node.shape, Shape::Opaque { .. });
        value.serialize(Self { compact, ..self })
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        !self.compact
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<bool> {
        let (start, content) = self.interface(variant)?;
        let Write { out, node, .. } = content;
        if !value.serialize(Write::whole(out, node))? {
            return Err(Error::unsupported(format!("a None inside variant {variant} has no gob encoding")));
        }
        close_interface(out, start);
        Ok(true)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a>> {
        self.compound(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a>> {
        self.compound(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'a>> {
        self.compound(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a>> {
        let (start, content) = self.interface(variant)?;
        Ok(content.compound(Some(len))?.inside_interface(start))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a>> {
        self.compound(len)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>> {
        self.fields()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>> {
        let (start, content) = self.interface(variant)?;
        Ok(content.fields()?.inside_interface(start))
    }

    /// Slices and vectors come here; a plain `Vec<u8>` goes in a loop of its own, without a step per byte.
    #[inline]
    fn collect_seq<I: IntoIterator>(mut self, items: I) -> Result<bool>
    where
        I::Item: Serialize,
    {
        let items = items.into_iter();
        let (least, most) = items.size_hint();
        let len = (Some(least) == most).then_some(least);
        if let (Shape::Bytes, Some(len)) = (&self.node.shape, len) {
            if self.is_omitted(len == 0) {
                return Ok(false);
            }
            self.put_delta();
            put_uint(self.out, len as u64);
            let start = self.out.len();
            self.out.resize(start + len, 0);
            let room = self.out.get_mut(start..).unwrap_or_default();
            for (byte, item) in room.iter_mut().zip(items) {
                *byte = item.serialize(Byte)?;
            }
            return Ok(true);
        }
        let mut compound = self.compound(len)?;
        for item in items {
            compound.element(&item)?;
        }
        compound.close()
    }
}
