//! What went wrong, in which field, at which byte.
//!
//! An error is one pointer wide, so that results travel in registers.

use std::fmt;
use std::io;

/// What [`encode`](crate::Plan::encode) and [`decode`](crate::Types::decode) answer.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a value could not be written or read.
///
/// Its text names what was found and what was expected, the path of the field in the sender's
/// names, and for reading the byte of the input: `Order.Lines[2].Count: 300 is out of range for i8 (byte 41)`.
pub struct Error(Box<Inner>);

/// The kinds of [`Error`], for those who act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ended: a peer that closed between two values, or bytes that are missing.
    Eof,
    /// The bytes are not gob.
    Damaged,
    /// The sender's type and the receiver's do not fit.
    Mismatch,
    /// A number does not fit the receiver's type.
    OutOfRange,
    /// One of the [`Limits`](crate::Limits) was reached.
    Limit,
    /// A Rust type or value that gob cannot say.
    Unsupported,
    /// A type's own `Serialize` or `Deserialize` refused.
    Refused,
    /// The reader or writer below failed; [`source`](std::error::Error::source) says how.
    Io,
}

struct Inner {
    kind: ErrorKind,
    text: Text,
    path: String,
    offset: Option<usize>,
    source: Option<io::Error>,
}

enum Text {
    Whole(String),
    MissingField(&'static str),
    DuplicateField(&'static str),
}

/// The longest path that is kept, in bytes: a deep value must not cost a long text at every level.
const PATH_LEN_MAX: usize = 256;

impl Error {
    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The field it happened in, in the sender's names, such as `Order.Lines[2]`; empty at the top.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The byte it was noticed at, counted from the start of what was being decoded: the stream for a
    /// [`Decoder`](crate::Decoder), the slice for [`Types::decode`](crate::Types::decode).
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    #[cold]
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self::with_text(kind, Text::Whole(text.into()))
    }

    #[cold]
    pub(crate) fn damaged(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, text)
    }

    #[cold]
    pub(crate) fn eof() -> Self {
        Self::new(ErrorKind::Eof, "EOF: the message ends inside a value")
    }

    #[cold]
    pub(crate) fn limit(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, text)
    }

    #[cold]
    pub(crate) fn mismatch(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch, text)
    }

    #[cold]
    pub(crate) fn unsupported(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, text)
    }

    /// The field that serde called a duplicate, by the one name that is not an alias.
    pub(crate) fn duplicate_field_name(&self) -> Option<&'static str> {
        match self.0.text {
            Text::DuplicateField(name) => Some(name),
            _ => None,
        }
    }

    #[cold]
    fn with_text(kind: ErrorKind, text: Text) -> Self {
        Self(Box::new(Inner { kind, text, path: String::new(), offset: None, source: None }))
    }

    /// Notes the byte, unless a place further inside did already.
    #[cold]
    pub(crate) fn at_byte(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Counts the byte from further back: `before` bytes were gone when counting began.
    #[cold]
    pub(crate) fn after_bytes(mut self, before: usize) -> Self {
        self.0.offset = self.0.offset.map(|offset| offset.saturating_add(before));
        self
    }

    /// Puts a step of the path in front: `X` (a field) or `[3]` (an element).
    #[cold]
    pub(crate) fn inside(mut self, step: &str) -> Self {
        let path = &mut self.0.path;
        if path.len() < PATH_LEN_MAX {
            let joint = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            path.insert_str(0, joint);
            path.insert_str(0, step);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if !inner.path.is_empty() {
            write!(out, "{}: ", inner.path)?;
        }
        match &inner.text {
            Text::Whole(text) => out.write_str(text)?,
            Text::MissingField(name) => write!(
                out,
                "the sender's type has no field for `{name}`: mark it #[serde(default)] to accept that"
            )?,
            Text::DuplicateField(name) => write!(out, "field `{name}` came twice")?,
        }
        match inner.offset {
            Some(offset) => write!(out, " (byte {offset})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Error").field("kind", &self.0.kind).field("text", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, "the stream below broke");
        error.0.source = Some(source);
        error
    }
}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(ErrorKind::Refused, text.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(ErrorKind::Refused, text.to_string())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::with_text(ErrorKind::Mismatch, Text::MissingField(name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::with_text(ErrorKind::Damaged, Text::DuplicateField(name))
    }
}

/// Text from a peer, as it may stand in an error: escaped and cut to 64 bytes or so.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == 64 {
            out.push('…');
            break;
        }
        out.extend(letter.escape_debug());
    }
    out
}
