//! Foreign bytes, taken from the front; and the depth of the value that they are read into.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::DEPTH_MAX;
use super::fault::Fault;

/// What has not been read yet.
pub(super) struct Cursor<'de> {
    pub(super) rest: &'de [u8],
    pub(super) depth: Depth,
}

/// How many levels are left below.
#[derive(Clone, Copy)]
pub(super) struct Depth(u32);

impl Depth {
    /// Of a whole value.
    #[inline]
    pub(super) fn whole() -> Self {
        Self(DEPTH_MAX)
    }

    /// Goes a level down.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Fault::too_deep()),
        }
    }

    /// Comes up again. What failed needs not: it is read no further.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.0 += 1;
    }
}

impl<'de> Cursor<'de> {
    #[inline]
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, depth: Depth::whole() }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                Ok(*byte)
            }
            None => Err(Fault::ends(1, 0)),
        }
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'de [u8], Fault> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Fault::ends(len, self.rest.len())),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(Fault::ends(N, self.rest.len())),
        }
    }

    #[inline]
    pub(super) fn text(&mut self, len: usize) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.take(len)?).map_err(Fault::not_text)
    }

    /// How many of `claimed` elements get their room ahead: never more than there are bytes.
    #[inline]
    pub(super) fn room_for(&self, claimed: usize) -> usize {
        // An element may be larger in memory than on the wire; most are smaller than 128 bytes there.
        claimed.min(self.rest.len()).min(RESERVED_AT_ONCE.max(self.rest.len() / 16))
    }
}

/// A list of up to so many elements gets its room at once.
const RESERVED_AT_ONCE: usize = 256;
