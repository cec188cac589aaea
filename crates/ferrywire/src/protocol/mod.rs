//! Protocols: how requests and replies lie on a stream. One folder each, without a socket and without a task.
//!
//! A protocol is four state machines. Reader and writer are apart because on the calling bank the writer
//! stands under the callers' lock and the reader does not. Which bank uses them is not their business.

// What foreign bytes reach never panics.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use bytes::Bytes;

use crate::body::{Body, Written};
use crate::codec::Format;
use crate::description::Description;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::message::{Asked, Head, Missing, Plain, PlainAnswer, Read, Said};

#[cfg(not(feature = "json"))]
pub(crate) mod absent;
pub mod browser;
mod go_words;
pub mod gomorpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "json")]
pub mod jsonrpc;
pub mod native;
pub mod netrpc;
pub mod opening;
mod pairs;
mod recognition;
pub mod tunnel;
pub mod wgrpc;

pub use crate::compression::{Compression, Packed};
#[cfg(not(feature = "json"))]
pub(crate) use absent as jsonrpc;
pub use gomorpc::GomoRpc;
#[cfg(feature = "http")]
pub use http::{Http, Post};
#[cfg(feature = "json")]
pub use jsonrpc::{JsonRpc, JsonRpc1};
pub use native::Native;
pub use netrpc::NetRpc;
pub use recognition::Recognition;
pub use wgrpc::{GeeRpc, WgRpc};

/// A way of putting calls on a stream of bytes.
pub trait Protocol: Send + Sync + 'static {
    /// The name that people use.
    const NAME: &'static str;
    /// Where it is found behind an HTTP `CONNECT`, if it can be.
    const TUNNEL: Option<tunnel::Tunnel>;
    /// Other paths at which a server opens the same tunnel.
    const TUNNEL_ALSO: &'static [&'static str] = &[];

    /// Whether the reader itself sees to it that no request has the id of an earlier one.
    const IDS_GROW: bool = false;
    /// Whether the writers take bodies from which long byte strings are left out.
    const SPLICES: bool = false;

    /// Whether a side can ask the other whether it is there.
    const PINGS: bool = false;
    /// Whether clients connect again by themselves when a server has closed an idle connection.
    const RECONNECTS: bool = false;
    /// Whether its messages are HTTP's. An address's path is then a part of what is asked for and no tunnel's, and a
    /// call has a connection for itself while it lasts: answers come in the order of their requests, and what
    /// withdraws a call is that its connection is closed.
    const IS_HTTP: bool = false;
    /// Whether clients survive the end of their connection. Where they do not, it is not ended for calls that are merely
    /// of no use.
    const CLIENTS_SURVIVE: bool = true;

    /// What a reply must repeat of its request.
    type Tag: Clone + PartialEq + std::fmt::Debug + Send + 'static;
    /// What a reader has to tell its side's writer: about the connection, not about a call. Never, for wires
    /// that have nothing of the kind.
    type Word: std::fmt::Debug + Send + 'static;
    /// Bytes in, requests out.
    type ReadRequests: ReadRequests<Tag = Self::Tag, Word = Self::Word>;
    /// Replies in, bytes out.
    type WriteReplies: WriteReplies<Tag = Self::Tag, Word = Self::Word>;
    /// Calls in, bytes out.
    type WriteRequests: WriteRequests<Word = Self::Word>;
    /// Bytes in, replies out.
    type ReadReplies: ReadReplies<Word = Self::Word>;
}

/// A protocol of which each message can be read without those before it, so that HTTP can carry every one in a body of
/// its own.
pub trait StandsAlone: Protocol {
    /// How long what is around an argument or a reply may be, beside what [`Limits::frame_len_max`] allows for that.
    const ENVELOPE_LEN: usize;

    /// What a reply says that is all of `bytes`, to whoever has sent a single request and waits for nothing else. `None`
    /// if this is no reply.
    fn outcome<'b>(bytes: &'b [u8], limits: &Limits) -> Option<Result<Body<'b>>>;
}

