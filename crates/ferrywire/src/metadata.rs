//! Entries that travel beside a call: names with text or bytes, and the trace that it belongs to.

use std::time::Duration;

/// The entry that says how often a call has been tried before: gRPC's name for it, of gRFC A6.
const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// The entry of an error that says for how long its server asks to be left alone, in milliseconds: gRPC's name for it, of gRFC A6.
const RETRY_PUSHBACK: &str = "grpc-retry-pushback-ms";

/// From here on nothing is added that was not asked for: the native protocol carries 8 KiB in 128 entries.
const FULL_LEN: usize = 7 * 1024;
const FULL_ENTRIES: usize = 128;

/// Names and values that accompany a call, in the order in which they were added, and its trace context.
///
/// A name may occur more than once. Values are bytes; by convention they are text unless the name ends in
/// `-bin`. The native protocol carries names of lower-case ASCII letters, digits, `-`, `_` and `.`, 8 KiB in all;
/// wires that have no place for metadata (Go's net/rpc) carry none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(String, Vec<u8>)>,
    trace: Option<Trace>,
}

impl Metadata {
    /// No entries; nothing is allocated.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), trace: None }
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

    /// Whether there is no entry. A trace context is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn held(&self) -> usize {
        let entry =
            |(name, value): &(String, Vec<u8>)| name.len() + value.len() + size_of::<(String, Vec<u8>)>();
        size_of::<Self>() + self.entries.iter().map(entry).sum::<usize>()
    }

    /// The trace that the call belongs to.
    pub fn trace(&self) -> Option<Trace> {
        self.trace
    }

    /// How often the call has been tried before, as far as it says so.
    pub(crate) fn previous_attempts(&self) -> u32 {
        self.get_text(PREVIOUS_ATTEMPTS).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Says how often the call has been tried before, unless so much is said already that no wire may have room for it.
    pub(crate) fn set_previous_attempts(&mut self, attempts: usize) {
        self.entries.retain(|(name, _)| !name.eq_ignore_ascii_case(PREVIOUS_ATTEMPTS));
        let len: usize = self.entries.iter().map(|(name, value)| name.len() + value.len()).sum();
        if len <= FULL_LEN && self.entries.len() < FULL_ENTRIES {
            self.insert(PREVIOUS_ATTEMPTS, attempts.to_string());
        }
    }

    /// For how long the server asks to be left alone. What is no number of milliseconds is for ever, as it is to gRPC.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let said = self.get(RETRY_PUSHBACK)?;
        let millis = std::str::from_utf8(said).ok().and_then(|said| said.trim().parse().ok());
        Some(millis.map_or(Duration::MAX, Duration::from_millis))
    }

    /// Says for how long the server asks to be left alone.
    pub(crate) fn of_retry_after(time: Duration) -> Self {
        let mut metadata = Self::new();
        // gRPC reads no more.
        let millis = time.as_millis().min(i32::MAX as u128);
        metadata.insert(RETRY_PUSHBACK, millis.to_string());
        metadata
    }

    /// Says which trace the call belongs to.
    pub fn set_trace(&mut self, trace: Option<Trace>) {
        self.trace = trace;
    }
}

/// The W3C trace context of a call: which trace it belongs to, and as whose child.
///
/// It reads and prints as the `traceparent` header of <https://www.w3.org/TR/trace-context/>:
///
/// ```
/// use ferrywire::Trace;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace: Trace = text.parse().unwrap();
/// assert!(trace.is_sampled());
/// assert_eq!(trace.to_string(), text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    /// The trace's id; not all zero.
    pub trace_id: [u8; 16],
    /// The id of the span that makes the call; not all zero.
    pub parent_id: [u8; 8],
    /// The flags: bit 0 says that the trace is sampled.
    pub flags: u8,
}

impl Trace {
    /// Whether the caller records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 != 0
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (trace_id, parent_id) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.parent_id));
        write!(f, "00-{trace_id:032x}-{parent_id:016x}-{:02x}", self.flags)
    }
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTrace;

impl std::fmt::Display for NoTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected a traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not zero")
    }
}

impl std::error::Error for NoTrace {}

impl std::str::FromStr for Trace {
    type Err = NoTrace;

    fn from_str(text: &str) -> Result<Self, NoTrace> {
        let mut parts = text.split('-');
        let mut part = |len: usize| {
            let is_hex = |letter: u8| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
            parts.next().filter(|part| part.len() == len && part.bytes().all(is_hex)).ok_or(NoTrace)
        };
        let (version, trace_id, parent_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may add parts; version ff is forbidden.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return Err(NoTrace);
        }
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| NoTrace)?;
        let parent_id = u64::from_str_radix(parent_id, 16).map_err(|_| NoTrace)?;
        if trace_id == 0 || parent_id == 0 {
            return Err(NoTrace);
        }
        Ok(Self {
            trace_id: trace_id.to_be_bytes(),
            parent_id: parent_id.to_be_bytes(),
            flags: u8::from_str_radix(flags, 16).map_err(|_| NoTrace)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let refused = [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ];

        for text in refused {
            assert_eq!(text.parse::<Trace>(), Err(NoTrace), "{text}");
        }
    }
}
