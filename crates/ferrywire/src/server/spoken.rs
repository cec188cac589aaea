//! What is spoken at a place: whoever begins with anything else is a stranger there.

use crate::error::{Code, Error, Result};
use crate::protocol::opening::Opening;

/// A protocol that a place may answer, for [`Builder::speaks`](super::Builder::speaks) and
/// [`Builder::listen_with`](super::Builder::listen_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Speaks {
    /// The native protocol.
    Native,
    /// Go's `net/rpc`, also behind an HTTP `CONNECT`.
    NetRpc,
    /// gomorpc.
    GomoRpc,
    /// WgRPC and GeeRPC, also behind an HTTP `CONNECT`.
    WgRpc,
    /// JSON-RPC over a stream.
    JsonRpc,
    /// Plain HTTP: methods, JSON-RPC in bodies, the list and the pages.
    Http,
}

/// All that is spoken at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spoken(u8);

impl Spoken {
    /// Everything.
    pub(super) const ALL: Self = Self(u8::MAX);

    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if it is nothing.
    pub(super) fn only(these: impl IntoIterator<Item = Speaks>) -> Result<Self> {
        match these.into_iter().fold(0, |bits, one| bits | bit(one)) {
            0 => Err(Error::new(
                Code::InvalidArgument,
                "a place that speaks nothing: name one protocol at least",
            )),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether `one` is.
    pub(super) fn has(self, one: Speaks) -> bool {
        self.0 & bit(one) != 0
    }

    /// Whether a stream that begins so may go on. What asks for a tunnel may: where it leads to is not known yet.
    pub(super) fn admits(self, opening: Opening, is_tunnel: bool) -> bool {
        match opening {
            Opening::Native => self.has(Speaks::Native),
            Opening::NetRpc => self.has(Speaks::NetRpc),
            Opening::GomoRpc => self.has(Speaks::GomoRpc),
            Opening::WgRpc => self.has(Speaks::WgRpc),
            Opening::JsonRpc => self.has(Speaks::JsonRpc),
            Opening::Http => is_tunnel || self.has(Speaks::Http),
            Opening::Undecided => true,
            Opening::Unknown => false,
        }
    }
}

fn bit(one: Speaks) -> u8 {
    1 << one as u8
}
