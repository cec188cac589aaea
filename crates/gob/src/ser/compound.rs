//! What is written piece by piece: elements, entries and fields.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use crate::error::{Error, Result};
use crate::shape::{Field, Node};
use crate::wire::{float_bits, insert_uint, put_int, put_uint};

use super::byte::{Byte, Float, Name, Whole};
use super::{Write, close_interface, depth};

/// A slice, array, map, complex number or bytes; or a struct by position or as a map.
pub(crate) struct Compound<'a> {
    /// The fields' own writer has the output while there is one.
    inner: Inner<'a>,
    /// Where an interface's content began, of which this is the whole.
    interface: Option<usize>,
}

enum Inner<'a> {
    Elements(Elements<'a>),
    Complex { out: &'a mut Vec<u8>, delta: u32, parts: [f64; 2], count: usize },
    Fields { fields: Fields<'a>, next: usize },
}

struct Elements<'a> {
    out: &'a mut Vec<u8>,
    key: &'static Node,
    element: &'static Node,
    /// How many were announced; where nobody knew, the count is put in at `start` when all are written.
    announced: Option<usize>,
    start: usize,
    count: usize,
    /// Plain bytes, without a length each.
    raw: bool,
    /// An empty slice in a field: nothing was written.
    omitted: bool,
}

impl<'a> Compound<'a> {
    pub(super) fn elements(
        out: &'a mut Vec<u8>,
        key: &'static Node,
        element: &'static Node,
        len: Option<usize>,
    ) -> Self {
        let start = out.len();
        if let Some(len) = len {
            put_uint(out, len as u64);
        }
        let elements =
            Elements { out, key, element, announced: len, start, count: 0, raw: false, omitted: false };
        Self { inner: Inner::Elements(elements), interface: None }
    }

    pub(super) fn nothing(out: &'a mut Vec<u8>, node: &'static Node) -> Self {
        let start = out.len();
        let elements = Elements {
            out,
            key: node,
            element: node,
            announced: Some(0),
            start,
            count: 0,
            raw: false,
            omitted: true,
        };
        Self { inner: Inner::Elements(elements), interface: None }
    }

    pub(super) fn bytes(mut write: Write<'a>, len: Option<usize>) -> Self {
        if write.is_omitted(len == Some(0)) {
            return Self::nothing(write.out, write.node);
        }
        write.put_delta();
        let mut compound = Self::elements(write.out, write.node, write.node, len);
        if let Inner::Elements(elements) = &mut compound.inner {
            elements.raw = true;
        }
        compound
    }

    pub(super) fn complex(write: Write<'a>) -> Self {
        let inner = Inner::Complex { out: write.out, delta: write.delta, parts: [0.0; 2], count: 0 };
        Self { inner, interface: None }
    }

    pub(super) fn fields(fields: Fields<'a>) -> Self {
        Self { inner: Inner::Fields { fields, next: 0 }, interface: None }
    }

    pub(super) fn inside_interface(mut self, start: usize) -> Self {
        self.interface = Some(start);
        self
    }

    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match &mut self.inner {
            Inner::Elements(elements) => {
                elements.count += 1;
                if elements.raw {
                    elements.out.push(value.serialize(Byte)?);
                } else {
                    value.serialize(Write::whole(elements.out, elements.element))?;
                }
                Ok(())
            }
            Inner::Complex { parts, count, .. } => {
                if let Some(part) = parts.get_mut(*count) {
                    *part = value.serialize(Float)?;
                }
                *count += 1;
                Ok(())
            }
            Inner::Fields { fields, next } => {
                *next += 1;
                fields.put_at(*next - 1, value)
            }
        }
    }

    pub(super) fn close(self) -> Result<bool> {
        let (out, is_written) = match self.inner {
            Inner::Fields { fields, .. } => {
                return SerializeStruct::end(fields.inside(self.interface));
            }
            Inner::Complex { out, delta, parts: [real, imaginary], count } => {
                if count != 2 {
                    return Err(Error::mismatch(format!("a complex number of {count} parts")));
                }
                if delta > 0 {
                    if real == 0.0 && imaginary == 0.0 {
                        depth::leave();
                        return Ok(false);
                    }
                    put_uint(out, u64::from(delta));
                }
                put_uint(out, float_bits(real));
                put_uint(out, float_bits(imaginary));
                (out, true)
            }
            Inner::Elements(elements) => {
                match elements.announced {
                    None => insert_uint(elements.out, elements.start, elements.count as u64),
                    Some(announced) if announced != elements.count => {
                        return Err(Error::mismatch(format!(
                            "{announced} elements were announced, {} came",
                            elements.count
                        )));
                    }
                    Some(_) => {}
                }
                (elements.out, !elements.omitted)
            }
        };
        depth::leave();
        if let Some(start) = self.interface {
            close_interface(out, start);
        }
        Ok(is_written)
    }
}

macro_rules! by_element {
    ($($kind:ident $method:ident;)*) => {
        $(impl $kind for Compound<'_> {
            type Ok = bool;
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.element(value)
            }

            fn end(self) -> Result<bool> {
                self.close()
            }
        })*
    };
}

by_element! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

