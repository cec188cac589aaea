//! Bodies on their way out that are cut into frames: what is small goes between them, and several take turns.
//!
//! The first frame, with the parts, has been written when a body is given over; the rest is handed out piece
//! by piece, as far as the peer has granted.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::frame::Put;
use super::header::{HEADER_LEN, flag, malformed};
use crate::body::Splice;
use crate::error::Result;
use crate::protocol::Unsent;

/// So much of each body may be sent before its receiver grants more.
pub(super) const WINDOW: usize = 2 * 1024 * 1024;

/// The longest piece: what is small waits for one of them at most.
const PIECE_LEN: usize = 256 * 1024;

/// The longest body without anything to splice that is sent as one frame.
pub(super) const FLAT_LEN_MAX: usize = 64 * 1024;

/// A shorter stretch of a body is copied behind what precedes it.
const COPIED_LEN_MAX: usize = 4 * 1024;

/// The bodies of one direction that have not been sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    cuts: VecDeque<Cut>,
}

/// A body of which the first frame has been written.
#[derive(Debug)]
struct Cut {
    id: u64,
    kind: u16,
    /// Nobody waits for the answer, so that nobody takes the body back.
    is_one_way: bool,
    stretches: VecDeque<Bytes>,
    left: usize,
    /// How much there was in the beginning: all of it may lie in one storage, which is kept until the end.
    kept: usize,
    /// How much may be sent.
    credit: usize,
    /// All credit that this body has ever had.
    granted: u32,
}

/// A body that is to be sent in pieces.
pub(super) struct Begun {
    /// Where its first frame begins.
    pub(super) at: usize,
    /// Where the front of the body is.
    pub(super) body_at: usize,
    /// The kind of its frames.
    pub(super) kind: u16,
    /// Nobody waits for an answer.
    pub(super) is_one_way: bool,
    /// What is behind the front.
    pub(super) stretches: VecDeque<Bytes>,
}

impl Outgoing {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// What is not sent.
    #[inline]
    pub(super) fn unsent(&self) -> Unsent {
        if self.is_empty() { Unsent::default() } else { self.add_up() }
    }

    #[cold]
    fn add_up(&self) -> Unsent {
        Unsent {
            bodies: self.cuts.len(),
            len: self.cuts.iter().map(|cut| cut.left).sum(),
            kept: self.cuts.iter().map(|cut| cut.kept).sum(),
            can_go_on: self.cuts.iter().any(|cut| cut.credit > 0),
        }
    }

    /// Ends a frame as the first of its body.
    pub(super) fn begin(&mut self, put: &Put, out: &mut Vec<u8>, begun: Begun) {
        let Begun { at, body_at, kind, is_one_way, stretches } = begun;
        let left = stretches.iter().map(Bytes::len).sum::<usize>();
        let here = out.len() - body_at;
        // Whoever made the body has seen to it that it is not longer than what can be said.
        let whole = u32::try_from(here + left).unwrap_or(u32::MAX).to_le_bytes();
        out.splice(body_at..body_at, whole);
        Put::flag(out, at, flag::MORE);
        let id = Put::id(out, at);
        put.finish(out, at);
        let credit = WINDOW.saturating_sub(here);
        self.cuts.push_back(Cut { id, kind, is_one_way, stretches, left, kept: left, credit, granted: 0 });
    }

    /// Appends the next pieces, up to about `most` bytes; says how many bytes these are. The long stretches
    /// are left out of `out` and stand in `splices`, with their places.
    pub(super) fn pieces(
        &mut self,
        put: &Put,
        out: &mut Vec<u8>,
        splices: &mut Vec<(usize, Bytes)>,
        most: usize,
    ) -> usize {
        let mut total = 0;
        while total < most
            && let Some(place) = self.cuts.iter().position(|cut| cut.credit > 0)
            && let Some(mut cut) = self.cuts.remove(place)
        {
            total += cut.piece(put, out, splices);
            if cut.left > 0 {
                self.cuts.push_back(cut);
            }
        }
        total
    }

    /// So many more bytes of a body may be sent.
    ///
    /// # Errors
    ///
    /// If its receiver has granted more than any body is long.
    pub(super) fn credit(&mut self, id: u64, amount: u32) -> Result<()> {
        let Some(cut) = self.cuts.iter_mut().find(|cut| cut.id == id) else {
            return Ok(());
        };
        cut.granted = cut.granted.saturating_add(amount);
        cut.credit = cut.credit.saturating_add(amount as usize);
        if cut.granted == u32::MAX {
            return Err(malformed(format!("more credit than a body is long, with the id {id}")));
        }
        Ok(())
    }