/// What one side of a connection has chosen before it begins.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// The bounds that hold.
    pub limits: &'t Limits,
    /// The codec of arguments, where the wire leaves a choice and somebody chose.
    pub format: Option<Format>,
    /// Whether damage on the way must be noticed, where the wire can say so.
    pub checksum: bool,
    /// Whether large bodies may be compressed, where the wire can say so, and how.
    pub compression: Option<Compression>,
    /// Whom a client asks, as `host:port`, on wires that say so; empty where the address has no such name.
    pub host: &'t str,
    /// The path in the address that a client was given, on wires that say it.
    pub path: &'t str,
}

impl<'t> Terms<'t> {
    /// Nothing chosen.
    pub fn new(limits: &'t Limits) -> Self {
        Self { limits, format: None, checksum: false, compression: None, host: "", path: "" }
    }
}

/// A service as its server offers it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'o> {
    /// The name that it is called by.
    pub name: &'o str,
    /// Its methods.
    pub description: &'o Description,
}

/// Where a large body grows: the next bytes of the stream can be read straight behind what is there.
#[derive(Debug)]
pub struct Landing<'l> {
    /// What has come of the body.
    pub buffer: &'l mut Vec<u8>,
    /// How long it is when the bytes end that belong there. What is read beyond belongs to the reader's next
    /// [`read`](ReadRequests::read).
    pub until: usize,
    /// How much may be read beyond that.
    pub slack: usize,
}

/// What there is of bodies that are not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// How many bytes of memory they take.
    pub held: usize,
    /// How many bytes of such bodies have ever come.
    pub came: u64,
    /// The number of the one that began first, in the order in which bodies began.
    pub oldest: u64,
    /// Whether one of them will not go on for long unless its sender is granted more.
    pub needs_credit: bool,
}

/// Which of the bodies that come in pieces may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All of them.
    All,
    /// The one that began first: where memory is short, one body that comes to its end is better than many that
    /// wait for each other.
    Oldest,
    /// None: there is no memory.
    Nobodys,
}

impl Whose {
    /// Which may go on where `held` of `most` bytes are taken.
    pub(crate) fn within(held: usize, most: usize) -> Self {
        match held {
            held if held > most / 100 * 95 => Self::Nobodys,
            held if held > most / 2 => Self::Oldest,
            _ => Self::All,
        }
    }
}

/// What there is of bodies that are sent in pieces, and of replies that are held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// How many they are.
    pub bodies: usize,
    /// How many bytes of them have not been handed out.
    pub len: usize,
    /// How many bytes of memory are kept: for the sake of these bodies, as each may lie in one storage to its end, and by
    /// replies that wait for other calls and not for the peer.
    pub kept: usize,
    /// Whether the peer takes more of one of them.
    pub can_go_on: bool,
}

/// Reads what callers send.
pub trait ReadRequests: Send + 'static {
    /// What a reply must repeat.
    type Tag;
    /// See [`Protocol::Word`].
    type Word;

    /// A reader at the start of a stream.
    fn new(terms: &Terms<'_>) -> Self;

    /// The first message of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further. A body that is damaged alone is inside the message.
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Self::Tag, Self::Word>>>;

    /// The first message of `bytes`, if it is a request as most are. What is not, is [`read`](Self::read).
    #[inline]
    fn plain<'b>(&mut self, _bytes: &'b [u8]) -> Option<Plain<'b, Self::Tag>> {
        None
    }

    /// How long callers wait that do not say so with a request; may change with every [`Word`](Self::Word).
    fn usual_timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether `bytes` go on with a request, as far as can be told; asked only while no call may be begun. What is
    /// none, or too short to tell, is read nevertheless.
    ///
    /// A wire that cannot tell says yes: whatever comes then waits.
    fn begins_request(&self, _bytes: &[u8]) -> bool {
        true
    }

    /// Where the bytes belong that come next, if they are those of a large body. They may be put there, and are
    /// then not shown to [`read`](Self::read), which must still be called.
    #[inline]
    fn landing(&mut self) -> Option<Landing<'_>> {
        None
    }

    /// What there is of bodies that are not whole, if there is any.
    #[inline]
    fn partial(&self) -> Option<Partial> {
        None
    }

    /// What the peer is to be told so that it goes on with a body: with one of those that `whose` allows, if one
    /// needs it.
    fn grant(&mut self, _whose: Whose) -> Option<Self::Word> {
        None
    }
}

