//! What a type looks like, learnt by running its `Deserialize` on trial values.
//!
//! Every pass runs the whole `deserialize` and records what it asks for. A type that refuses a trial value
//! is offered another in the next pass; an enum shows one more variant in each. Passes go on until nothing
//! is unknown, or nothing new was learnt.

mod access;
mod deserializer;
mod settle;

use std::any::TypeId;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::names::Marshaler;
use crate::shape::{Node, Predefined, Registry};

use deserializer::Trial;

/// The node of `T` in `registry`, with all that it is made of.
pub(crate) fn trace<'de, T: Deserialize<'de>>(
    registry: &std::sync::Mutex<Registry>,
) -> Result<&'static Node> {
    let mut tracer = Tracer::default();
    let root = tracer.unknown();
    let about =
        |text: String| Error::unsupported(format!("no gob type for {}: {text}", std::any::type_name::<T>()));
    let mut last_refusal = None;
    for _ in 0..PASSES_MAX {
        tracer.begin_pass();
        let made = T::deserialize(Trial::recording(&mut tracer, root));
        if let Some(fatal) = tracer.fatal.take() {
            return Err(about(fatal));
        }
        if let Err(refusal) = made {
            if tracer.handled && tracer.first_refusal.is_none() {
                tracer.first_refusal = Some(refusal.to_string());
            }
            last_refusal = Some(refusal.to_string());
        }
        if !tracer.is_incomplete(root) || !(tracer.progressed || tracer.handled) {
            break;
        }
    }
    let refusal = tracer.first_refusal.take().or(last_refusal).unwrap_or_default();
    // Refusals are found before the registry is touched, so that a type is in it whole or not at all.
    tracer.check(root, &refusal).map_err(about)?;
    let mut registry = registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(tracer.register(root, &mut registry))
}

/// More passes than any type takes: each shows a variant or uses up a trial value.
const PASSES_MAX: usize = 10_000;

/// Deeper than types nest that end: what goes on is a type that holds itself without a way to stop.
const DEPTH_MAX: usize = 128;

/// Where in [`Tracer::seen`] a type stands.
type Place = usize;

/// What is known of a type so far.
#[derive(Debug, Clone)]
enum Seen {
    Unknown,
    /// The same type as at another place: a struct, enum or newtype is recorded once, by its visitor.
    Same(Place),
    Plain(Predefined),
    Opaque(Marshaler, &'static str),
    Struct(SeenStruct),
    Enum(SeenEnum),
    Slice(Place),
    /// An array if all are of one type; Go has nothing else for it.
    Tuple(Vec<Place>),
    Map(Place, Place),
    /// Nothing to be sent: `()` and unit structs.
    Unit(&'static str),
}

#[derive(Debug, Clone)]
struct SeenStruct {
    visitor: TypeId,
    name: &'static str,
    fields: Vec<SeenField>,
    /// A pass is inside of it: met again, it is only made, not recorded.
    busy: bool,
    /// A pass has been through all of its fields.
    explored: bool,
    /// The field that was handed out last.
    current: usize,
}

#[derive(Debug, Clone)]
struct SeenField {
    rust: &'static str,
    place: Place,
    /// No trial value will do: it is left out, so that the fields behind it are reached.
    refused: bool,
    /// Another name for a field before it.
    alias: bool,
}

#[derive(Debug, Clone)]
struct SeenEnum {
    visitor: TypeId,
    name: &'static str,
    variants: Vec<SeenVariant>,
    busy: bool,
    depth: usize,
}

#[derive(Debug, Clone)]
struct SeenVariant {
    name: &'static str,
    place: Place,
    content: Content,
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Unknown,
    Nothing,
    Something,
}

impl SeenVariant {
    fn is_new(&self) -> bool {
        self.content == Content::Unknown && !self.refused
    }
}

#[derive(Default)]
struct Tracer {
    seen: Vec<Seen>,
    /// Where the type of a visitor is recorded.
    visited: HashMap<TypeId, Place>,
    /// Which trial value a visitor is offered next.
    attempts: HashMap<TypeId, usize>,
    /// Newtypes that a pass is inside of.
    busy: HashSet<Place>,
    depth: usize,
    /// The refusal that ended this pass is dealt with: the next one goes another way.
    handled: bool,
    /// This pass showed something new.
    progressed: bool,
    fatal: Option<String>,
    first_refusal: Option<String>,
}

impl Tracer {
    fn begin_pass(&mut self) {
        (self.handled, self.progressed, self.depth) = (false, false, 0);
        self.busy.clear();
    }

    fn add(&mut self, seen: Seen) -> Place {
        self.seen.push(seen);
        self.seen.len() - 1
    }

    fn unknown(&mut self) -> Place {
        self.add(Seen::Unknown)
    }

    /// Records what stands at `place`, if it is recorded at all; it must be the same in every pass.
    fn record(&mut self, place: Option<Place>, seen: Seen) {
        let Some(place) = place else { return };
        let known = &self.seen[place];
        if matches!(known, Seen::Unknown) {
            self.seen[place] = seen;
        } else if std::mem::discriminant(known) != std::mem::discriminant(&seen) {
            self.fatal = Some(format!("it deserializes now as {known:?}, now as {seen:?}"));
        }
    }

    /// The place of a visitor's type, which `make` fills at the first visit.
    fn place_of(&mut self, visitor: TypeId, make: impl FnOnce(&mut Self) -> Seen) -> Place {
        if let Some(place) = self.visited.get(&visitor) {
            return *place;
        }
        let seen = make(self);
        let place = self.add(seen);
        self.visited.insert(visitor, place);
        place
    }

    fn struct_at(&mut self, place: Place) -> &mut SeenStruct {
        match &mut self.seen[place] {
            Seen::Struct(seen) => seen,
            other => unreachable!("a struct's place holds {other:?}"),
        }
    }

    fn enum_at(&mut self, place: Place) -> &mut SeenEnum {
        match &mut self.seen[place] {
            Seen::Enum(seen) => seen,
            other => unreachable!("an enum's place holds {other:?}"),
        }
    }

    /// Follows references to where a type is recorded.
    fn resolve(&self, mut place: Place) -> Place {
        while let Seen::Same(other) = self.seen[place] {
            if other == place {
                break;
            }
            place = other;
        }
        place
    }

    /// Whether a further pass may show something below `place`.
    fn is_incomplete(&self, place: Place) -> bool {
        let mut met = HashSet::new();
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            if !met.insert(place) {
                continue;
            }
            match &self.seen[place] {
                Seen::Unknown => return true,
                Seen::Same(inner) | Seen::Slice(inner) => open.push(*inner),
                Seen::Map(key, element) => open.extend([*key, *element]),
                Seen::Tuple(places) => open.extend(places),
                Seen::Struct(seen) if !seen.explored => return true,
                Seen::Struct(seen) => {
                    open.extend(seen.fields.iter().filter(|field| !field.alias).map(|field| field.place));
                }
                Seen::Enum(seen) if seen.variants.iter().any(SeenVariant::is_new) => return true,
                Seen::Enum(seen) => {
                    let filled = seen.variants.iter().filter(|variant| variant.content == Content::Something);
                    open.extend(filled.map(|variant| variant.place));
                }
                Seen::Plain(_) | Seen::Opaque(..) | Seen::Unit(_) => {}
            }
        }
        false
    }
}
