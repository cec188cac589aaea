//! Elements, entries and variants as serde asks for them.

use std::any::TypeId;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::error::{Error, Result};
use crate::types::{Ty, Wire};

use super::{Input, Read};

/// The elements of a slice or an array.
pub(super) struct Elements<'a, 't, 'de> {
    input: &'a mut Input<'t, 'de>,
    sizes: Sizes<'t>,
    ty: Ty,
    count: usize,
    left: usize,
    present: bool,
}

impl<'a, 't, 'de> Elements<'a, 't, 'de> {
    pub(super) fn new(
        input: &'a mut Input<'t, 'de>,
        wire: Option<&'t Wire>,
        ty: Ty,
        count: usize,
        present: bool,
        visitor: TypeId,
    ) -> Self {
        let sizes = Sizes::new(wire, visitor, input.types.limits.first_capacity_max);
        Self { input, sizes, ty, count, left: count, present }
    }

    /// Leaves out what the visitor did not ask for.
    pub(super) fn finish(mut self) -> Result<()> {
        while self.present && self.left > 0 {
            self.input.element(self.left)?;
            self.left -= 1;
            self.input.skip(self.ty)?;
        }
        Ok(())
    }

    #[cold]
    fn inside(&self, error: Error) -> Error {
        let offset = self.input.offset();
        error.at_byte(offset).inside(&format!("[{}]", self.count - self.left - 1))
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.present {
            self.input.element(self.left)?;
        }
        self.left -= 1;
        self.sizes.learn(size_of::<S::Value>());
        let element = Read::inner(self.input, self.ty, self.present);
        element.and_then(|element| seed.deserialize(element)).map(Some).map_err(|error| self.inside(error))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.sizes.hint(self.left))
    }
}

/// How large the receiver's elements are, which serde does not say before it has reserved room for them.
struct Sizes<'t> {
    wire: Option<&'t Wire>,
    visitor: TypeId,
    element: usize,
    capacity_max: usize,
}

impl<'t> Sizes<'t> {
    fn new(wire: Option<&'t Wire>, visitor: TypeId, capacity_max: usize) -> Self {
        let known = wire.and_then(|wire| wire.element_sizes.find(|(key, _)| *key == visitor));
        Self { wire, visitor, element: known.map_or(0, |(_, size)| *size), capacity_max }
    }

    /// Remembers the size at the first element that this receiver ever reads.
    #[inline]
    fn learn(&mut self, size: usize) {
        if self.element == 0 {
            self.learn_first(size.max(1));
        }
    }

    #[cold]
    fn learn_first(&mut self, size: usize) {
        self.element = size;
        if let Some(wire) = self.wire {
            let _ = wire.element_sizes.add((self.visitor, size));
        }
    }

    /// How many of `count` elements may be given room at once; none until their size is known.
    fn hint(&self, count: usize) -> usize {
        self.capacity_max.checked_div(self.element).unwrap_or(0).min(count)
    }
}

/// The bytes of a `[]byte`, for receivers that take them one by one.
pub(super) struct Bytes<'de> {
    rest: std::slice::Iter<'de, u8>,
    capacity_max: usize,
}

impl<'de> Bytes<'de> {
    pub(super) fn new(bytes: &'de [u8], capacity_max: usize) -> Self {
        Self { rest: bytes.iter(), capacity_max }
    }
}

impl<'de> SeqAccess<'de> for &mut Bytes<'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.rest.next() {
            Some(byte) => seed.deserialize(Byte(*byte)).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        // Whatever a byte is taken for is hardly larger than eight.
        Some(self.rest.len().min(self.capacity_max / 8))
    }
}

/// A byte of a `[]byte`, which is not an integer: Go does not take it for one either.
struct Byte(u8);

impl<'de> Deserializer<'de> for Byte {
    type Error = Error;

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
        Err(Error::mismatch("the sender's type is []byte, expected a slice of something else"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The entries of a map.
pub(super) struct Entries<'a, 't, 'de> {
    input: &'a mut Input<'t, 'de>,
    sizes: Sizes<'t>,
    parts: [Ty; 2],
    left: usize,
    key_size: usize,
}

impl<'a, 't, 'de> Entries<'a, 't, 'de> {
    pub(super) fn new(
        input: &'a mut Input<'t, 'de>,
        wire: &'t Wire,
        parts: [Ty; 2],
        count: usize,
        visitor: TypeId,
    ) -> Self {
        let sizes = Sizes::new(Some(wire), visitor, input.types.limits.first_capacity_max);
        Self { input, sizes, parts, left: count, key_size: 0 }
    }

    /// Leaves out what the visitor did not ask for.
    pub(super) fn finish(mut self) -> Result<()> {
        let [key, element] = self.parts;
        while self.left > 0 {
            self.left -= 1;
            self.input.entry()?;
            self.input.skip(key)?;
            self.input.skip(element)?;
        }
        Ok(())
    }

    #[cold]
    fn inside(&self, error: Error, step: &str) -> Error {
        let offset = self.input.offset();
        error.at_byte(offset).inside(step)
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, '_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.input.entry()?;
        self.key_size = size_of::<S::Value>();
        let [key, _] = self.parts;
        Read::inner(self.input, key, true)
            .and_then(|key| seed.deserialize(key))
            .map(Some)
            .map_err(|error| self.inside(error, "[key]"))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        // A table has up to 16 slots for 7 entries, and a byte of its own for each.
        self.sizes.learn(3 * (self.key_size + size_of::<S::Value>() + 1));
        let [_, element] = self.parts;
        Read::inner(self.input, element, true)
            .and_then(|element| seed.deserialize(element))
            .map_err(|error| self.inside(error, "[value]"))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.sizes.hint(self.left))
    }
}

/// What an interface holds: the registered name picks the variant.
pub(super) struct VariantOf<'a, 'n, 't, 'de> {
    pub(super) input: &'a mut Input<'t, 'de>,
    pub(super) name: &'n str,
    pub(super) ty: Ty,
}

impl<'a, 't, 'de> VariantOf<'a, '_, 't, 'de> {
    fn content(self) -> Result<Read<'a, 't, 'de>> {
        Read::top(self.input, self.ty)
    }
}

impl<'de> EnumAccess<'de> for VariantOf<'_, '_, '_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|error| {
            let name = crate::error::shown(self.name);
            Error::mismatch(format!("name not registered for interface: \"{name}\" ({error})"))
        })?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for VariantOf<'_, '_, '_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        self.input.skip(self.ty)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.content()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.content()?.deserialize_struct("the variant", fields, visitor)
    }
}
