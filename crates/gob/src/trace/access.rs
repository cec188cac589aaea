//! Fields, elements and variants of trial values.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::error::{Error, Result};

use super::deserializer::Trial;
use super::{Content, Place, Tracer};

/// The fields of a struct, by name; those that refuse every value are left out.
pub(super) struct Fields<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) place: Place,
    pub(super) next: usize,
    pub(super) recording: bool,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let seen = self.tracer.struct_at(self.place);
        let wanted = |at: &usize| !seen.fields[*at].refused && !seen.fields[*at].alias;
        let Some(at) = (self.next..seen.fields.len()).find(wanted) else {
            seen.explored |= self.recording;
            return Ok(None);
        };
        self.next = at + 1;
        seen.current = at;
        let name: StrDeserializer<'_, Error> = seen.fields[at].rust.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let at = self.next - 1;
        let place = self.tracer.struct_at(self.place).fields[at].place;
        let made = seed.deserialize(Trial::new(self.tracer, self.recording.then_some(place)));
        if made.is_err() && self.recording && !self.tracer.handled {
            self.tracer.struct_at(self.place).fields[at].refused = true;
            self.tracer.handled = true;
        }
        made
    }
}

/// One element per place; of a map, a key and a value.
pub(super) struct Items<'t> {
    tracer: &'t mut Tracer,
    places: std::vec::IntoIter<Option<Place>>,
}

impl<'t> Items<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, places: Vec<Option<Place>>) -> Self {
        Self { tracer, places: places.into_iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.places.next() {
            Some(place) => seed.deserialize(Trial::new(self.tracer, place)).map(Some),
            None => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let value = self.next_element_seed(seed)?;
        value.ok_or_else(|| Error::unsupported("a map's visitor asks for a value before its key"))
    }
}

/// The variant that this pass shows.
pub(super) struct Picked<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) place: Place,
    pub(super) at: usize,
    pub(super) recording: bool,
}

impl<'t> Picked<'t> {
    /// Notes what the variant holds, and makes that.
    fn content(self, content: Content) -> Trial<'t> {
        let variant = &mut self.tracer.enum_at(self.place).variants[self.at];
        if self.recording {
            variant.content = content;
        }
        let place = self.recording.then_some(variant.place);
        Trial::new(self.tracer, place)
    }
}

impl<'de> EnumAccess<'de> for Picked<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = self.tracer.enum_at(self.place).variants[self.at].name;
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Picked<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        self.content(Content::Nothing);
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.content(Content::Something))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.content(Content::Something).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let name = self.tracer.enum_at(self.place).variants[self.at].name;
        self.content(Content::Something).fields(name, fields, visitor)
    }
}
