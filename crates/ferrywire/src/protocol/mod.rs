//! Protocols: how requests and replies lie on a stream. One folder each, without a socket and without a task.
//!
//! A protocol is four state machines. Reader and writer are apart because on the calling bank the writer
//! stands under the callers' lock and the reader does not. Which bank uses them is not their business.

// What foreign bytes reach never panics.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::codec::{Format, Preamble};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::message::{Answered, Asked, Head, Missing, Read};

pub mod netrpc;
pub mod tunnel;

pub use netrpc::NetRpc;

/// A way of putting calls on a stream of bytes.
pub trait Protocol: Send + Sync + 'static {
    /// The name that people use.
    const NAME: &'static str;
    /// Where it is found behind an HTTP `CONNECT`, if it can be.
    const TUNNEL: Option<tunnel::Tunnel>;

    /// What a reply must repeat of its request.
    type Tag: Clone + PartialEq + std::fmt::Debug + Send + 'static;
    /// Bytes in, requests out.
    type ReadRequests: ReadRequests<Tag = Self::Tag>;
    /// Replies in, bytes out.
    type WriteReplies: WriteReplies<Tag = Self::Tag>;
    /// Calls in, bytes out.
    type WriteRequests: WriteRequests;
    /// Bytes in, replies out.
    type ReadReplies: ReadReplies;
}

/// Reads what callers send.
pub trait ReadRequests: Send + 'static {
    /// What a reply must repeat.
    type Tag;

    /// A reader at the start of a stream.
    fn new(limits: &Limits) -> Self;

    /// The first message of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further. A body that is damaged alone is inside the message.
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Self::Tag>>>;
}

/// Writes what callers get.
///
/// A reply is opened, gets its body from the method, and is closed; or it is refused. Opening changes
/// nothing but the buffer: the call may turn out to be pending, and is then cut off again.
pub trait WriteReplies: Send + 'static {
    /// What a reply must repeat.
    type Tag;

    /// A writer at the start of a stream.
    fn new(limits: &Limits) -> Self;

    /// Appends what precedes the body of a reply.
    fn open(&self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8]);

    /// Completes a reply: `out` holds what [`open`](Self::open) wrote, and from `body_at` on the body.
    ///
    /// `preamble` is what the peer must have been sent before the body.
    fn close(
        &mut self,
        out: &mut Vec<u8>,
        body_at: usize,
        tag: &Self::Tag,
        preamble: Option<&'static Preamble>,
    );

    /// Appends an error reply.
    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], error: &Error);

    /// Appends the reply to a call of something that is not there.
    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], missing: Missing) {
        self.refuse(out, tag, method, &missing.error(method));
    }

    /// Appends the answer to a withdrawal, on wires that want one.
    fn acknowledge(&mut self, out: &mut Vec<u8>, tag: &Self::Tag);
}

/// Writes what callers send.
pub trait WriteRequests: Send + 'static {
    /// A writer at the start of a stream.
    fn new(limits: &Limits) -> Self;

    /// The format that arguments are written in.
    fn format(&self) -> Format;

    /// Appends a whole request. `preamble` is what the peer must have been sent before the body.
    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        preamble: Option<&'static Preamble>,
        body: &[u8],
    );

    /// Appends a withdrawal, on wires that have a word for it.
    fn cancel(&mut self, out: &mut Vec<u8>, id: u64);
}

/// Reads what servers answer.
pub trait ReadReplies: Send + 'static {
    /// A reader at the start of a stream.
    fn new(limits: &Limits) -> Self;

    /// The first message of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further.
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Answered<'b>>>;
}