/// Writes what callers get.
///
/// A reply is opened, gets its body from the method, and is closed; or it is refused. Opening changes
/// nothing but the buffer: the call may turn out to be pending, and is then cut off again.
pub trait WriteReplies: Send + 'static {
    /// What a reply must repeat.
    type Tag;
    /// See [`Protocol::Word`].
    type Word;

    /// A writer at the start of a stream.
    fn new(terms: &Terms<'_>) -> Self;

    /// Appends what the server says first, on wires where it speaks first or answers a greeting.
    fn greet(
        &mut self,
        _out: &mut Vec<u8>,
        _terms: &Terms<'_>,
        _offers: &mut dyn Iterator<Item = Offer<'_>>,
    ) {
    }

    /// Appends what precedes the body of a reply.
    fn open(&self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], format: Format);

    /// Completes a reply: from `at` on, `out` holds what [`open`](Self::open) wrote, and from `body_at` on the
    /// body.
    fn close(&mut self, out: &mut Vec<u8>, at: usize, body_at: usize, tag: &Self::Tag, written: Written);

    /// Appends an error reply.
    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], error: &Error);

    /// Appends the reply to a call of something that is not there.
    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], missing: Missing) {
        self.refuse(out, tag, method, &missing.error(method));
    }

    /// Appends the reply to a call whose time has passed.
    fn refuse_late(&mut self, out: &mut Vec<u8>, tag: &Self::Tag, method: &[u8], error: &Error) {
        self.refuse(out, tag, method, error);
    }

    /// Appends the answer to a withdrawal, on wires that want one.
    fn acknowledge(&mut self, out: &mut Vec<u8>, tag: &Self::Tag);

    /// Takes notice of what the reader has read, and appends the answer if it wants one. Says whether it only
    /// keeps us busy: a peer may not do so too often.
    ///
    /// # Errors
    ///
    /// If the peer cannot mean it: the connection ends.
    fn hear(&mut self, out: &mut Vec<u8>, word: Self::Word) -> Result<bool>;

    /// The bodies of replies that are not sent as a whole.
    #[inline]
    fn unsent(&self) -> Unsent {
        Unsent::default()
    }

    /// Appends pieces of such bodies, up to about `most` bytes, and says how many bytes these are. Long
    /// stretches are left out of `out`, and stand in `splices` with their places.
    fn pieces(&mut self, _out: &mut Vec<u8>, _splices: &mut Vec<(usize, Bytes)>, _most: usize) -> usize {
        0
    }

    /// Gives up the rest of a reply's body. Says whether there was any: the reply is then to be refused.
    fn abandon(&mut self, _tag: &Self::Tag) -> bool {
        false
    }

    /// Appends a question that a living client answers, on wires that have one. It says that this server is
    /// there, even if it does not read.
    fn ping(&mut self, _out: &mut Vec<u8>) {}

    /// Whether a request that is taken after another is also the later one of both for [`leave`](Self::leave).
    #[inline]
    fn is_later(_tag: &Self::Tag, _than: &Self::Tag) -> bool {
        true
    }

    /// Appends that no further request is taken, on wires that have a word for it: because of `error`, or
    /// because the server is shut down. `last` is the latest request that was taken.
    fn leave(&mut self, _out: &mut Vec<u8>, _last: Option<&Self::Tag>, _error: Option<&Error>) {}
}

