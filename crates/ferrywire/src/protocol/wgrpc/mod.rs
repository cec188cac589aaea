//! WgRPC and GeeRPC over a stream of bytes: a JSON object that says how the client speaks, the Option, and behind it
//! pairs of a header and a body in both directions.
//!
//! Both are one conversation. They differ in the Option's magic number, in the words of errors, and in where they are
//! found behind an HTTP `CONNECT`. A server answers each client in the words of its own family; a client chooses one:
//! [`WgRpc`] or [`GeeRpc`].
//!
//! # The Option
//!
//! | key | means |
//! | --- | --- |
//! | `MagicNumber` | 57775718 of WgRPC, 3927900 of GeeRPC; anything else closes the connection |
//! | `CodecType` | `application/gob` or `application/json`; anything else closes the connection |
//! | `ConnectTimeout` | how long the client waits for a connection, in nanoseconds; a server has no use for it |
//! | `HandleTimeout` | how long a method may run on this connection, in nanoseconds; 0 leaves that to the server |
//!
//! Keys are read in any case and order, and as other programs of the family spell them: `MagicNum`, `CodeType`, `CodecFormat`.
//! There is no answer to an Option. A server here grants a `HandleTimeout` within its
//! [`handler_timeout_max`](crate::Limits::handler_timeout_max), and says in the error which time has passed, as a Go
//! `Duration`. A client here asks for its own [`handler_timeout`](crate::Limits::handler_timeout).
//!
//! # Messages
//!
//! A header has `ServiceMethod`, `Seq` and `Error`; it is the same in both directions. In gob, header and body are a value
//! each, as in `net/rpc`. An error reply has an empty struct for its body.
//!
//! In JSON, which the family has a name for and no more, they are what Go's `json.Encoder` makes of the same two values: an
//! object and a value of any kind, each with a line feed behind it. Space between them is passed over, and keys of
//! headers are read in any case. The body of an error reply is `{}`.
//!
//! ```text
//! {"ServiceMethod":"Arith.Multiply","Seq":1,"Error":""}
//! {"A":6,"B":7}
//! ```
//!
//! # Servers that read ahead
//!
//! The family's servers read the Option with a decoder that takes more bytes than the Option has, and forget what it
//! took. So a client here makes its Option 512 bytes long, with spaces before the last brace: that is where those decoders have
//! read to the end of what they asked for. A server here loses no byte.
//!
//! # What the wire cannot say
//!
//! - That a caller has given up: a dropped call runs on to its end or to the time that the Option names, and its reply is
//!   thrown away. Nor when a single call is given up: one time holds for the connection.
//! - That nobody waits for a reply: everything is answered.
//! - Metadata, traces, checksums, compression, pieces of a body: a large body holds up what is behind it.
//! - That the peer is there, or that it leaves.
//! - An error's code and details, for an error is a text. A call of what is not there, and one whose time has passed, are
//!   known by the family's words.
//! - A `%` in an error's text: the family's clients take the text for a format. It is sent as it stands, as their servers do.

use super::Protocol;
use super::pairs::Kind;
use super::tunnel::Tunnel;

mod duration;
mod greeting;
mod json;
mod members;
mod messages;
mod recognise;
mod replies;
mod requests;
mod words;

pub use greeting::{Greeting, family};
pub use recognise::recognises;
pub use replies::{Replies, ReplyWriter};
pub use requests::{RequestWriter, Requests};

/// WgRPC. As a server it speaks GeeRPC as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct WgRpc;

/// GeeRPC. As a server it speaks WgRPC as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeeRpc;

impl Protocol for WgRpc {
    const NAME: &'static str = "WgRPC";
    const TUNNEL: Option<Tunnel> = Some(Tunnel { path: "/wgrpc", status: "200 Connected to Wg RPC" });
    /// As its readme spells it, in two ways.
    const TUNNEL_ALSO: &'static [&'static str] = &["/_wgprc_", "/_wgrpc_"];

    type Tag = u64;
    type Word = Greeting;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter<Self>;
    type ReadReplies = Replies;
}

impl Protocol for GeeRpc {
    const NAME: &'static str = "GeeRPC";
    /// Two of its letters changed places in the first program of the family.
    const TUNNEL: Option<Tunnel> = Some(Tunnel { path: "/_geeprc_", status: "200 Connected to Gee RPC" });
    const TUNNEL_ALSO: &'static [&'static str] = &["/_geerpc_", "/geeprc"];

    type Tag = u64;
    type Word = Greeting;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter<Self>;
    type ReadReplies = Replies;
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// WgRPC.
    WgRpc,
    /// GeeRPC.
    GeeRpc,
}

impl Family {
    const ALL: [Self; 2] = [Self::WgRpc, Self::GeeRpc];

    /// The number in the Option.
    const fn magic(self) -> i64 {
        match self {
            Family::WgRpc => 57_775_718,
            Family::GeeRpc => 3_927_900,
        }
    }
}

/// A protocol of the family.
pub trait Member: 'static {
    /// Which.
    const FAMILY: Family;
}

impl Member for WgRpc {
    const FAMILY: Family = Family::WgRpc;
}

impl Member for GeeRpc {
    const FAMILY: Family = Family::GeeRpc;
}

/// `type Header struct { ServiceMethod string; Seq uint64; Error string }`.
const HEADER: Kind = Kind {
    definition: b"\x37\x7f\x03\x01\x01\x06Header\x01\xff\x80\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00",
    has_error: true,
};

/// Where the family's servers show their pages.
pub const PAGE_PATHS: [&str; 2] = ["/debug/wgrpc", "/debug/geerpc"];

/// The title of their pages, in both.
pub const PAGE_TITLE: &str = "GeeRPC Services";
