//! The deserializer: one value of a known wire type, or that type's zero.

use std::any::TypeId;
use std::time::Duration;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{Marshaler, reserved};
use crate::skim::array_count;
use crate::types::{Fit, Form, Ty, Types, Wire};
use crate::wire::{float_of, int_of};

use super::Input;
use super::access::{Bytes, Elements, Entries, VariantOf};
use super::fields::{All, ByName, Fields, InOrder, Named};

/// Reads a value of type `ty`. One that is not `present` is a field that the sender left out: its type's zero.
pub(crate) struct Read<'a, 't, 'de> {
    pub(super) input: &'a mut Input<'t, 'de>,
    pub(super) ty: Ty,
    pub(super) present: bool,
    /// What a bool, integer or float is on the wire: it is read before the receiver is asked for it. 0 if not present.
    bits: u64,
    /// At the top or in an interface, where two structs without a field in common do not match.
    pub(super) strict: bool,
    /// Inside a marshaler, whose content is not for people: what stands for its zero.
    marshaled: Option<&'static [u8]>,
}

impl<'a, 't, 'de> Read<'a, 't, 'de> {
    pub(crate) fn top(input: &'a mut Input<'t, 'de>, ty: Ty) -> Result<Self> {
        Ok(Self { strict: true, ..Self::inner(input, ty, true)? })
    }

    /// An element, or a field.
    #[inline]
    pub(super) fn inner(input: &'a mut Input<'t, 'de>, ty: Ty, present: bool) -> Result<Self> {
        let bits = if present && ty.is_number() { input.body.uint()? } else { 0 };
        Ok(Self::with_bits(input, ty, present, bits))
    }

    /// As [`inner`](Self::inner), where a number was read.
    #[inline]
    pub(super) fn with_bits(input: &'a mut Input<'t, 'de>, ty: Ty, present: bool, bits: u64) -> Self {
        Self { input, ty, present, bits, strict: false, marshaled: None }
    }

