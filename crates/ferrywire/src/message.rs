//! What the two banks say to each other, whatever the wire: a request, a withdrawal, an answer.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::body::Body;
use crate::codec::Format;
use crate::compression::Packed;
use crate::description::Method;
use crate::error::{Error, Result};
use crate::metadata::Metadata;

/// What a frame reader made of the bytes it was shown.
#[derive(Debug)]
pub enum Read<M> {
    /// A whole message; the first `used` bytes are done with.
    Message {
        /// What was said.
        message: M,
        /// How many bytes it took.
        used: usize,
    },
    /// More bytes are needed; the first `used` are done with, the others must be shown again.
    More {
        /// How many bytes are done with.
        used: usize,
    },
    /// The peer said that nothing follows.
    End,
}

/// What a caller says to a server. `Tag` is what the wire wants repeated in the reply, `Word` what only the
/// protocol itself understands.
#[derive(Debug)]
pub enum Asked<'b, Tag, Word> {
    /// Run this.
    Call(Ask<'b, Tag>),
    /// Stop running that.
    Cancel {
        /// The call to stop.
        target: Tag,
        /// Whom to answer that the message arrived, on wires that want an answer.
        reply_to: Option<Tag>,
    },
    /// Do not run what had begun to arrive: the rest of it does not come.
    Withdrawn(Tag),
    /// Something about the connection, for the protocol's own writer.
    Word(Word),
}

/// Which method a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'b> {
    /// `Service.Method` as it came; not every wire promises UTF-8.
    Named {
        /// The name.
        name: &'b [u8],
        /// The caller's idea of the method's types, zero if it has none; see
        /// [`Method::fingerprint`](crate::description::Method::fingerprint).
        fingerprint: u64,
    },
    /// The method at this place among all that the server offers.
    Numbered(u16),
}

impl<'b> Wanted<'b> {
    /// The method of this name.
    pub fn named(name: &'b [u8]) -> Self {
        Self::Named { name, fingerprint: 0 }
    }

    /// The name, if that is how the method was asked for.
    pub fn name(&self) -> Option<&'b [u8]> {
        match self {
            Self::Named { name, .. } => Some(name),
            Self::Numbered(_) => None,
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Ask<'b, Tag> {
    /// What the reply must repeat.
    pub tag: Tag,
    /// What is to be run.
    pub method: Wanted<'b>,
    /// The argument; an error if this body alone is damaged and the stream is still in step.
    pub body: Result<Body<'b>>,
    /// How the body is compressed, if it is.
    pub packed: Option<Packed>,
    /// How long the caller is going to wait, on wires that say so.
    pub timeout: Option<Duration>,
    /// What travels beside the argument, on wires that carry it.
    pub metadata: Option<Box<Metadata>>,
}

/// A request as most are: its method by number, its argument, and not a word beside them.
///
/// It is an [`Ask`] that is passed on in registers.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'b, Tag> {
    /// What the reply must repeat.
    pub tag: Tag,
    /// The method's place among all that the server offers.
    pub number: u16,
    /// The codec of the argument.
    pub format: Format,
    /// The argument.
    pub bytes: &'b [u8],
    /// How many bytes the message took.
    pub used: usize,
}

/// What a server says to its callers.
#[derive(Debug)]
pub enum Said<'b, Word> {
    /// A call has ended.
    Answer(Answered<'b>),
    /// The server takes no further request; what it took is still answered.
    Leaving {
        /// Requests with a larger id have not run. `None` if nobody knows which have.
        last: Option<u64>,
        /// Why.
        error: Error,
    },
    /// Something about the connection, for the protocol's own writer.
    Word(Word),
}

/// One reply.
#[derive(Debug)]
pub struct Answered<'b> {
    /// The id that the request was sent with.
    pub id: u64,
    /// The reply's body, or the method's error.
    pub outcome: Result<Body<'b>>,
    /// How the body is compressed, if it is.
    pub packed: Option<Packed>,
    /// What travels beside the reply, on wires that carry it.
    pub metadata: Option<Box<Metadata>>,
}

/// A reply as most are: with success, and not a word beside its body.
#[derive(Clone, Copy, Debug)]
pub struct PlainAnswer<'b> {
    /// The id that the request was sent with.
    pub id: u64,
    /// The codec of the body.
    pub format: Format,
    /// The reply's body.
    pub bytes: &'b [u8],
    /// How many bytes the message took.
    pub used: usize,
}

/// What a request says besides its body.
#[derive(Clone, Debug, Default)]
pub struct Head<'h> {
    /// `Service.Method`.
    pub method: &'h str,
    /// The method's description, where the caller has one.
    pub described: Option<&'static Method>,
    /// The place that the method's name has among all names that the caller has used, for wires that number
    /// them.
    pub place: Option<NonZeroU32>,
    /// What travels beside the argument.
    pub metadata: Option<Box<Metadata>>,
    /// Nobody waits for a reply.
    pub is_one_way: bool,
}

impl<'h> Head<'h> {
    /// The head of a call of `method`, and nothing else.
    pub fn of(method: &'h str) -> Self {
        Self { method, ..Self::default() }
    }
}

/// Splits `Service.Method` at its last dot, as Go does: service names may hold dots.
pub fn split_method(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

/// Why no method answers to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The name has no dot, so that it names no service.
    Dot,
    /// No such service.
    Service,
    /// The service has no such method.
    Method,
}

impl Missing {
    /// The error in our own words; wires with words of their own use those.
    pub fn error(self, name: &[u8]) -> Error {
        let name = crate::error::shown(name);
        let text = match self {
            Missing::Dot => format!("`{name}` names no method: expected Service.Method"),
            Missing::Service => format!("no service answers {name}"),
            Missing::Method => format!("the service has no method {name}"),
        };
        Error::new(crate::error::Code::Unimplemented, text).not_executed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_name_may_hold_dots() {
        assert_eq!(split_method(b"x.y.M"), Some((&b"x.y"[..], &b"M"[..])));
        assert_eq!(split_method(b"S."), Some((&b"S"[..], &b""[..])));
        assert_eq!(split_method(b"nodot"), None);
    }
}
