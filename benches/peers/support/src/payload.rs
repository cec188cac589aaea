//! Bytes of which no two in flight are the same, so that a reply to another call is noticed.

use bytes::{Bytes, BytesMut};

use crate::Result;

/// So many bytes, and more, are kept in a form that can be shared.
const SHARED_LEN_MIN: usize = 16 << 10;
/// Replies of up to so many bytes are compared in full.
const COMPARED_IN_FULL_MAX: usize = 4096;
/// What is compared of longer ones, at both ends; and all of it once in so many.
const COMPARED_AT_ENDS: usize = 1024;
const COMPARED_IN_FULL_EVERY: u64 = 16;

/// What one caller sends, changed before every call.
#[derive(Clone, Debug)]
pub struct Payload {
    content: Content,
    caller: u64,
    made: u64,
}

#[derive(Clone, Debug)]
enum Content {
    Short(Vec<u8>),
    /// Frameworks that take such bytes need not copy them; once a call has ended they are the caller's alone again.
    Long(Bytes),
}

impl Payload {
    /// Random bytes for the caller of this number.
    pub fn new(len: usize, caller: u64) -> Self {
        let mut bytes = vec![0; len];
        fastrand::Rng::with_seed(caller).fill(&mut bytes);
        let content = match len {
            ..SHARED_LEN_MIN => Content::Short(bytes),
            _ => Content::Long(bytes.into()),
        };
        Self { content, caller, made: 0 }
    }

    /// Makes the bytes of the next call.
    pub fn advance(&mut self) -> &[u8] {
        let mark = (self.caller << 48 | self.made).to_le_bytes();
        self.made += 1;
        match &mut self.content {
            Content::Short(bytes) => put(mark, bytes),
            Content::Long(bytes) => {
                // Copied only if somebody still holds what was sent last.
                let mut changed = BytesMut::from(std::mem::take(bytes));
                put(mark, &mut changed);
                *bytes = changed.freeze();
            }
        }
        self.bytes()
    }

    /// The bytes of the current call.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Short(bytes) => bytes,
            Content::Long(bytes) => bytes,
        }
    }

    /// The same, if they are long, to be shared.
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Short(_) => None,
            Content::Long(bytes) => Some(bytes),
        }
    }

    /// Holds a reply against what was sent last.
    pub fn verify(&self, reply: &[u8]) -> Result<()> {
        let sent = self.bytes();
        let len = sent.len();
        let is_same = reply.len() == len
            && if len <= COMPARED_IN_FULL_MAX || self.made.is_multiple_of(COMPARED_IN_FULL_EVERY) {
                reply == sent
            } else {
                let tail = len - COMPARED_AT_ENDS;
                reply[..COMPARED_AT_ENDS] == sent[..COMPARED_AT_ENDS] && reply[tail..] == sent[tail..]
            };
        match is_same {
            true => Ok(()),
            false => {
                let (made, caller, found) = (self.made, self.caller, reply.len());
                Err(format!(
                    "the reply to call {made} of caller {caller}, {found} bytes, is not its {len} bytes"
                )
                .into())
            }
        }
    }

    /// Calls made so far.
    pub fn made(&self) -> u64 {
        self.made
    }
}

/// Writes `mark` over the beginning of `bytes`, and over their end if both have room.
fn put(mark: [u8; 8], bytes: &mut [u8]) {
    let len = bytes.len();
    if len >= 2 * mark.len() {
        bytes[len - mark.len()..].copy_from_slice(&mark);
    }
    bytes.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_to_another_call_is_noticed_whatever_its_length() {
        for len in [1, 8, 64, 4096, 65536] {
            let mut payload = Payload::new(len, 3);
            let earlier = payload.advance().to_vec();
            payload.verify(&earlier).unwrap();

            payload.advance();

            assert!(payload.verify(&earlier).is_err(), "{len} bytes");
        }
    }
}