/// Writes what callers send.
pub trait WriteRequests: Send + 'static {
    /// See [`Protocol::Word`].
    type Word;

    /// A writer at the start of a stream.
    fn new(terms: &Terms<'_>) -> Self;

    /// The format that arguments are written in.
    fn format(&self) -> Format;

    /// Appends what the client says first, on wires where it says something before its first call.
    fn greet(&mut self, _out: &mut Vec<u8>, _terms: &Terms<'_>) {}

    /// Appends a request as most are, that says nothing but its method and has nothing beside its body, if it can be
    /// said shortly; says whether it was. What was not, is a [`request`](Self::request).
    #[inline]
    fn plain(&mut self, _out: &mut Vec<u8>, _id: u64, _head: &Head<'_>, _body: &[u8]) -> bool {
        false
    }

    /// Appends a whole request, or the beginning of one that is sent in pieces. The caller is going to wait for
    /// `timeout`, or as long as it usually does. `written` goes along with the body, which may be taken.
    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    );

    /// Appends a withdrawal, on wires that have a word for it.
    fn cancel(&mut self, out: &mut Vec<u8>, id: u64);

    /// Takes notice of what the reader has read, and appends the answer if it wants one. Says whether it only
    /// keeps us busy.
    ///
    /// # Errors
    ///
    /// If the peer cannot mean it: the connection ends.
    fn hear(&mut self, out: &mut Vec<u8>, word: Self::Word) -> Result<bool>;

    /// The bodies of requests that are not sent as a whole.
    #[inline]
    fn unsent(&self) -> Unsent {
        Unsent::default()
    }

    /// Appends pieces of such bodies; see [`WriteReplies::pieces`].
    fn pieces(&mut self, _out: &mut Vec<u8>, _splices: &mut Vec<(usize, Bytes)>, _most: usize) -> usize {
        0
    }

    /// Whether some of this request's body has not been handed out, so that it certainly has not run.
    fn holds(&self, _id: u64) -> bool {
        false
    }

    /// Gives up, and withdraws, what is left of requests that nobody waits for any more, because they were
    /// answered before their bodies had been sent.
    fn retain(&mut self, _out: &mut Vec<u8>, _is_awaited: &mut dyn FnMut(u64) -> bool) {}

    /// Whether a call can be said on this wire; asked only of calls with metadata.
    ///
    /// # Errors
    ///
    /// What cannot be carried.
    fn check(&self, _head: &Head<'_>) -> Result<()> {
        Ok(())
    }

    /// Appends that the connection ends because of `error`, on wires that have a word for it.
    fn leave(&mut self, _out: &mut Vec<u8>, _error: &Error) {}

    /// How many calls the server runs at once on this connection, where it has said so: what is sent beyond that
    /// waits unread.
    fn calls_max(&self) -> Option<usize> {
        None
    }

    /// How the server reads compressed bodies, once it has said so, if they are to be compressed.
    fn compression(&self) -> Option<Compression> {
        None
    }

    /// Appends a question that a living server answers at once, on wires that have one; says whether it did.
    fn ping(&mut self, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// Reads what servers answer.
pub trait ReadReplies: Send + 'static {
    /// See [`Protocol::Word`].
    type Word;

    /// A reader at the start of a stream.
    fn new(terms: &Terms<'_>) -> Self;

    /// The first message of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further.
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Self::Word>>>;

    /// The first message of `bytes`, if it is a reply as most are. What is not, is [`read`](Self::read).
    #[inline]
    fn plain<'b>(&mut self, _bytes: &'b [u8]) -> Option<PlainAnswer<'b>> {
        None
    }

    /// What the end of the stream completes, on wires where a message may end with it: asked once, when nothing more
    /// comes, and only where the [messages are HTTP's](Protocol::IS_HTTP).
    fn end(&mut self) -> Option<Said<'_, Self::Word>> {
        None
    }

    /// See [`ReadRequests::landing`].
    #[inline]
    fn landing(&mut self) -> Option<Landing<'_>> {
        None
    }

    /// See [`ReadRequests::partial`].
    #[inline]
    fn partial(&self) -> Option<Partial> {
        None
    }

    /// See [`ReadRequests::grant`].
    fn grant(&mut self, _whose: Whose) -> Option<Self::Word> {
        None
    }
}
