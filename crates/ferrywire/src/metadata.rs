//! Entries that travel beside a call: names with text or bytes.

/// Names and values that accompany a call, in the order in which they were added.
///
/// A name may occur more than once. Wires that have no place for metadata (Go's net/rpc) carry none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(String, Vec<u8>)>,
}

impl Metadata {
    /// No entries; nothing is allocated.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an entry behind those that are there.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.entries.push((name.into(), value.into()));
    }

    /// The first value of `name`; names are compared without case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The first value of `name`, if it is text.
    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
