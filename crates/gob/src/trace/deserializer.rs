//! The deserializer that hands out trial values and records what was asked for.

use std::any::TypeId;
use std::time::Duration;

use serde::de::value::MapDeserializer;
use serde::de::{Deserializer, Visitor};

use crate::error::{Error, Result};
use crate::names::{Marshaler, reserved};
use crate::shape::Predefined;

use super::access::{Fields, Items, Picked};
use super::{Content, DEPTH_MAX, Place, Seen, SeenEnum, SeenField, SeenStruct, SeenVariant, Tracer};

/// Makes one value. With a place it also records what the value is; without one it makes the smallest
/// there is, which ends recursion.
pub(super) struct Trial<'t> {
    tracer: &'t mut Tracer,
    place: Option<Place>,
    /// Inside a marshaler, whose content is not for people: what stands for its zero.
    marshaled: Option<&'static [u8]>,
}

/// Texts, one of which most types that parse a string accept: empty, a word, a number, dates, addresses, an id.
const TEXTS: [&str; 10] = [
    "",
    "a",
    "0",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "00:00:00",
    "127.0.0.1",
    "::1",
    "http://a.b/",
    "00000000-0000-0000-0000-000000000000",
];

/// Lengths of bytes that types of a fixed length have.
const LENGTHS: [usize; 11] = [0, 1, 2, 4, 8, 12, 16, 20, 24, 32, 64];
static ZEROS: [u8; 64] = [0; 64];

/// The way out for a type whose shape only its own code knows.
const TWIN: &str = "mark the field #[serde(with = \"ferrywire_gob::AsIf::<Twin>\")] with a plain struct or enum Twin of the same layout";

impl<'t> Trial<'t> {
    pub(super) fn recording(tracer: &'t mut Tracer, place: Place) -> Self {
        Self { tracer, place: Some(place), marshaled: None }
    }

    pub(super) fn new(tracer: &'t mut Tracer, place: Option<Place>) -> Self {
        Self { tracer, place, marshaled: None }
    }

    /// Offers the next of `count` trial values; when it is refused, the next pass offers another.
    fn leaf<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        plain: Predefined,
        count: usize,
        offer: impl FnOnce(V, usize) -> Result<V::Value>,
    ) -> Result<V::Value> {
        self.tracer.record(self.place, Seen::Plain(plain));
        let key = typeid::of::<V>();
        let attempt = self.tracer.attempts.get(&key).copied().unwrap_or(0);
        offer(visitor, attempt).inspect_err(|_| {
            if !self.tracer.handled && attempt + 1 < count {
                self.tracer.attempts.insert(key, attempt + 1);
                self.tracer.handled = true;
            }
        })
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.leaf(visitor, Predefined::String, TEXTS.len(), |visitor, attempt| {
            visitor.visit_borrowed_str(TEXTS[attempt])
        })
    }

    fn bytes<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let zero = self.marshaled.unwrap_or_default();
        self.leaf(visitor, Predefined::Bytes, LENGTHS.len(), |visitor, attempt| {
            visitor.visit_borrowed_bytes(if attempt == 0 { zero } else { &ZEROS[..LENGTHS[attempt]] })
        })
    }

    /// Goes a level down, unless that never ends.
    fn enter(&mut self, name: &str) -> Result<()> {
        self.tracer.depth += 1;
        if self.tracer.depth > DEPTH_MAX {
            let text = format!("{name} contains itself without end");
            self.tracer.fatal.get_or_insert_with(|| text.clone());
            return Err(Error::unsupported(text));
        }
        Ok(())
    }

    fn refuse<T>(self, text: String) -> Result<T> {
        self.tracer.fatal.get_or_insert(text);
        Err(Error::unsupported("the type cannot be traced"))
    }

    pub(super) fn fields<'de, V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let key = typeid::of::<V>();
        let place = self.tracer.place_of(key, |tracer| {
            let fields = fields
                .iter()
                .map(|rust| SeenField { rust, place: tracer.unknown(), refused: false, alias: false })
                .collect();
            Seen::Struct(SeenStruct { visitor: key, name, fields, busy: false, explored: false, current: 0 })
        });
        self.tracer.record(self.place, Seen::Same(place));
        let recording =
            self.place.is_some() && !self.tracer.struct_at(place).busy && self.tracer.is_incomplete(place);
        if recording {
            self.tracer.struct_at(place).busy = true;
        }
        self.enter(name)?;
        let made = visitor.visit_map(Fields { tracer: self.tracer, place, next: 0, recording });
        self.tracer.depth -= 1;
        if recording {
            self.tracer.struct_at(place).busy = false;
        }
        let duplicate = made.as_ref().err().and_then(Error::duplicate_field_name);
        if let (Some(name), false) = (duplicate, self.tracer.handled) {
            self.note_alias(place, name);
        }
        made
    }

    /// Derived code lists aliases among its fields, sorted, and calls them duplicates of the real one.
    fn note_alias(&mut self, place: Place, name: &'static str) {
        let seen = self.tracer.struct_at(place);
        let current = seen.current;
        seen.fields[current].alias = true;
        if let Some(head) = seen.fields[..current].iter_mut().rfind(|field| !field.alias) {
            head.rust = name;
        }
        self.tracer.handled = true;
    }
}

