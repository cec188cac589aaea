//! Why a value could not be read or written, before it is known at which byte.

use std::borrow::Cow;
use std::fmt;

use super::DEPTH_MAX;
use crate::error::{Code, Error, Phase};

/// What went wrong. One word, so that results stay in registers.
#[derive(Debug)]
pub(super) struct Fault(Box<Cow<'static, str>>);

impl Fault {
    #[cold]
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(text.into()))
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        Self::new(format!("values nest deeper than {DEPTH_MAX}"))
    }

    #[cold]
    pub(super) fn ends(expected: usize, left: usize) -> Self {
        Self::new(format!("the bytes end: expected {expected} more, {left} are left"))
    }

    #[cold]
    pub(super) fn trailing(left: usize) -> Self {
        Self::new(format!("{left} bytes are left behind the value"))
    }

    #[cold]
    pub(super) fn not_text(error: std::str::Utf8Error) -> Self {
        Self::new(format!("a string is not UTF-8: {error}"))
    }

    #[cold]
    pub(super) fn too_many(left: usize) -> Self {
        Self::new(format!("{left} elements more than the type takes"))
    }

    /// The error of a value that has no form in a codec.
    #[cold]
    pub(super) fn in_value(self) -> Error {
        Error::new(Code::InvalidArgument, self.0.into_owned())
    }

    /// The error of a body of `len` bytes in a codec, of which the last `left` were not read.
    #[cold]
    pub(super) fn in_body(self, codec: &str, len: usize, left: usize) -> Error {
        let text = format!("{self}, at byte {} of {len} of a {codec} body", len - left);
        Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode)
    }

    /// The error of a body of `len` bytes in a codec that is not read from front to end.
    #[cold]
    pub(super) fn in_whole_body(self, codec: &str, len: usize) -> Error {
        Error::new(Code::InvalidArgument, format!("{self}, in {len} bytes of a {codec} body"))
            .in_phase(Phase::Decode)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    #[cold]
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string())
    }
}
