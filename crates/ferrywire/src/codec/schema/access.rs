//! Fields, elements and variants of trial values.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::trace::{Place, Refusal, Tracer};
use super::trial::Trial;

/// The fields of a struct, by name; those that refuse every value are left out.
pub(super) struct Fields<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) place: Place,
    pub(super) next: usize,
    pub(super) is_recording: bool,
}

impl MapAccess<'static> for Fields<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        let Some(seen) = self.tracer.struct_at(self.place) else { return Ok(None) };
        let is_wanted = |at: &usize| !seen.fields[*at].is_refused && !seen.fields[*at].is_alias;
        let Some(at) = (self.next..seen.fields.len()).find(is_wanted) else {
            seen.is_explored |= self.is_recording;
            return Ok(None);
        };
        self.next = at + 1;
        seen.current = at;
        let name: StrDeserializer<'_, Refusal> = seen.fields[at].name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let Some(at) = self.next.checked_sub(1) else { return Err(Refusal::default()) };
        let Some(seen) = self.tracer.struct_at(self.place) else { return Err(Refusal::default()) };
        let place = seen.fields[at].place;
        let made = seed.deserialize(Trial::new(self.tracer, self.is_recording.then_some(place)));
        if made.is_err()
            && self.is_recording
            && self.tracer.is_stuck()
            && let Some(seen) = self.tracer.struct_at(self.place)
        {
            seen.fields[at].is_refused = true;
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

impl SeqAccess<'static> for Items<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        match self.places.next() {
            Some(place) => seed.deserialize(Trial::new(self.tracer, place)).map(Some),
            None => Ok(None),
        }
    }
}

impl MapAccess<'static> for Items<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        self.next_element_seed(seed)?.ok_or_else(Refusal::default)
    }
}

/// The variant that this pass shows.
pub(super) struct Picked<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) place: Place,
    pub(super) at: usize,
    pub(super) is_recording: bool,
}

impl<'t> Picked<'t> {
    /// Makes what the variant holds.
    fn content(self) -> Trial<'t> {
        let mut place = None;
        if let Some(seen) = self.tracer.enum_at(self.place).filter(|_| self.is_recording) {
            seen.variants[self.at].is_shown = true;
            place = Some(seen.variants[self.at].place);
        }
        Trial::new(self.tracer, place)
    }
}

impl EnumAccess<'static> for Picked<'_> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        let Some(seen) = self.tracer.enum_at(self.place) else { return Err(Refusal::default()) };
        let name: StrDeserializer<'_, Refusal> = seen.variants[self.at].name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl VariantAccess<'static> for Picked<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        serde::Deserialize::deserialize(self.content())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<S::Value, Refusal> {
        seed.deserialize(self.content())
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.content().deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.content().fields(fields, visitor)
    }
}
