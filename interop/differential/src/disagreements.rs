//! The list of what may differ, `disagreements.md`: which findings its entries are about.

use crate::{Finding, Outcome, What};

/// The entries of the list.
#[derive(Debug)]
pub(crate) struct Listed {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    place: String,
    go: String,
    ours: String,
}

/// What else an entry may ask about a finding.
#[derive(Debug)]
pub(crate) struct Marks {
    /// There are interfaces in what was written or in what is read.
    pub(crate) has_any: bool,
    /// We found what the value is in the other version of its type.
    pub(crate) as_meant: bool,
    /// There is a name of a field more than once.
    pub(crate) has_name_twice: bool,
    /// There is a name of a field, in other letters of upper and lower case.
    pub(crate) has_other_spelling: bool,
}

impl Listed {
    /// Reads the table: name, where, what Go says, what we say, why.
    pub(crate) fn read() -> Self {
        let rows = include_str!("../disagreements.md")
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| name |"));
        let entries = rows.filter_map(|row| {
            let mut cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            Some(Entry { name: cells.next()?, place: cells.next()?, go: cells.next()?, ours: cells.next()? })
        });
        Self { entries: entries.collect() }
    }

    /// The name of the entry that the finding belongs to.
    pub(crate) fn find(&self, finding: &Finding, marks: &Marks) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| {
            entry.place.split(", ").all(|place| match place {
                "broken" => finding.what == What::Mutated,
                "other version" => matches!(finding.what, What::Evolved | What::Mutated),
                "interfaces" => marks.has_any,
                "as meant" => marks.as_meant,
                "but for offsets" => without_offsets(&finding.go) == without_offsets(&finding.ours),
                "a name twice" => marks.has_name_twice,
                "other spelling" => marks.has_other_spelling,
                _ => place == "anywhere",
            }) && says(&finding.go, &entry.go)
                && says(&finding.ours, &entry.ours)
        });
        entry.map(|entry| &*entry.name)
    }
}

/// Whether somebody says one of these: `accepts`, `refuses`, or a part of the words of a refusal.
fn says(outcome: &Outcome, cell: &str) -> bool {
    cell.split(" / ").any(|words| match (words, outcome) {
        ("anything", _) | ("accepts", Outcome::Accepts(_)) | ("refuses", Outcome::Refuses(..)) => true,
        (words, Outcome::Refuses(_, why)) => why.contains(words.trim_matches('`')),
        _ => false,
    })
}

/// What was found, its moments without how far they are from UTC.
fn without_offsets(outcome: &Outcome) -> Option<String> {
    let (Outcome::Accepts(found) | Outcome::Refuses(found, _)) = outcome;
    let mut words = found.split('T');
    let mut text = words.next()?.to_owned();
    for word in words {
        // Seconds may begin with a minus; the sign of the offset is the one behind the point.
        let point = word.find('.')?;
        let sign = point + word[point..].find(['+', '-'])?;
        let end = word[sign + 1..]
            .find(|letter: char| !letter.is_ascii_digit())
            .map_or(word.len(), |at| sign + 1 + at);
        text.push_str(&word[..sign]);
        text.push_str(&word[end..]);
    }
    Some(text)
}
