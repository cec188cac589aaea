//! What has been seen of a type while its `Deserialize` ran on trial values.
//!
//! Every pass runs the whole `deserialize` and records what it asks for. A type that refuses a trial value is
//! offered another in the next pass; an enum shows one more variant in each. Passes go on until nothing is unknown
//! or nothing new was learnt. Foreign code runs here: it may refuse, lie and panic, and is given so many steps.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;

use super::trial::Trial;

/// What can be learnt of `T`: the tracer, and the place in it where `T` stands.
pub(super) fn trace<T: Deserialize<'static>>() -> (Tracer, Place) {
    let mut tracer = Tracer::default();
    let root = tracer.unknown();
    for _ in 0..PASSES_MAX {
        tracer.begin_pass();
        let made =
            catch_unwind(AssertUnwindSafe(|| T::deserialize(Trial::new(&mut tracer, Some(root))).is_ok()));
        let has_learnt = tracer.progressed || tracer.handled;
        if made.is_err() || tracer.steps > STEPS_MAX || !has_learnt || !tracer.is_incomplete(root) {
            break;
        }
    }
    (tracer, root)
}

/// More passes than any type takes: each shows a variant or uses up a trial value.
const PASSES_MAX: usize = 10_000;

/// More values than any type is made of, over all passes.
const STEPS_MAX: usize = 1 << 20;

/// Deeper than types nest that end.
const DEPTH_MAX: usize = 128;

/// Where in [`Tracer::seen`] a type stands.
pub(super) type Place = usize;

