//! Which types the peer of one stream has been told of: definitions go out once.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fmt;

use crate::plan::{Plan, bit_of};
use crate::wire::Cursor;

/// The types of ours that the peer of one stream has been sent.
///
/// Ids are the same in the whole process, so that values can be encoded before it is known which stream
/// they go to.
#[derive(Clone, Default)]
pub struct Told {
    words: Vec<u64>,
}

impl Told {
    /// Of a stream on which nothing has been sent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether values of `plan` can be sent as they are.
    #[must_use]
    #[inline]
    pub fn covers(&self, plan: &Plan) -> bool {
        plan.bits().iter().all(|(word, mask)| self.words.get(*word).is_some_and(|told| told & mask == *mask))
    }

    /// Appends the definitions of `plan` that the peer has not been sent, and counts them as sent.
    #[inline]
    pub fn tell(&mut self, plan: &Plan, out: &mut Vec<u8>) {
        if self.covers(plan) {
            return;
        }
        for node in plan.definitions() {
            if self.mark(node.id) {
                out.extend_from_slice(node.definition());
            }
        }
    }

    /// Takes the definitions that the peer has been sent out of `out[at..]`, which begins with bytes of
    /// [`Plan::encode_with_definitions`], and counts the others as sent.
    ///
    /// Costs a look at the first message where there are none.
    pub fn settle(&mut self, out: &mut Vec<u8>, at: usize) {
        let mut kept = at;
        let mut next = at;
        while let Some((id, len)) = out.get(next..).and_then(first_definition) {
            let end = next + len;
            if self.mark(id) {
                out.copy_within(next..end, kept);
                kept += len;
            }
            next = end;
        }
        if kept < next {
            out.drain(kept..next);
        }
    }

    /// Counts a type as sent; true if it was not before.
    fn mark(&mut self, id: i32) -> bool {
        let (word, bit) = bit_of(id);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        match self.words.get_mut(word) {
            Some(told) => {
                let is_new = *told & bit == 0;
                *told |= bit;
                is_new
            }
            None => false,
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        write!(out, "Told({types} types)")
    }
}

/// The id that the first message of `bytes` defines, and the message's whole length; None for a value.
fn first_definition(bytes: &[u8]) -> Option<(i32, usize)> {
    let mut cursor = Cursor { rest: bytes };
    let len = usize::try_from(cursor.uint().ok()?).ok()?;
    let end = (bytes.len() - cursor.rest.len()).checked_add(len)?;
    let id = cursor.int().ok()?;
    if id >= 0 || end > bytes.len() {
        return None;
    }
    Some((i32::try_from(id.checked_neg()?).ok()?, end))
}
