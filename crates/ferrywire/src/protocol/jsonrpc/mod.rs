//! JSON-RPC over a stream of bytes: 2.0, and 1.0 as Go's `net/rpc/jsonrpc` speaks it.
//!
//! A server answers each request in the version that it came in: what says `"jsonrpc":"2.0"` is 2.0, everything else
//! is 1.0. A client speaks one: [`JsonRpc`] or [`JsonRpc1`].
//!
//! # Arguments and parameters
//!
//! | `params` | the argument |
//! | --- | --- |
//! | 1.0: `[x, …]` | `x`; what follows it is passed over, as Go does |
//! | 1.0: `[]`, `[null]` | zeros and empty texts |
//! | 2.0: `{…}` | the object: a struct by its fields' names |
//! | 2.0: `[x]` | `x` |
//! | 2.0: `[x, y, …]`, `[]` | the list: a struct's fields in their order, a tuple, a list |
//! | 2.0: none, `null` | `{}`: nothing, or a struct all of whose fields may be missing |
//!
//! A client of 2.0 sends a struct or a map as `{…}`, a tuple of two or more as `[x, y, …]`, `()` as no parameters, and
//! everything else as `[x]`. Fields have the names that serde has for them, and are read in any case: `UserName` is
//! `user_name`. A Go program that is to read a field whose name is of several words needs `#[serde(rename)]`
//! there.
//!
//! # Servers that ask
//!
//! Some servers of 1.0 ask their client `echo` after a silence, and give up one that does not say the parameters back
//! ([RFC 7047](https://www.rfc-editor.org/rfc/rfc7047#section-4.1.11)). A client here does, up to 4 KiB of them, and has no other method:
//! whatever else it is asked it answers so. What it is told is passed over.
//!
//! # What the wires cannot say
//!
//! - That a caller has given up, or when it will: a dropped call runs on to its end or to the server's
//!   [`handler_timeout`](crate::Limits::handler_timeout), and its reply is thrown away.
//! - Metadata, traces, checksums, compression, pieces of a body: a large body holds up what is behind it.
//! - That the peer is there, or that it leaves.
//! - Over 1.0: an error's code and details, for an error is a text; that nobody waits for a reply, for there
//!   everything is answered. A reply of nothing is `{}`, because Go's clients take `null` for a broken connection; one
//!   of [`None`] is an error for that reason.
//! - Over 1.0 there is no list of requests, and Go does not speak it behind an HTTP `CONNECT`.

use super::tunnel::Tunnel;
use super::{Protocol, StandsAlone};
use crate::body::Body;
use crate::error::Result;
use crate::limits::Limits;

mod fault;
mod frame;
mod gathering;
mod id;
mod recognise;
mod replies;
mod requests;
mod scan;
mod text;

pub use fault::ErrorCode;
pub(crate) use frame::ENVELOPE_LEN;
pub use id::Id;
pub use recognise::recognises;
pub use replies::{Replies, ReplyWriter};
pub use requests::{RequestWriter, RequestWriter1, Requests};

/// What a stream of JSON is served as, whatever version its requests are in.
pub(crate) type Served = JsonRpc;

/// JSON-RPC 2.0 over a stream of bytes. As a server it speaks 1.0 as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonRpc;

impl Protocol for JsonRpc {
    const NAME: &'static str = "JSON-RPC 2.0";
    const TUNNEL: Option<Tunnel> = None;

    type Tag = Tag;
    type Word = Word;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter;
    type ReadReplies = Replies;
}

/// JSON-RPC 1.0 as Go's `net/rpc/jsonrpc` speaks it. As a server it speaks 2.0 as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonRpc1;

impl Protocol for JsonRpc1 {
    const NAME: &'static str = "JSON-RPC 1.0";
    const TUNNEL: Option<Tunnel> = None;

    type Tag = Tag;
    type Word = Word;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter1;
    type ReadReplies = Replies;
}

impl StandsAlone for JsonRpc {
    const ENVELOPE_LEN: usize = ENVELOPE_LEN;

    fn outcome<'b>(bytes: &'b [u8], limits: &Limits) -> Option<Result<Body<'b>>> {
        replies::only(bytes, limits)
    }
}

impl StandsAlone for JsonRpc1 {
    const ENVELOPE_LEN: usize = ENVELOPE_LEN;

    fn outcome<'b>(bytes: &'b [u8], limits: &Limits) -> Option<Result<Body<'b>>> {
        replies::only(bytes, limits)
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

/// What a reply repeats of its request.
#[derive(Clone)]
pub struct Tag {
    /// The request's id.
    pub id: Id,
    /// What the request came in.
    pub version: Version,
    /// Whether it has an id, so that somebody waits.
    pub is_awaited: bool,
    /// Which request of which list it is.
    pub element: Option<Element>,
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}

/// The place of a request in a list of them, which is answered by one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The list's number on its connection.
    pub list: u32,
    /// How many requests are in front of it.
    pub at: usize,
}

/// What a reader tells its side's writer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Word {
    /// A list of requests begins.
    List {
        /// Its number on the connection.
        number: u32,
        /// How many requests it holds.
        len: usize,
    },
    /// All requests of a list have been read.
    ListEnd {
        /// Its number on the connection.
        number: u32,
    },
    /// A server asks its client, and waits for an answer.
    Asked {
        /// What the answer repeats.
        tag: Tag,
        /// What is asked.
        method: Vec<u8>,
        /// What is to be said back, if that is all that is asked.
        echo: Option<Vec<u8>>,
    },
    /// What came cannot be run, whatever method it is for.
    Refused {
        /// What the answer repeats.
        tag: Tag,
        /// Why.
        number: ErrorCode,
        /// Why, in words.
        text: String,
        /// Whether nothing behind it can be read.
        is_end: bool,
    },
}