impl SerializeMap for Compound<'_> {
    type Ok = bool;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match &mut self.inner {
            Inner::Elements(elements) => {
                elements.count += 1;
                key.serialize(Write::whole(elements.out, elements.key)).map(|_| ())
            }
            Inner::Fields { fields, next } => {
                let name = key.serialize(Name)?;
                *next = fields.at(&name).ok_or_else(|| unread(&name))?;
                Ok(())
            }
            Inner::Complex { .. } => {
                Err(Error::mismatch("Serialize gives a map, where Deserialize reads a complex number"))
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match &mut self.inner {
            Inner::Elements(elements) => {
                value.serialize(Write::whole(elements.out, elements.element)).map(|_| ())
            }
            Inner::Fields { fields, next } => fields.put_at(*next, value),
            Inner::Complex { .. } => Ok(()),
        }
    }

    fn end(self) -> Result<bool> {
        self.close()
    }
}

/// The fields of a struct.
pub(crate) struct Fields<'a> {
    out: &'a mut Vec<u8>,
    fields: &'static [Field],
    /// Those that come after the last one.
    rest: std::slice::Iter<'static, Field>,
    /// How far that is from the last field that was written.
    delta: u32,
    interface: Option<usize>,
    duration: Option<Duration>,
}

/// A duration comes as a struct of seconds and nanoseconds, and leaves as an int.
struct Duration {
    /// As [`Write::delta`].
    delta: u32,
    secs: u64,
    nanos: u64,
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn new(out: &'a mut Vec<u8>, fields: &'static [Field]) -> Self {
        Self { out, fields, rest: fields.iter(), delta: 1, interface: None, duration: None }
    }

    pub(super) fn duration(out: &'a mut Vec<u8>, delta: u32) -> Self {
        Self { duration: Some(Duration { delta, secs: 0, nanos: 0 }), ..Self::new(out, &[]) }
    }

    pub(super) fn inside_interface(self, start: usize) -> Self {
        self.inside(Some(start))
    }

    fn inside(mut self, interface: Option<usize>) -> Self {
        self.interface = interface;
        self
    }

    /// Writes the next field.
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, field: &'static Field, value: &T) -> Result<()> {
        match value.serialize(Write::field(self.out, field.node, self.delta)) {
            Ok(true) => self.delta = 1,
            Ok(false) => self.delta += 1,
            Err(error) => return Err(error.inside(&field.go)),
        }
        Ok(())
    }

    /// Writes the field at `at`, and leaves out those before it.
    #[cold]
    fn put_at<T: Serialize + ?Sized>(&mut self, at: usize, value: &T) -> Result<()> {
        let next = self.fields.len() - self.rest.len();
        let Some(left_out) = at.checked_sub(next) else {
            return Err(Error::mismatch(format!("Serialize writes field {at} after field {next}")));
        };
        let Some(field) = self.rest.nth(left_out) else {
            return Err(Error::mismatch(format!("Serialize writes more than {} fields", self.fields.len())));
        };
        self.delta += left_out as u32;
        self.put(field, value)
    }

    /// Writes a field that is not the next one.
    #[cold]
    fn put_named<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        if let Some(at) = self.at(name) {
            return self.put_at(at, value);
        }
        let Some(duration) = &mut self.duration else { return Err(unread(name)) };
        let part = value.serialize(Whole)?;
        *(if name == "secs" { &mut duration.secs } else { &mut duration.nanos }) = part;
        Ok(())
    }

    /// Where a field of this name stands.
    fn at(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.rust == name)
    }
}

/// Whether two names are the same, which mostly are at the same place in memory.
#[inline]
fn is_same(left: &str, right: &str) -> bool {
    left.len() == right.len() && (std::ptr::eq(left.as_ptr(), right.as_ptr()) || left == right)
}

#[cold]
fn unread(name: &str) -> Error {
    Error::mismatch(format!("Serialize writes field `{name}`, which Deserialize does not read"))
}

impl SerializeStruct for Fields<'_> {
    type Ok = bool;
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        let mut rest = self.rest.clone();
        match rest.next() {
            Some(field) if is_same(field.rust, name) => {
                self.rest = rest;
                self.put(field, value)
            }
            _ => self.put_named(name, value),
        }
    }

    #[inline]
    fn end(self) -> Result<bool> {
        depth::leave();
        if self.duration.is_some() || self.interface.is_some() {
            return self.end_duration_or_variant();
        }
        self.out.push(0);
        Ok(true)
    }
}

impl Fields<'_> {
    /// Ends a duration, or what an interface holds.
    #[inline(never)]
    fn end_duration_or_variant(self) -> Result<bool> {
        if let Some(Duration { delta, secs, nanos }) = self.duration {
            let nanos = u128::from(secs) * 1_000_000_000 + u128::from(nanos);
            let nanos = i64::try_from(nanos).map_err(|_| {
                Error::unsupported(format!("a Duration of {nanos} ns is over Go's 292 years"))
            })?;
            if delta > 0 {
                if nanos == 0 {
                    return Ok(false);
                }
                put_uint(self.out, u64::from(delta));
            }
            put_int(self.out, nanos);
        } else {
            self.out.push(0);
        }
        if let Some(start) = self.interface {
            close_interface(self.out, start);
        }
        Ok(true)
    }
}

impl SerializeStructVariant for Fields<'_> {
    type Ok = bool;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        SerializeStruct::serialize_field(self, name, value)
    }

    fn end(self) -> Result<bool> {
        SerializeStruct::end(self)
    }
}
