//! What went wrong with a call: the code, the phase, the peer, and whether the call may have run.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of everything in this library that can go wrong.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure, with gRPC's names and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The caller withdrew the call.
    Cancelled = 1,
    /// A failure of which only the text is known; every error that a Go program answers is one.
    Unknown = 2,
    /// The argument is not one that the method takes.
    InvalidArgument = 3,
    /// The deadline passed first.
    DeadlineExceeded = 4,
    /// What the call is about does not exist.
    NotFound = 5,
    /// What the call would make exists already.
    AlreadyExists = 6,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A limit was reached.
    ResourceExhausted = 8,
    /// The system is not in the state that the call needs.
    FailedPrecondition = 9,
    /// Given up because of something that happened at the same time.
    Aborted = 10,
    /// Beyond the valid range.
    OutOfRange = 11,
    /// No such service or method.
    Unimplemented = 12,
    /// A promise inside the server was broken.
    Internal = 13,
    /// The server cannot be reached now.
    Unavailable = 14,
    /// Bytes were lost or damaged.
    DataLoss = 15,
    /// Nobody knows who the caller is.
    Unauthenticated = 16,
}

impl Code {
    /// The code that has this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Code::Cancelled,
            2 => Code::Unknown,
            3 => Code::InvalidArgument,
            4 => Code::DeadlineExceeded,
            5 => Code::NotFound,
            6 => Code::AlreadyExists,
            7 => Code::PermissionDenied,
            8 => Code::ResourceExhausted,
            9 => Code::FailedPrecondition,
            10 => Code::Aborted,
            11 => Code::OutOfRange,
            12 => Code::Unimplemented,
            13 => Code::Internal,
            14 => Code::Unavailable,
            15 => Code::DataLoss,
            16 => Code::Unauthenticated,
            _ => return None,
        })
    }

    /// The code's name in lower case, the text of an error that has no text of its own.
    pub fn name(self) -> &'static str {
        match self {
            Code::Cancelled => "cancelled",
            Code::Unknown => "unknown error",
            Code::InvalidArgument => "invalid argument",
            Code::DeadlineExceeded => "deadline exceeded",
            Code::NotFound => "not found",
            Code::AlreadyExists => "already exists",
            Code::PermissionDenied => "permission denied",
            Code::ResourceExhausted => "resource exhausted",
            Code::FailedPrecondition => "failed precondition",
            Code::Aborted => "aborted",
            Code::OutOfRange => "out of range",
            Code::Unimplemented => "unimplemented",
            Code::Internal => "internal error",
            Code::Unavailable => "unavailable",
            Code::DataLoss => "data loss",
            Code::Unauthenticated => "unauthenticated",
        }
    }
}

/// How far a call had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The name was being turned into addresses.
    Resolve,
    /// The connection was being made, its handshake included.
    Connect,
    /// The call waited for a place on the connection.
    Queue,
    /// The call's bytes were on their way out.
    Write,
    /// The request was out, the reply not here.
    Wait,
    /// Bytes were being turned into a value.
    Decode,
    /// The method was running.
    Handle,
}

impl Phase {
    fn doing(self) -> &'static str {
        match self {
            Phase::Resolve => "while resolving",
            Phase::Connect => "while connecting to",
            Phase::Queue => "while queued for",
            Phase::Write => "while writing to",
            Phase::Wait => "while waiting for",
            Phase::Decode => "while decoding from",
            Phase::Handle => "while handling a call of",
        }
    }
}

