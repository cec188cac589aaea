//! Go's `net/rpc` over gob, byte for byte: a header value and a body value for every message.
//!
//! One stream in each direction, each with its own type definitions. The words below are Go's own; other
//! programs compare them.

use super::Protocol;
use super::pairs::Kind;
use super::tunnel::Tunnel;

mod frame;
pub mod page;
mod recognise;

pub use frame::{Replies, ReplyWriter, RequestWriter, Requests};
pub use recognise::recognises;

/// Go's `net/rpc` with its default codec, gob.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetRpc;

impl Protocol for NetRpc {
    const NAME: &'static str = "net/rpc";
    const TUNNEL: Option<Tunnel> = Some(Tunnel { path: "/_goRPC_", status: "200 Connected to Go RPC" });

    type Tag = u64;
    type Word = std::convert::Infallible;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter;
    type ReadReplies = Replies;
}

/// The header of a request: `type Request struct { ServiceMethod string; Seq uint64 }`.
pub(super) const REQUEST: Kind = Kind {
    definition: b"\x2e\x7f\x03\x01\x01\x07Request\x01\xff\x80\x00\x01\x02\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x00\x00",
    has_error: false,
};

/// The header of a reply: `type Response struct { ServiceMethod string; Seq uint64; Error string }`.
pub(super) const RESPONSE: Kind = Kind {
    definition: b"\x39\x7f\x03\x01\x01\x08Response\x01\xff\x80\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00",
    has_error: true,
};

/// The method by which a caller withdraws a call, of a widespread fork of Go's package; a stock server
/// answers that it does not know it, which harms nobody.
const CANCEL: &str = "_goRPC_.Cancel";

/// Where Go's servers show their page.
pub const PAGE_PATH: &str = "/debug/rpc";

/// The title of their page.
pub const PAGE_TITLE: &str = "Services";