    #[inline]
    fn wire(&self) -> Option<&'t Wire> {
        self.input.types.wire(self.ty)
    }

    #[inline(always)]
    fn other<T>(&self, expected: &str) -> Result<T> {
        Err(other(self.input.types, self.ty, expected))
    }

    #[inline]
    fn expect(&self, ty: Ty, expected: &'static str) -> Result<()> {
        if self.ty == ty { Ok(()) } else { self.other(expected) }
    }

    #[inline(always)]
    fn int(&self) -> Result<i64> {
        self.expect(Ty::INT, "a signed integer")?;
        Ok(int_of(self.bits))
    }

    #[inline(always)]
    fn uint(&self) -> Result<u64> {
        self.expect(Ty::UINT, "an unsigned integer")?;
        Ok(self.bits)
    }

    #[inline(always)]
    fn float(&self) -> Result<f64> {
        self.expect(Ty::FLOAT, "a float")?;
        Ok(float_of(self.bits))
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8]> {
        if self.present { self.input.body.bytes() } else { Ok(self.marshaled.unwrap_or_default()) }
    }

    /// A level of elements, entries or fields, made by `visit` and then closed by it.
    #[inline]
    fn inside<T>(self, visit: impl FnOnce(&mut Input<'t, 'de>) -> Result<T>) -> Result<T> {
        self.input.enter()?;
        let value = visit(self.input)?;
        self.input.leave();
        Ok(value)
    }

    fn elements<V: Visitor<'de>>(self, ty: Ty, count: usize, visitor: V) -> Result<V::Value> {
        let (present, wire) = (self.present, self.wire());
        self.inside(|input| {
            let mut elements = Elements::new(input, wire, ty, count, present, typeid::of::<V>());
            let value = visitor.visit_seq(&mut elements)?;
            elements.finish()?;
            Ok(value)
        })
    }

    fn fields_by<V: Visitor<'de>, N: Named<'t>>(
        self,
        wire: &'t Wire,
        names: N,
        visit: impl FnOnce(&mut Fields<'_, 't, 'de, N>, V) -> Result<V::Value>,
        visitor: V,
    ) -> Result<V::Value> {
        let present = self.present;
        self.inside(|input| {
            let mut fields = Fields::new(input, wire, names, present)?;
            let value = visit(&mut fields, visitor)?;
            fields.finish()?;
            Ok(value)
        })
    }

    /// The fields that both sides have.
    ///
    /// What is rare stands in functions of its own, here and below: it keeps the frames of a deep value small.
    #[inline]
    fn matched<V: Visitor<'de>>(
        mut self,
        wire: &'t Wire,
        receiver: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let fit = match wire.fits.find(|fit| fit.is_for(fields)) {
            Some(fit) => fit,
            None => match self.new_fit(wire, fields)? {
                Ok(fit) => fit,
                Err(fit) => return self.by_name(wire, &fit, visitor),
            },
        };
        if self.strict && fit.is_empty(wire.parts().len()) {
            return self.nothing_in_common(receiver);
        }
        if fit.is_in_order() { self.in_order(wire, fit, visitor) } else { self.by_name(wire, fit, visitor) }
    }

    /// Without names there is nothing to compare, and nothing to look for twice.
    #[inline]
    fn in_order<V: Visitor<'de>>(self, wire: &'t Wire, fit: &Fit, visitor: V) -> Result<V::Value> {
        self.input.enter()?;
        let mut fields = InOrder::new(self.input, wire, &fit.pairs, self.present)?;
        match visitor.visit_seq(&mut fields) {
            Ok(value) => {
                fields.finish()?;
                self.input.leave();
                Ok(value)
            }
            Err(error) => Err(fields.refused(fit, error)),
        }
    }

    fn by_name<V: Visitor<'de>>(self, wire: &'t Wire, fit: &Fit, visitor: V) -> Result<V::Value> {
        self.fields_by(wire, ByName::new(&fit.pairs), |fields, visitor| visitor.visit_map(fields), visitor)
    }

    #[cold]
    fn nothing_in_common<T>(&self, receiver: &str) -> Result<T> {
        let found = self.input.types.describe(self.ty);
        Err(Error::mismatch(format!("type mismatch: no fields of {found} matched those of {receiver}")))
    }

    #[cold]
    fn new_fit(
        &mut self,
        wire: &'t Wire,
        fields: &'static [&'static str],
    ) -> Result<std::result::Result<&'t Fit, Box<Fit>>> {
        let Form::Struct(sent) = &wire.definition.form else { return self.other("a struct") };
        self.input.steps(sent.len())?;
        Ok(wire.fits.add(Fit::new(sent, wire.parts(), fields)).map_err(Box::new))
    }

    /// A duration is an int of nanoseconds, where serde has a struct.
    #[inline(never)]
    fn duration<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let nanos = self.int()?;
        let Ok(nanos) = u64::try_from(nanos) else {
            return Err(out_of_range(format!("{nanos} ns"), "a Duration"));
        };
        let parts = [("secs", nanos / 1_000_000_000), ("nanos", nanos % 1_000_000_000)];
        visitor.visit_map(MapDeserializer::new(parts.into_iter()))
    }

    #[cold]
    fn other_struct<T>(&self, name: &str) -> Result<T> {
        self.other(&format!("a struct such as {name}"))
    }

    /// Whether a nil interface comes next, which is then read.
    #[inline(never)]
    fn takes_nil(&mut self) -> Result<bool> {
        let mut ahead = self.input.body;
        let is_nil = ahead.uint()? == 0;
        if is_nil {
            self.input.body = ahead;
        }
        Ok(is_nil)
    }

    fn nil_interface<T>(&self, receiver: &str) -> Result<T> {
        Err(Error::mismatch(format!("a nil interface, expected one of {receiver}: use Option<{receiver}>")))
    }
}