/// A failed call, connection or registration.
///
/// One word wide. [`Display`](fmt::Display) prints this level only; the cause, where there is one, is the
/// [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Error(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    code: Code,
    text: Cow<'static, str>,
    /// The text as it came, where it is not UTF-8; Go's error texts are arbitrary bytes.
    raw: Option<Box<[u8]>>,
    /// What programs read of it, beside the text for people.
    details: Option<Box<[u8]>>,
    /// The other side answered with this error.
    is_remote: bool,
    /// The call certainly has not run.
    is_not_executed: bool,
    /// The method that is not there, as the other side says, which does not say whose call that was.
    missing: Option<Box<[u8]>>,
    phase: Option<Phase>,
    peer: Option<Arc<str>>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a code and a text, as a method returns it to its caller.
    ///
    /// The text crosses the wire as it stands. An empty one is replaced by the code's name, because an
    /// empty text means success to Go.
    pub fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let text = if text.is_empty() { Cow::Borrowed(code.name()) } else { text };
        Self(Arc::new(Parts {
            code,
            text,
            raw: None,
            details: None,
            is_remote: false,
            is_not_executed: false,
            missing: None,
            phase: None,
            peer: None,
            retry_after: None,
            source: None,
        }))
    }

    /// An error whose text is arbitrary bytes, as Go's may be.
    ///
    /// [`message`](Self::message) shows what is not UTF-8 as U+FFFD; the bytes themselves cross the wire.
    pub fn from_bytes(code: Code, text: &[u8]) -> Self {
        match std::str::from_utf8(text) {
            Ok(text) => Self::new(code, text.to_owned()),
            Err(_) => {
                let mut error = Self::new(code, String::from_utf8_lossy(text).into_owned());
                error.parts().raw = Some(text.into());
                error
            }
        }
    }

    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The text, without phase and peer: what the method said, if the method failed.
    pub fn message(&self) -> &str {
        &self.0.text
    }

    /// The text as bytes, exactly as the peer sent it.
    pub fn message_bytes(&self) -> &[u8] {
        self.0.raw.as_deref().unwrap_or(self.0.text.as_bytes())
    }

    /// What the method said for programs to read, beside the text for people; encoded as the two agreed.
    ///
    /// Carried by the native protocol, and by JSON-RPC 2.0 as the error's `data`; wires on which an error is a text carry
    /// none.
    pub fn details(&self) -> Option<&[u8]> {
        self.0.details.as_deref()
    }

    /// Adds what programs are to read; see [`details`](Self::details).
    #[must_use]
    pub fn with_details(mut self, details: impl Into<Box<[u8]>>) -> Self {
        self.parts().details = Some(details.into());
        self
    }

    /// How long whoever was called asks to be left alone; see [`with_retry_after`](Self::with_retry_after).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Asks to be left alone for so long, because there is too much to do for instance.
    ///
    /// A client with several servers sends what it can to the others for this time, which is five minutes at most, and tries no call again at
    /// this one before it is over. The mark says nothing of whether a call may be tried again at all: see
    /// [`not_executed`](Self::not_executed).
    ///
    /// Carried by the native protocol, in milliseconds by gRPC's name `grpc-retry-pushback-ms`, and by HTTP, which has `Retry-After`, in
    /// seconds, too. Of an error that a method got from a call of its own, its caller is not told.
    #[must_use]
    pub fn with_retry_after(mut self, time: Duration) -> Self {
        self.parts().retry_after = Some(time);
        self
    }

    /// Whether the method can have run.
    ///
    /// `false` means that it has not, so that sending the call again is safe.
    ///
    /// On Go's wire an error is only a text. There a server's answer that it has no such method is known by
    /// Go's words for it, and a method that itself fails in just these words, its own name included, is
    /// taken for one that has not run.
    pub fn may_have_run(&self) -> bool {
        !self.0.is_not_executed
    }

    /// Whether the other side answered with this error.
    pub fn is_remote(&self) -> bool {
        self.0.is_remote
    }

    /// How far the call had come, where that is known.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// The peer's address, where there is one.
    pub fn peer(&self) -> Option<&str> {
        self.0.peer.as_deref()
    }

    /// Marks the call as certainly not executed.
    ///
    /// A method that ends with such an error says that it has done nothing, so that its caller may try again. One that it got from
    /// a call of its own does not say so: the caller of the method gets it without the mark.
    #[must_use]
    pub fn not_executed(mut self) -> Self {
        self.parts().is_not_executed = true;
        self
    }

    /// Says that the other side has no method of this name, on wires where that is only a text and replies do not
    /// repeat what was called. Whoever made the call compares: if it was of that method, it has not run and the
    /// code is [`Code::Unimplemented`]; other names are those of calls that the method itself made.
    #[must_use]
    pub fn about_missing(mut self, method: &[u8]) -> Self {
        self.parts().missing = Some(method.into());
        self
    }

    /// The error as it is for who has called `method`; see [`about_missing`](Self::about_missing).
    pub(crate) fn of_call(mut self, method: &str) -> Self {
        if self.0.missing.as_deref() == Some(method.as_bytes()) {
            let parts = self.parts();
            (parts.code, parts.is_not_executed, parts.missing) = (Code::Unimplemented, true, None);
        }
        self
    }

    /// Marks the error as the other side's answer.
    #[must_use]
    pub fn remote(mut self) -> Self {
        self.parts().is_remote = true;
        self
    }

    /// Says how far the call had come.
    #[must_use]
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.parts().phase = Some(phase);
        self
    }

    /// Says at which peer it happened.
    #[must_use]
    pub fn at_peer(mut self, peer: impl Into<Arc<str>>) -> Self {
        self.parts().peer = Some(peer.into());
        self
    }

    /// Says what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.parts().source = Some(Arc::new(source));
        self
    }

    /// The error as it is for who has called the method that ends with it: one of a call that the method made, which may not
    /// have run, says nothing of that of the method, which has; nor does its server of the method's.
    #[cold]
    pub(crate) fn of_method(mut self) -> Self {
        let is_passed_on = self.0.is_remote || self.0.peer.is_some();
        if is_passed_on && (self.0.is_not_executed || self.0.retry_after.is_some()) {
            let parts = self.parts();
            (parts.is_not_executed, parts.retry_after) = (false, None);
        }
        self
    }

    /// The same error in other words.
    pub(crate) fn with_text(mut self, text: String) -> Self {
        let parts = self.parts();
        (parts.text, parts.raw) = (text.into(), None);
        self
    }

    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        match (self.0.phase, &self.0.peer) {
            (Some(phase), Some(peer)) => write!(f, ", {} {peer}", phase.doing()),
            (Some(phase), None) => write!(f, ", {} the peer", phase.doing()),
            (None, Some(peer)) => write!(f, ", at {peer}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("code", &self.0.code)
            .field("message", &self.0.text)
            .field("remote", &self.0.is_remote)
            .field("may_have_run", &self.may_have_run());
        if let Some(phase) = self.0.phase {
            out.field("phase", &phase);
        }
        if let Some(peer) = &self.0.peer {
            out.field("peer", peer);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::new(Code::Unknown, text)
    }
}

impl From<&'static str> for Error {
    fn from(text: &'static str) -> Self {
        Self::new(Code::Unknown, text)
    }
}