/// What is known of a type so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    Unknown,
    /// Now this, now that: as good as unknown, for good.
    Odd,
    /// The same type as at another place: a struct, enum or newtype is recorded once, by its visitor.
    Same(Place),
    /// A type without parts, by its word.
    Leaf(&'static str),
    Option(Place),
    List(Place),
    Map(Place, Place),
    Tuple(Vec<Place>),
    Struct(SeenStruct),
    Enum(SeenEnum),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenStruct {
    pub(super) fields: Vec<SeenField>,
    /// A pass is inside of it: met again, it is only made, not recorded.
    pub(super) is_busy: bool,
    /// A pass has been through all of its fields.
    pub(super) is_explored: bool,
    /// The field that was handed out last.
    pub(super) current: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenField {
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// No trial value will do: it is left out, so that the fields behind it are reached.
    pub(super) is_refused: bool,
    /// Another name for a field before it.
    pub(super) is_alias: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenEnum {
    pub(super) variants: Vec<SeenVariant>,
    pub(super) is_busy: bool,
    pub(super) depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenVariant {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) is_refused: bool,
    /// What it holds has been asked for.
    pub(super) is_shown: bool,
}

impl SeenVariant {
    pub(super) fn is_new(&self) -> bool {
        !self.is_shown && !self.is_refused
    }
}

#[derive(Default)]
pub(super) struct Tracer {
    pub(super) seen: Vec<Seen>,
    /// Where the type of a visitor is recorded.
    visited: HashMap<TypeId, Place>,
    /// Which trial value a visitor is offered next.
    pub(super) attempts: HashMap<TypeId, usize>,
    /// Newtypes that a pass is inside of.
    pub(super) busy: HashSet<Place>,
    depth: usize,
    steps: usize,
    /// The refusal that ended this pass is dealt with: the next one goes another way.
    pub(super) handled: bool,
    /// This pass showed something new.
    pub(super) progressed: bool,
}

impl Tracer {
    fn begin_pass(&mut self) {
        (self.handled, self.progressed, self.depth) = (false, false, 0);
        self.busy.clear();
        for seen in &mut self.seen {
            // A visitor may have given up inside of them.
            match seen {
                Seen::Struct(seen) => seen.is_busy = false,
                Seen::Enum(seen) => (seen.is_busy, seen.depth) = (false, 0),
                _ => {}
            }
        }
    }

    fn add(&mut self, seen: Seen) -> Place {
        self.seen.push(seen);
        self.seen.len() - 1
    }

    pub(super) fn unknown(&mut self) -> Place {
        self.add(Seen::Unknown)
    }

    /// Goes a level down, unless that never ends.
    pub(super) fn enter(&mut self) -> Result<(), Refusal> {
        self.steps += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX || self.steps > STEPS_MAX { Err(Refusal::default()) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Whether a refusal is to be dealt with here: nobody has, and going the same way again shows nothing new.
    pub(super) fn is_stuck(&self) -> bool {
        !self.handled && !self.progressed
    }

    /// Records what stands at `place`, if it is recorded at all; it must be the same in every pass.
    pub(super) fn record(&mut self, place: Option<Place>, seen: Seen) {
        let Some(place) = place else { return };
        let known = &mut self.seen[place];
        if *known == Seen::Unknown {
            *known = seen;
        } else if *known != seen {
            *known = Seen::Odd;
        }
    }

    /// The place of a visitor's type, which `make` fills at the first visit.
    pub(super) fn place_of(&mut self, visitor: TypeId, make: impl FnOnce(&mut Self) -> Seen) -> Place {
        if let Some(place) = self.visited.get(&visitor) {
            return *place;
        }
        let seen = make(self);
        let place = self.add(seen);
        self.visited.insert(visitor, place);
        place
    }

    /// What is recorded of a struct; None if its visitor has been seen as something else.
    pub(super) fn struct_at(&mut self, place: Place) -> Option<&mut SeenStruct> {
        match &mut self.seen[place] {
            Seen::Struct(seen) => Some(seen),
            _ => None,
        }
    }

    /// What is recorded of an enum; None if its visitor has been seen as something else.
    pub(super) fn enum_at(&mut self, place: Place) -> Option<&mut SeenEnum> {
        match &mut self.seen[place] {
            Seen::Enum(seen) => Some(seen),
            _ => None,
        }
    }

    /// Whether a further pass may show something below `place`.
    pub(super) fn is_incomplete(&self, place: Place) -> bool {
        let mut met = HashSet::new();
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            if !met.insert(place) {
                continue;
            }
            match &self.seen[place] {
                Seen::Unknown => return true,
                Seen::Same(inner) | Seen::Option(inner) | Seen::List(inner) => open.push(*inner),
                Seen::Map(key, value) => open.extend([*key, *value]),
                Seen::Tuple(places) => open.extend(places),
                Seen::Struct(seen) if !seen.is_explored => return true,
                Seen::Struct(seen) => {
                    open.extend(seen.fields.iter().filter(|field| !field.is_alias).map(|field| field.place));
                }
                Seen::Enum(seen) if seen.variants.iter().any(SeenVariant::is_new) => return true,
                Seen::Enum(seen) => open.extend(seen.variants.iter().map(|variant| variant.place)),
                Seen::Leaf(_) | Seen::Odd => {}
            }
        }
        false
    }

    /// The variant that this pass can learn something of.
    pub(super) fn worth_recording(&self, place: Place) -> Option<usize> {
        let Seen::Enum(seen) = &self.seen[place] else { return None };
        let is_open = |variant: &SeenVariant| !variant.is_refused && self.is_incomplete(variant.place);
        seen.variants.iter().position(SeenVariant::is_new).or_else(|| seen.variants.iter().position(is_open))
    }

    /// A variant to make a value of: one without content, else another at every depth, so that recursion ends.
    pub(super) fn smallest(&self, place: Place) -> Option<usize> {
        let Seen::Enum(seen) = &self.seen[place] else { return None };
        let good: Vec<usize> = (0..seen.variants.len()).filter(|at| !seen.variants[*at].is_refused).collect();
        if good.is_empty() || seen.depth > 2 * seen.variants.len() {
            return None;
        }
        let is_empty = |at: &usize| self.seen[seen.variants[*at].place] == Seen::Leaf("unit");
        let empty = good.iter().copied().find(is_empty);
        Some(empty.unwrap_or(good[seen.depth % good.len()]))
    }
}

/// A trial value was not taken.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// The field that came under two names.
    pub(super) duplicate: Option<&'static str>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trial value was refused")
    }
}

impl std::error::Error for Refusal {}

impl serde::de::Error for Refusal {
    fn custom<M: fmt::Display>(_message: M) -> Self {
        Self::default()
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { duplicate: Some(field) }
    }
}
