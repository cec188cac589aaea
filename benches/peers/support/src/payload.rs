//! Bytes of which no two in flight are the same, so that a reply to another call is noticed.

use crate::Result;

/// Replies of up to so many bytes are compared in full.
const COMPARED_IN_FULL_MAX: usize = 4096;
/// What is compared of longer ones, at both ends; and all of it once in so many.
const COMPARED_AT_ENDS: usize = 1024;
const COMPARED_IN_FULL_EVERY: u64 = 16;

/// What one caller sends, changed before every call.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    caller: u64,
    made: u64,
}

impl Payload {
    /// Random bytes for the caller of this number.
    pub fn new(len: usize, caller: u64) -> Self {
        let mut bytes = vec![0; len];
        fastrand::Rng::with_seed(caller).fill(&mut bytes);
        Self { bytes, caller, made: 0 }
    }

    /// The bytes of the next call.
    pub fn advance(&mut self) -> &[u8] {
        let mark = (self.caller << 48 | self.made).to_le_bytes();
        self.made += 1;
        let len = self.bytes.len();
        if len >= 2 * mark.len() {
            self.bytes[len - mark.len()..].copy_from_slice(&mark);
        }
        self.bytes.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
        &self.bytes
    }

    /// Holds a reply against what was sent last.
    pub fn verify(&self, reply: &[u8]) -> Result<()> {
        let len = self.bytes.len();
        let is_same = reply.len() == len
            && if len <= COMPARED_IN_FULL_MAX || self.made.is_multiple_of(COMPARED_IN_FULL_EVERY) {
                reply == self.bytes
            } else {
                let tail = len - COMPARED_AT_ENDS;
                reply[..COMPARED_AT_ENDS] == self.bytes[..COMPARED_AT_ENDS]
                    && reply[tail..] == self.bytes[tail..]
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