impl From<ferrywire_gob::Error> for Error {
    fn from(source: ferrywire_gob::Error) -> Self {
        Self::new(Code::InvalidArgument, source.to_string()).in_phase(Phase::Decode).caused_by(source)
    }
}

/// Bytes from a peer as they may stand in an error or a log: escaped, and cut off after 128 bytes.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 128;
    let cut = bytes.len().min(SHOWN_MAX);
    let text = String::from_utf8_lossy(bytes.get(..cut).unwrap_or(bytes));
    let mut shown: String = text.chars().flat_map(char::escape_debug).collect();
    if bytes.len() > cut {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_phase_and_its_peer() {
        let error = Error::new(Code::Unavailable, "connection refused")
            .in_phase(Phase::Connect)
            .at_peer("tcp://127.0.0.1:1");

        assert_eq!(error.to_string(), "connection refused, while connecting to tcp://127.0.0.1:1");
    }

    #[test]
    fn an_error_without_text_takes_its_codes_name() {
        assert_eq!(Error::new(Code::Aborted, "").message(), "aborted");
    }

    #[test]
    fn a_text_that_is_not_utf_8_keeps_its_bytes() {
        let error = Error::from_bytes(Code::Unknown, b"bad \xff text");

        assert_eq!(error.message(), "bad \u{fffd} text");
        assert_eq!(error.message_bytes(), b"bad \xff text");
    }

    #[test]
    fn a_missing_method_is_that_of_its_own_call_only() {
        let error = Error::new(Code::Unknown, "can't find A.B").remote().about_missing(b"A.B");

        let (own, others) = (error.clone().of_call("A.B"), error.of_call("A.C"));

        assert_eq!((own.code(), own.may_have_run()), (Code::Unimplemented, false));
        assert_eq!((others.code(), others.may_have_run()), (Code::Unknown, true));
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
