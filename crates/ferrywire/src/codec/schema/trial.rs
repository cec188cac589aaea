//! The deserializer that hands out trial values and records what was asked for.

use serde::de::{Deserializer, Visitor};

use super::access::{Fields, Items, Picked};
use super::trace::{Place, Refusal, Seen, SeenEnum, SeenField, SeenStruct, SeenVariant, Tracer};

/// Makes one value. With a place it also records what the value is; without one it makes the smallest there is,
/// which ends recursion.
pub(super) struct Trial<'t> {
    tracer: &'t mut Tracer,
    place: Option<Place>,
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

impl<'t> Trial<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, place: Option<Place>) -> Self {
        Self { tracer, place }
    }

    /// Does something one level down.
    fn below<T>(
        self,
        work: impl FnOnce(&mut Tracer, Option<Place>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.tracer.enter()?;
        let made = work(self.tracer, self.place);
        self.tracer.leave();
        made
    }

    /// Offers the next of `count` trial values; when it is refused, the next pass offers another.
    fn leaf<V: Visitor<'static>>(
        self,
        visitor: V,
        word: &'static str,
        count: usize,
        offer: impl FnOnce(V, usize) -> Result<V::Value, Refusal>,
    ) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            tracer.record(place, Seen::Leaf(word));
            let key = typeid::of::<V>();
            let attempt = tracer.attempts.get(&key).copied().unwrap_or(0).min(count - 1);
            offer(visitor, attempt).inspect_err(|_| {
                if !tracer.handled && attempt + 1 < count {
                    tracer.attempts.insert(key, attempt + 1);
                    tracer.handled = true;
                }
            })
        })
    }

    fn text<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "str", TEXTS.len(), |visitor, attempt| visitor.visit_borrowed_str(TEXTS[attempt]))
    }

    fn bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "bytes", LENGTHS.len(), |visitor, attempt| {
            visitor.visit_borrowed_bytes(&ZEROS[..LENGTHS[attempt]])
        })
    }

    pub(super) fn fields<V: Visitor<'static>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            let own = tracer.place_of(typeid::of::<V>(), |tracer| {
                let field = |name: &&'static str| SeenField {
                    name,
                    place: tracer.unknown(),
                    is_refused: false,
                    is_alias: false,
                };
                let fields = names.iter().map(field).collect();
                Seen::Struct(SeenStruct { fields, is_busy: false, is_explored: false, current: 0 })
            });
            tracer.record(place, Seen::Same(own));
            let is_incomplete = tracer.is_incomplete(own);
            let Some(seen) = tracer.struct_at(own) else { return Err(Refusal::default()) };
            let is_recording = place.is_some() && !seen.is_busy && is_incomplete;
            seen.is_busy |= is_recording;
            let made = visitor.visit_map(Fields { tracer, place: own, next: 0, is_recording });
            if let Some(seen) = tracer.struct_at(own).filter(|_| is_recording) {
                seen.is_busy = false;
            }
            if let (Err(Refusal { duplicate: Some(name) }), false) = (&made, tracer.handled) {
                note_alias(tracer, own, name);
            }
            made
        })
    }
}

/// Derived code lists aliases among its fields, sorted, and calls them duplicates of the real one.
fn note_alias(tracer: &mut Tracer, place: Place, name: &'static str) {
    let Some(seen) = tracer.struct_at(place) else { return };
    let (before, current) = seen.fields.split_at_mut(seen.current);
    if let Some(field) = current.first_mut() {
        field.is_alias = true;
    }
    if let Some(head) = before.iter_mut().rfind(|field| !field.is_alias) {
        head.name = name;
    }
    tracer.handled = true;
}

/// Numbers: 0 first, then 1 to 3.
macro_rules! numbers {
    ($($method:ident $visit:ident $number:ident;)*) => {
        $(fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
            self.leaf(visitor, stringify!($number), 4, |visitor, attempt| {
                visitor.$visit([0 as $number, 1 as $number, 2 as $number, 3 as $number][attempt])
            })
        })*
    };
}

impl Deserializer<'static> for Trial<'_> {
    type Error = Refusal;

    numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "bool", 2, |visitor, attempt| visitor.visit_bool(attempt == 1))
    }

    fn deserialize_char<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "char", 2, |visitor, attempt| visitor.visit_char(['\0', 'a'][attempt]))
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.bytes(visitor)
    }

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "any", 1, |visitor, _| visitor.visit_unit())
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }

    /// Which names a flattened field has only its own code knows.
    fn deserialize_identifier<V: Visitor<'static>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        self.tracer.record(self.place, Seen::Odd);
        Err(Refusal::default())
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let Some(place) = self.place else { return visitor.visit_none() };
        self.below(|tracer, _| match tracer.seen[place] {
            Seen::Option(inner) => visitor.visit_some(Trial::new(tracer, Some(inner))),
            _ => {
                let inner = tracer.unknown();
                tracer.record(Some(place), Seen::Option(inner));
                visitor.visit_some(Trial::new(tracer, Some(inner)))
            }
        })
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(visitor, "unit", 1, |visitor, _| visitor.visit_unit())
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_unit(visitor)
    }

    // A newtype may contain itself (`struct Tree(Vec<Tree>)`), so it too is known by its visitor.
    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            let Some(place) = place else { return visitor.visit_newtype_struct(Trial::new(tracer, None)) };
            let inner = tracer.place_of(typeid::of::<V>(), |_| Seen::Unknown);
            tracer.record(Some(place), Seen::Same(inner));
            let is_recording = tracer.is_incomplete(inner) && tracer.busy.insert(inner);
            let made = visitor.visit_newtype_struct(Trial::new(tracer, is_recording.then_some(inner)));
            if is_recording {
                tracer.busy.remove(&inner);
            }
            made
        })
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            let Some(place) = place else { return visitor.visit_seq(Items::new(tracer, Vec::new())) };
            let element = match tracer.seen[place] {
                Seen::List(element) => element,
                _ => {
                    let element = tracer.unknown();
                    tracer.record(Some(place), Seen::List(element));
                    element
                }
            };
            visitor.visit_seq(Items::new(tracer, vec![Some(element)]))
        })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        if len > ELEMENTS_MAX {
            return Err(Refusal::default());
        }
        self.below(|tracer, place| {
            let Some(place) = place else { return visitor.visit_seq(Items::new(tracer, vec![None; len])) };
            let places = match &tracer.seen[place] {
                Seen::Tuple(places) if places.len() == len => places.clone(),
                _ => {
                    let places: Vec<Place> = (0..len).map(|_| tracer.unknown()).collect();
                    tracer.record(Some(place), Seen::Tuple(places.clone()));
                    places
                }
            };
            visitor.visit_seq(Items::new(tracer, places.into_iter().map(Some).collect()))
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            let Some(place) = place else { return visitor.visit_map(Items::new(tracer, Vec::new())) };
            let (key, value) = match tracer.seen[place] {
                Seen::Map(key, value) => (key, value),
                _ => {
                    let parts = (tracer.unknown(), tracer.unknown());
                    tracer.record(Some(place), Seen::Map(parts.0, parts.1));
                    parts
                }
            };
            visitor.visit_map(Items::new(tracer, vec![Some(key), Some(value)]))
        })
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.fields(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.below(|tracer, place| {
            let own = tracer.place_of(typeid::of::<V>(), |tracer| {
                let variant = |name: &&'static str| SeenVariant {
                    name,
                    place: tracer.unknown(),
                    is_refused: false,
                    is_shown: false,
                };
                let variants = variants.iter().map(variant).collect();
                Seen::Enum(SeenEnum { variants, is_busy: false, depth: 0 })
            });
            tracer.record(place, Seen::Same(own));
            let worth = tracer.worth_recording(own);
            let Some(seen) = tracer.enum_at(own) else { return Err(Refusal::default()) };
            match worth.filter(|_| place.is_some() && !seen.is_busy) {
                Some(at) => {
                    seen.is_busy = true;
                    let is_new = seen.variants[at].is_new();
                    tracer.progressed |= is_new;
                    let made = visitor.visit_enum(Picked { tracer, place: own, at, is_recording: true });
                    let is_stuck = tracer.is_stuck();
                    if let Some(seen) = tracer.enum_at(own) {
                        (seen.is_busy, seen.depth) = (false, 0);
                        // Whoever refuses before the content is asked for would do so in every pass.
                        if made.is_err() && (is_stuck || seen.variants[at].is_new()) {
                            seen.variants[at].is_refused = true;
                            tracer.handled = true;
                        }
                    }
                    made
                }
                None => {
                    let Some(at) = tracer.smallest(own) else { return Err(Refusal::default()) };
                    if let Some(seen) = tracer.enum_at(own) {
                        seen.depth += 1;
                    }
                    let made = visitor.visit_enum(Picked { tracer, place: own, at, is_recording: false });
                    if let Some(seen) = tracer.enum_at(own) {
                        seen.depth = seen.depth.saturating_sub(1);
                    }
                    made
                }
            }
        })
    }

    /// As postcard and MessagePack, for which schemas are.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Longer tuples and arrays are not looked into.
const ELEMENTS_MAX: usize = 4096;