/// Takes the types, not the `Read`, which can then stay in registers.
#[cold]
fn other(types: &Types, ty: Ty, expected: &str) -> Error {
    let found = types.describe(ty);
    Error::mismatch(format!("the sender's type is {found}, expected {expected}"))
}

/// Integers go through the widest type, whose visitors check the range themselves.
macro_rules! integers {
    ($($method:ident $get:ident $visit:ident $number:ty;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let wide = self.$get()?;
            match <$number>::try_from(wide) {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(out_of_range(wide, stringify!($number))),
            }
        })*
    };
}

#[cold]
fn out_of_range(found: impl std::fmt::Display, expected: &str) -> Error {
    Error::new(ErrorKind::OutOfRange, format!("value out of range: {found} for {expected}"))
}

impl<'de> Deserializer<'de> for Read<'_, '_, 'de> {
    type Error = Error;

    integers! {
        deserialize_i8 int visit_i8 i8;
        deserialize_i16 int visit_i16 i16;
        deserialize_i32 int visit_i32 i32;
        deserialize_i64 int visit_i64 i64;
        deserialize_u8 uint visit_u8 u8;
        deserialize_u16 uint visit_u16 u16;
        deserialize_u32 uint visit_u32 u32;
        deserialize_u64 uint visit_u64 u64;
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.expect(Ty::BOOL, "a bool")?;
        visitor.visit_bool(self.bits != 0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let wide = self.float()?;
        // Infinities and NaN fit, and what is too small becomes zero, as in Go.
        if wide.is_finite() && wide.abs() > f64::from(f32::MAX) {
            return Err(out_of_range(wide, "f32"));
        }
        visitor.visit_f32(wide as f32)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let value = self.float()?;
        visitor.visit_f64(value)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let code = self.int()?;
        match u32::try_from(code).ok().and_then(char::from_u32) {
            Some(letter) => visitor.visit_char(letter),
            None => Err(out_of_range(code, "char")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        self.expect(Ty::STRING, "a string")?;
        let bytes = self.bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_borrowed_str(text),
            // Go's strings need not be UTF-8; types that know that take bytes.
            Err(_) => visitor.visit_borrowed_bytes(bytes).map_err(|error: Error| match error.kind() {
                ErrorKind::Refused => Error::mismatch("a string that is not UTF-8: use RawString to take it"),
                _ => error,
            }),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if self.ty != Ty::BYTES && self.wire().and_then(Wire::marshaler).is_none() {
            return self.other("bytes");
        }
        let bytes = self.bytes()?;
        visitor.visit_borrowed_bytes(bytes)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if !self.present || (self.ty == Ty::INTERFACE && self.takes_nil()?) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.present && !self.ty.is_number() {
            self.input.skip(self.ty)?;
        }
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        let mut marshaled = None;
        if name == reserved::COMPLEX {
            self.expect(Ty::COMPLEX, "a complex number")?;
        } else if let Some((expected, _, zero)) = Marshaler::reserved(name) {
            if self.wire().and_then(Wire::marshaler) != Some(expected) {
                return self.other(&format!("a {}", expected.go_name()));
            }
            marshaled = Some(zero);
        }
        visitor.visit_newtype_struct(Self { marshaled, ..self })
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.marshaled.is_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if self.ty == Ty::BYTES {
            let mut bytes = Bytes::new(self.bytes()?, self.input.types.limits.first_capacity_max);
            return visitor.visit_seq(&mut bytes);
        }
        let Some(wire) = self.wire() else {
            return self.other("a slice");
        };
        match (&wire.definition.form, wire.parts()) {
            (Form::Slice(_), [element]) => {
                let count = if self.present { self.input.count()? } else { 0 };
                self.elements(*element, count, visitor)
            }
            _ => self.other("a slice"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        if self.ty == Ty::COMPLEX && len == 2 {
            let mut parts = [0.0; 2];
            if self.present {
                parts = [self.input.body.float()?, self.input.body.float()?];
            }
            return visitor.visit_seq(SeqDeserializer::new(parts.into_iter()));
        }
        let Some(wire) = self.wire() else {
            return self.other(&format!("an array of {len}"));
        };
        match (&wire.definition.form, wire.parts()) {
            (Form::Array(_, sent), [element]) if *sent == len as u64 => {
                let count = if self.present { array_count(self.input.count()?, *sent)? } else { len };
                self.elements(*element, count, visitor)
            }
            // A tuple whose twin is a struct: by position.
            (Form::Struct(fields), _) if fields.len() == len => {
                self.fields_by(wire, All::new(wire), |fields, visitor| visitor.visit_seq(fields), visitor)
            }
            _ => self.other(&format!("an array of {len}")),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(wire) = self.wire() else {
            return self.other("a map");
        };
        match (&wire.definition.form, wire.parts()) {
            (Form::Map(..), [key, element]) => {
                let count = if self.present { self.input.count()? } else { 0 };
                self.inside(|input| {
                    let mut entries = Entries::new(input, wire, [*key, *element], count, typeid::of::<V>());
                    let value = visitor.visit_map(&mut entries)?;
                    entries.finish()?;
                    Ok(value)
                })
            }
            (Form::Struct(_), _) => {
                self.fields_by(wire, All::new(wire), |fields, visitor| visitor.visit_map(fields), visitor)
            }
            _ => self.other("a map"),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.wire() {
            Some(wire) if wire.is_struct() => self.matched(wire, name, fields, visitor),
            _ if typeid::of::<V::Value>() == TypeId::of::<Duration>() => self.duration(visitor),
            _ => self.other_struct(name),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.ty {
            Ty::STRING => {
                let variant = String::from_utf8_lossy(self.bytes()?);
                let variant: StrDeserializer<'_, Error> = (&*variant).into_deserializer();
                visitor.visit_enum(variant)
            }
            Ty::INTERFACE if !self.present => self.nil_interface(name),
            Ty::INTERFACE => {
                let registered = self.input.interface_name()?;
                if registered.is_empty() {
                    return self.nil_interface(name);
                }
                let registered = String::from_utf8_lossy(registered);
                let ty = self.input.concrete()?;
                self.inside(|input| visitor.visit_enum(VariantOf { input, name: &registered, ty }))
            }
            _ => self.other("an interface or a string"),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.ty {
            Ty::BOOL => self.deserialize_bool(visitor),
            Ty::INT => self.deserialize_i64(visitor),
            Ty::UINT => self.deserialize_u64(visitor),
            Ty::FLOAT => self.deserialize_f64(visitor),
            Ty::BYTES => self.deserialize_bytes(visitor),
            Ty::STRING => self.deserialize_str(visitor),
            Ty::COMPLEX => self.deserialize_tuple(2, visitor),
            Ty::INTERFACE => {
                if !self.present || self.input.interface_name()?.is_empty() {
                    return visitor.visit_unit();
                }
                let ty = self.input.concrete()?;
                self.inside(|input| Read::top(input, ty)?.deserialize_any(visitor))
            }
            _ => match self.wire().map(|wire| &wire.definition.form) {
                // Zeros of types that contain themselves would go on without end; an absent one is nil.
                Some(Form::Struct(_) | Form::Array(..)) if !self.present => visitor.visit_unit(),
                Some(Form::Struct(_) | Form::Map(..)) => self.deserialize_map(visitor),
                Some(Form::Slice(_)) => self.deserialize_seq(visitor),
                Some(Form::Array(_, len)) => {
                    let len = usize::try_from(*len).unwrap_or(usize::MAX);
                    self.deserialize_tuple(len, visitor)
                }
                Some(Form::Opaque(_)) => self.deserialize_bytes(visitor),
                None => self.other("a value"),
            },
        }
    }
}
