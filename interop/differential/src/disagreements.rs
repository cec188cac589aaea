//! The list of what may differ, `disagreements.md`: which findings its entries are about.

use crate::{BROKEN, Finding, Outcome, What};

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
        let rows = include_str!("../disagreements.md").lines().filter(|line| line.starts_with("| ")).skip(2);
        let entries = rows.filter_map(|row| {
            let mut cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            Some(Entry { name: cells.next()?, place: cells.next()?, go: cells.next()?, ours: cells.next()? })
        });
        Self { entries: entries.collect() }
    }

    /// The name of the entry that the finding belongs to.
    pub(crate) fn find(&self, finding: &Finding, marks: &Marks) -> Option<&str> {
        if says(&finding.ours, BROKEN) {
            return None;
        }
        let entry = self.entries.iter().find(|entry| {
            entry.place.split(", ").all(|place| match place {
                "broken" => finding.what == What::Mutated,
                "other version" => matches!(finding.what, What::Evolved | What::Mutated),
                "interfaces" => marks.has_any,
                "as meant" => marks.as_meant,
                "but for offsets" => without_offsets(&finding.go) == without_offsets(&finding.ours),
                "a long id" => has_long_id(&finding.ours),
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

/// Whether the refusal is about a type whose id has more than 32 bits.
fn has_long_id(outcome: &Outcome) -> bool {
    let Outcome::Refuses(_, why) = outcome else { return false };
    let id = why
        .split("undefined type ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|id| id.parse().ok());
    id.is_some_and(|id: i64| i32::try_from(id).is_err())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: What, go: Outcome, ours: Outcome) -> Finding {
        Finding { seed: 1, what, types: String::new(), stream: Vec::new(), go, ours }
    }

    const ALL_MARKS: Marks =
        Marks { has_any: true, as_meant: true, has_name_twice: true, has_other_spelling: true };

    #[test]
    fn no_row_allows_another_value_of_a_whole_stream() {
        let listed = Listed::read();
        let accepts = |text: &str| Outcome::Accepts(text.to_owned());

        for what in [What::GoReads, What::WeReadOurs, What::WeReadGos, What::ByValue] {
            assert_eq!(listed.find(&finding(what, accepts("|6"), accepts("|7")), &ALL_MARKS), None);
        }
    }

    #[test]
    fn no_row_allows_a_panic() {
        let panics = Outcome::Refuses(String::new(), format!("{BROKEN}: panicked: not UTF-8"));
        let panics = finding(What::Mutated, Outcome::Accepts("|6".to_owned()), panics);

        assert_eq!(Listed::read().find(&panics, &ALL_MARKS), None);
    }

    #[test]
    fn the_list_stays_short() {
        assert!((1..=20).contains(&Listed::read().entries.len()));
    }
}
