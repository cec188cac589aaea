//! Ferrywire's own protocol: a fixed little header, optional parts behind flag bits, methods by number.
//!
//! Drawn byte by byte in `docs/native-protocol.md`; the numbers in this folder are those of that page.

use super::Protocol;
use super::tunnel::Tunnel;

mod blocks;
mod frame;
mod header;
mod hello;
mod incoming;
mod outgoing;
mod parts;
mod recognise;
mod replies;
mod requests;
pub(crate) mod split;
#[cfg(test)]
mod tests;

pub use hello::Hello;
pub use recognise::recognises;
pub use replies::{Replies, ReplyWriter};
pub use requests::{RequestWriter, Requests};

/// Ferrywire's own protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Protocol for Native {
    const NAME: &'static str = "native";
    const TUNNEL: Option<Tunnel> = None;
    const IDS_GROW: bool = true;
    const SPLICES: bool = true;
    const PINGS: bool = true;
    const RECONNECTS: bool = true;

    type Tag = Tag;
    type Word = Word;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter;
    type ReadReplies = Replies;
}

/// What a reply repeats of its request.
#[derive(Clone, Copy)]
pub struct Tag {
    /// The request's id.
    pub id: u64,
    /// Nobody waits for a reply.
    pub is_one_way: bool,
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

/// What is said about a connection and not about a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum Word {
    /// The peer has introduced itself.
    Hello(Hello),
    /// The peer asks whether anybody is there.
    Ping {
        /// What the answer repeats.
        id: u64,
        /// What the answer repeats.
        body: Vec<u8>,
    },
    /// The peer is there.
    Pong,
    /// More of a large body may be sent.
    Credit {
        /// The body's call.
        id: u64,
        /// Whether it is the response's body.
        is_back: bool,
        /// How many more bytes.
        amount: u32,
    },
    /// The peer may send more of a large body.
    Grant {
        /// The body's call.
        id: u64,
        /// Whether it is the response's body.
        is_back: bool,
        /// How many more bytes.
        amount: u32,
    },
    /// The peer will ask nothing more.
    Leaving,
}
