//! Where two schemas differ, in words. The other one comes from a peer: it may be any text.

use std::collections::{HashMap, HashSet};

use crate::error::shown;

/// So many differences are told, the others counted.
const TOLD_MAX: usize = 3;

/// So many lines of a schema are looked at; those of ours are never more.
const LINES_MAX: usize = 8192;

/// Where the schemas `ours` and `theirs` differ, such as `argument.b is i64 here and i32 there`; `None` if they do
/// not. What either side does not know is no difference.
///
/// ```
/// # use ferrywire::codec::schema::difference;
/// let ours = "argument: struct\nargument.a: i64\nargument.b: i64\n";
/// let theirs = "argument: struct\nargument.a: i64\nargument.b: i32\nargument.c: bool\n";
///
/// let text = difference(ours, theirs).expect("they differ");
/// assert_eq!(text, "argument.b is i64 here and i32 there; argument.c is missing here and bool there");
/// ```
pub fn difference(ours: &str, theirs: &str) -> Option<String> {
    let (here, there) = (Lines::read(ours), Lines::read(theirs));
    let mut found = Found::default();
    // What is below a place that differs is not told, nor what is below one that somebody does not know.
    let mut settled: HashSet<&str> = HashSet::new();
    for (path, word) in here.in_order.iter().copied() {
        if is_below(path, &settled) {
            continue;
        }
        let other = there.words.get(path).copied();
        if other == Some(word) {
            continue;
        }
        settled.insert(path);
        if word != UNKNOWN && other != Some(UNKNOWN) {
            found.tell(path, Some(word), other);
        }
    }
    for (path, word) in there.in_order.iter().copied() {
        if !here.words.contains_key(path) && !is_below(path, &settled) {
            settled.insert(path);
            if word != UNKNOWN {
                found.tell(path, None, Some(word));
            }
        }
    }
    found.tell_order(&here, &there);
    found.into_text()
}

const UNKNOWN: &str = "unknown";

/// A schema, line by line and by path.
struct Lines<'s> {
    in_order: Vec<(&'s str, &'s str)>,
    words: HashMap<&'s str, &'s str>,
}

impl<'s> Lines<'s> {
    fn read(text: &'s str) -> Self {
        let in_order: Vec<_> =
            text.lines().take(LINES_MAX).filter_map(|line| line.rsplit_once(": ")).collect();
        let words = in_order.iter().copied().collect();
        Self { in_order, words }
    }
}

/// The path without its last part; None of what has but one.
fn parent(path: &str) -> Option<&str> {
    let at = path.rfind(['.', '[', '{', '?', ':']).filter(|at| *at > 0)?;
    path.get(..at).map(|parent| parent.strip_suffix(':').unwrap_or(parent))
}

fn is_below(path: &str, settled: &HashSet<&str>) -> bool {
    !settled.is_empty()
        && std::iter::successors(Some(path), |path| parent(path)).any(|path| settled.contains(path))
}

/// The differences that were found.
#[derive(Default)]
struct Found {
    told: Vec<String>,
    more: usize,
}

impl Found {
    fn tell(&mut self, path: &str, here: Option<&str>, there: Option<&str>) {
        if self.told.len() == TOLD_MAX {
            self.more += 1;
            return;
        }
        let [here, there] = [here, there].map(|word| shown(word.unwrap_or("missing").as_bytes()));
        self.told.push(format!("{} is {here} here and {there} there", shown(path.as_bytes())));
    }

    /// Fields and variants that both sides have, in another order.
    fn tell_order(&mut self, here: &Lines<'_>, there: &Lines<'_>) {
        let [ours, theirs] = [(here, there), (there, here)].map(|(own, other)| {
            let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
            for (path, _) in own.in_order.iter().filter(|(path, _)| other.words.contains_key(path)) {
                if let Some(parent) = parent(path) {
                    children.entry(parent).or_default().push(path);
                }
            }
            children
        });
        for (path, _) in &here.in_order {
            let (Some(here), Some(there)) = (ours.get(path), theirs.get(path)) else { continue };
            if here == there {
                continue;
            }
            let list = |children: &[&str]| {
                let names = children.iter().map(|child| child.get(path.len()..).unwrap_or_default());
                names.map(|name| name.trim_start_matches(['.', ':'])).collect::<Vec<_>>().join(", ")
            };
            self.tell(path, Some(&format!("in the order {}", list(here))), Some(&list(there)));
        }
    }

    fn into_text(self) -> Option<String> {
        let mut text = self.told.join("; ");
        if self.more > 0 {
            text += &format!("; and {} more", self.more);
        }
        (!text.is_empty()).then_some(text)
    }
}
