//! What was seen of a type, a line for every place.

use std::fmt::Write;

use serde::Deserialize;

use super::trace::{Place, Seen, Tracer, trace};

/// The schema of `T`: lines whose paths begin at `T`, each with a newline behind it.
pub(in super::super) fn text_of<T: Deserialize<'static>>() -> String {
    let (tracer, root) = trace::<T>();
    let mut text =
        Text { tracer: &tracer, out: String::new(), path: String::new(), above: Vec::new(), lines: 0 };
    text.put(root, 0);
    text.out
}

/// Types that expand to more places are cut off there.
const LINES_MAX: usize = 4096;

/// A schema that is being written.
struct Text<'t> {
    tracer: &'t Tracer,
    out: String,
    path: String,
    /// The structs, enums and newtypes that the path leads through, and how many parts of the path they are below.
    above: Vec<(Place, usize)>,
    lines: usize,
}

impl Text<'_> {
    /// Writes what stands at `place`, `depth` parts down the path, with all that it is made of.
    fn put(&mut self, place: Place, depth: usize) {
        match &self.tracer.seen[place] {
            Seen::Same(inner) => match self.above.iter().rfind(|(above, _)| above == inner) {
                Some((_, above)) if *above == depth => self.line("unknown"),
                Some((_, above)) => self.line(&format!("the type {} levels up", depth - above)),
                None => {
                    self.above.push((*inner, depth));
                    self.put(*inner, depth);
                    self.above.pop();
                }
            },
            Seen::Unknown | Seen::Odd => self.line("unknown"),
            Seen::Leaf(word) => self.line(word),
            Seen::List(element) if self.is_u8(*element) => self.line("bytes"),
            Seen::List(element) => {
                self.line("list");
                self.part("[]", *element, depth);
            }
            Seen::Option(inner) => {
                self.line("option");
                self.part("?", *inner, depth);
            }
            Seen::Map(key, value) => {
                self.line("map");
                self.part("{key}", *key, depth);
                self.part("{value}", *value, depth);
            }
            Seen::Tuple(places) => {
                self.line("tuple");
                for (at, place) in places.iter().enumerate() {
                    self.part(&format!(".{at}"), *place, depth);
                }
            }
            Seen::Struct(seen) => {
                self.line("struct");
                for field in seen.fields.iter().filter(|field| !field.is_alias) {
                    self.part(&format!(".{}", shown(field.name)), field.place, depth);
                }
            }
            Seen::Enum(seen) => {
                self.line("enum");
                for variant in &seen.variants {
                    self.part(&format!("::{}", shown(variant.name)), variant.place, depth);
                }
            }
        }
    }

    fn part(&mut self, name: &str, place: Place, depth: usize) {
        if self.lines >= LINES_MAX {
            return;
        }
        let len = self.path.len();
        self.path.push_str(name);
        self.put(place, depth + 1);
        self.path.truncate(len);
    }

    fn line(&mut self, word: &str) {
        self.lines += 1;
        let word = if self.lines == LINES_MAX { "unknown" } else { word };
        let _ = writeln!(self.out, "{}: {word}", self.path);
    }

    /// Whether a list of this is bytes.
    fn is_u8(&self, mut place: Place) -> bool {
        // A newtype around `u8` is one too; one that contains itself ends nowhere.
        for _ in 0..self.tracer.seen.len() {
            match self.tracer.seen[place] {
                Seen::Same(inner) => place = inner,
                Seen::Leaf(word) => return word == "u8",
                _ => return false,
            }
        }
        false
    }
}

/// A name without line breaks.
fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}