    /// Forgets what is left of a body. Says whether there was any.
    pub(super) fn abandon(&mut self, id: u64) -> bool {
        let place = self.cuts.iter().position(|cut| cut.id == id);
        place.and_then(|place| self.cuts.remove(place)).is_some()
    }

    /// A body for whose call somebody should wait, and of which `is_sought` is true.
    pub(super) fn find_awaited(&self, mut is_sought: impl FnMut(u64) -> bool) -> Option<u64> {
        self.cuts.iter().find(|cut| !cut.is_one_way && is_sought(cut.id)).map(|cut| cut.id)
    }

    /// Whether some of this call's body has not been handed out.
    pub(super) fn holds(&self, id: u64) -> bool {
        self.cuts.iter().any(|cut| cut.id == id)
    }
}

impl Cut {
    fn piece(&mut self, put: &Put, out: &mut Vec<u8>, splices: &mut Vec<(usize, Bytes)>) -> usize {
        let len = PIECE_LEN.min(self.left).min(self.credit);
        self.left -= len;
        self.credit -= len;
        let more = if self.left > 0 { flag::MORE } else { 0 };
        let begun = put.begin_long(out, self.kind | flag::CONTINUED | more, self.id, len);
        let mut sum = begun;
        let mut missing = len;
        while missing > 0
            && let Some(stretch) = self.stretches.front_mut()
        {
            let taken = stretch.len().min(missing);
            let part = if taken == stretch.len() {
                self.stretches.pop_front().unwrap_or_default()
            } else {
                stretch.split_to(taken)
            };
            missing -= taken;
            sum = sum.map(|sum| crc32c::crc32c_append(sum, &part));
            if part.len() <= COPIED_LEN_MAX {
                out.extend_from_slice(&part);
            } else {
                splices.push((out.len(), part));
            }
        }
        if let Some(sum) = sum {
            out.extend_from_slice(&sum.to_le_bytes());
        }
        HEADER_LEN + len + if sum.is_some() { 4 } else { 0 }
    }
}

/// How much of a body, between whose bytes `splices` belong, goes into its first frame.
pub(super) fn front_len(splices: &[Splice]) -> usize {
    splices.first().map_or(0, |splice| splice.at).min(COPIED_LEN_MAX)
}

/// Takes what is behind the front of a body out of `out`, where the body begins at `from`. `splices` are what
/// belongs between its bytes.
pub(super) fn stretches(out: &mut Vec<u8>, from: usize, splices: Vec<Splice>) -> VecDeque<Bytes> {
    let mut at = front_len(&splices);
    let mut flat = split_off(out, from + at);
    let mut stretches = VecDeque::new();
    for splice in splices {
        let before = flat.split_to(splice.at.saturating_sub(at).min(flat.len()));
        at += before.len();
        stretches.extend([before, splice.bytes].into_iter().filter(Bytes::has_remaining));
    }
    stretches.extend(Some(flat).filter(Bytes::has_remaining));
    stretches
}

/// What follows `from`, without a copy where that is most of the buffer.
fn split_off(out: &mut Vec<u8>, from: usize) -> Bytes {
    let behind = out.len().saturating_sub(from);
    if behind <= COPIED_LEN_MAX {
        return Bytes::from(out.split_off(from));
    }
    let front = out.get(..from).unwrap_or_default().to_vec();
    Bytes::from(std::mem::replace(out, front)).slice(from..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::protocol::Terms;

    /// Row A13: a peer that took all but a byte of each reply made the server keep all of them, and count a byte.
    #[test]
    fn what_is_left_of_a_body_counts_as_all_that_is_kept_for_it() {
        let limits = Limits::default();
        let (put, mut outgoing, mut out) = (Put::new(&Terms::new(&limits)), Outgoing::default(), Vec::new());
        put.begin(&mut out, 1, 0, 7);
        let stretches = VecDeque::from([Bytes::from(vec![7; WINDOW + 5])]);
        let body_at = out.len();
        outgoing.begin(&put, &mut out, Begun { at: 0, body_at, kind: 1, is_one_way: false, stretches });

        while outgoing.unsent().can_go_on {
            outgoing.pieces(&put, &mut Vec::new(), &mut Vec::new(), PIECE_LEN);
        }

        let unsent = Unsent { bodies: 1, len: 5, kept: WINDOW + 5, can_go_on: false };
        assert_eq!(outgoing.unsent(), unsent);
        outgoing.credit(7, 100).expect("so much may be granted");
        outgoing.pieces(&put, &mut Vec::new(), &mut Vec::new(), PIECE_LEN);
        assert_eq!(outgoing.unsent(), Unsent::default());
    }
}