/// Numbers: 0 first, then 1 to 3.
macro_rules! numbers {
    ($($method:ident $visit:ident $plain:ident $count:literal $number:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.leaf(visitor, Predefined::$plain, $count, |visitor, attempt| visitor.$visit(attempt as $number))
        })*
    };
}

impl<'de> Deserializer<'de> for Trial<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 Int 4 i8;
        deserialize_i16 visit_i16 Int 4 i16;
        deserialize_i32 visit_i32 Int 4 i32;
        deserialize_i64 visit_i64 Int 4 i64;
        deserialize_u8 visit_u8 Byte 4 u8;
        deserialize_u16 visit_u16 Uint 4 u16;
        deserialize_u32 visit_u32 Uint 4 u32;
        deserialize_u64 visit_u64 Uint 4 u64;
        deserialize_f32 visit_f32 Float 2 f32;
        deserialize_f64 visit_f64 Float 2 f64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.leaf(visitor, Predefined::Bool, 2, |visitor, attempt| visitor.visit_bool(attempt == 1))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.leaf(visitor, Predefined::Int, 2, |visitor, attempt| visitor.visit_char(['\0', 'a'][attempt]))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.bytes(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
        self.refuse(format!(
            "{} asks the format what comes next (untagged, internally tagged or free-form), which gob must know beforehand: {TWIN}",
            std::any::type_name::<V::Value>()
        ))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
        self.refuse(format!(
            "{} reads a flattened field, whose names only its own code knows: {TWIN}",
            std::any::type_name::<V::Value>()
        ))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.place.is_some() { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_unit_struct("", visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        self.tracer.record(self.place, Seen::Unit(name));
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if let Some((marshaler, go_name, zero)) = Marshaler::reserved(name) {
            self.tracer.record(self.place, Seen::Opaque(marshaler, go_name));
            let content = Trial { marshaled: Some(zero), ..Trial::new(self.tracer, None) };
            return visitor.visit_newtype_struct(content);
        }
        match name {
            reserved::COMPLEX => {
                self.tracer.record(self.place, Seen::Plain(Predefined::Complex));
                return visitor.visit_newtype_struct(Trial::new(self.tracer, None));
            }
            reserved::AS_IF => return visitor.visit_seq(Items::new(self.tracer, vec![self.place])),
            _ => {}
        }
        self.enter(name)?;
        // A newtype may contain itself (`struct Tree(Vec<Tree>)`), so it too is known by its visitor.
        let made = match self.place {
            None => visitor.visit_newtype_struct(Trial::new(self.tracer, None)),
            Some(place) => {
                let inner = self.tracer.place_of(typeid::of::<V>(), |_| Seen::Unknown);
                if place != inner {
                    self.tracer.record(Some(place), Seen::Same(inner));
                }
                let recording = self.tracer.is_incomplete(inner) && self.tracer.busy.insert(inner);
                let made = visitor.visit_newtype_struct(Trial::new(self.tracer, recording.then_some(inner)));
                if recording {
                    self.tracer.busy.remove(&inner);
                }
                made
            }
        };
        self.tracer.depth -= 1;
        made
    }

    fn is_human_readable(&self) -> bool {
        self.marshaled.is_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(place) = self.place else {
            return visitor.visit_seq(Items::new(self.tracer, Vec::new()));
        };
        let element = match self.tracer.seen[place] {
            Seen::Slice(element) => element,
            _ => {
                let element = self.tracer.unknown();
                self.tracer.record(Some(place), Seen::Slice(element));
                element
            }
        };
        visitor.visit_seq(Items::new(self.tracer, vec![Some(element)]))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        let Some(place) = self.place else {
            return visitor.visit_seq(Items::new(self.tracer, vec![None; len]));
        };
        if matches!(self.tracer.seen[place], Seen::Unknown) {
            let places = (0..len).map(|_| self.tracer.unknown()).collect();
            self.tracer.seen[place] = Seen::Tuple(places);
        }
        match self.tracer.seen[place].clone() {
            Seen::Tuple(places) if places.len() == len => {
                visitor.visit_seq(Items::new(self.tracer, places.into_iter().map(Some).collect()))
            }
            other => self.refuse(format!("it deserializes now as {other:?}, now as a tuple of {len}")),
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
        let Some(place) = self.place else {
            return visitor.visit_map(Items::new(self.tracer, Vec::new()));
        };
        let (key, element) = match self.tracer.seen[place] {
            Seen::Map(key, element) => (key, element),
            _ => {
                let parts = (self.tracer.unknown(), self.tracer.unknown());
                self.tracer.record(Some(place), Seen::Map(parts.0, parts.1));
                parts
            }
        };
        visitor.visit_map(Items::new(self.tracer, vec![Some(key), Some(element)]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if typeid::of::<V::Value>() == TypeId::of::<Duration>() {
            self.tracer.record(self.place, Seen::Plain(Predefined::Duration));
            return visitor
                .visit_map(MapDeserializer::<_, Error>::new([("secs", 0_u32), ("nanos", 0)].into_iter()));
        }
        self.fields(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let key = typeid::of::<V>();
        let place = self.tracer.place_of(key, |tracer| {
            let variants = variants
                .iter()
                .map(|name| SeenVariant {
                    name,
                    place: tracer.unknown(),
                    content: Content::Unknown,
                    refused: false,
                })
                .collect();
            Seen::Enum(SeenEnum { visitor: key, name, variants, busy: false, depth: 0 })
        });
        self.tracer.record(self.place, Seen::Same(place));
        let recording = self.place.is_some() && !self.tracer.enum_at(place).busy;
        match self.tracer.worth_recording(place).filter(|_| recording) {
            Some(at) => {
                let tracer = self.tracer;
                let seen = tracer.enum_at(place);
                seen.busy = true;
                let is_new = seen.variants[at].is_new();
                tracer.progressed |= is_new;
                let made = visitor.visit_enum(Picked { tracer, place, at, recording: true });
                let seen = tracer.enum_at(place);
                (seen.busy, seen.depth) = (false, 0);
                if made.is_err() && !tracer.handled {
                    tracer.enum_at(place).variants[at].refused = true;
                    tracer.handled = true;
                }
                made
            }
            None => {
                let Some(at) = self.tracer.smallest(place) else {
                    return Err(Error::unsupported(format!(
                        "no variant of {name} can be made, or none that ends"
                    )));
                };
                let tracer = self.tracer;
                tracer.enum_at(place).depth += 1;
                let made = visitor.visit_enum(Picked { tracer, place, at, recording: false });
                tracer.enum_at(place).depth -= 1;
                made
            }
        }
    }
}

impl Tracer {
    /// The variant that this pass can learn something of.
    fn worth_recording(&mut self, place: Place) -> Option<usize> {
        let variants = self.enum_at(place).variants.clone();
        variants.iter().position(SeenVariant::is_new).or_else(|| {
            variants.iter().position(|variant| {
                variant.content == Content::Something && self.is_incomplete(variant.place)
            })
        })
    }

    /// A variant to make a value of: one without content, else another at every depth, so that recursion ends.
    fn smallest(&mut self, place: Place) -> Option<usize> {
        let seen = self.enum_at(place);
        let good: Vec<usize> = (0..seen.variants.len()).filter(|at| !seen.variants[*at].refused).collect();
        if good.is_empty() || seen.depth > 2 * seen.variants.len() {
            return None;
        }
        let empty = good.iter().copied().find(|at| seen.variants[*at].content == Content::Nothing);
        Some(empty.unwrap_or(good[seen.depth % good.len()]))
    }
}
