//! What a client says first, once and never answered: whom it takes the server for.

use crate::protocol::recognition::Recognition;

/// The first bytes of a client: as long as this, whatever the digit.
pub(super) const GREETING: &[u8; 34] = b"{\"MagicNumber\":21913,\"CodeType\":0}";

/// Where the codec stands, of which there is one; servers take any number for it.
const CODEC_AT: usize = 32;

/// Whether `bytes` can begin with the greeting. Its number is nobody else's.
pub fn recognises(bytes: &[u8]) -> Recognition {
    let mut front = bytes.iter().zip(GREETING).enumerate();
    let is_said = |at, byte: u8, expected| byte == expected || at == CODEC_AT && byte.is_ascii_digit();
    match front.all(|(at, (byte, expected))| is_said(at, *byte, *expected)) {
        false => Recognition::No,
        true if bytes.len() < GREETING.len() => Recognition::Undecided,
        true => Recognition::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_recognised_by_its_last_byte_whatever_the_cut() {
        for codec in b'0'..=b'9' {
            let mut stream = [&GREETING[..], b"\0\0\0\x17"].concat();
            stream[CODEC_AT] = codec;

            for cut in 0..GREETING.len() {
                assert_eq!(recognises(&stream[..cut]), Recognition::Undecided);
            }
            for cut in GREETING.len()..=stream.len() {
                assert_eq!(recognises(&stream[..cut]), Recognition::Yes);
            }
        }
    }

    #[test]
    fn a_byte_that_is_another_is_nobodys_greeting() {
        for at in (0..GREETING.len()).filter(|at| *at != CODEC_AT) {
            let mut stream = *GREETING;
            stream[at] ^= 1;

            assert_eq!(recognises(&stream[..at]), Recognition::Undecided);
            for cut in at + 1..=stream.len() {
                assert_eq!(recognises(&stream[..cut]), Recognition::No);
            }
        }
        for codec in [&b"x}"[..], b"-1}", b"10}", b" 0}", b"}"] {
            assert_eq!(recognises(&[&GREETING[..CODEC_AT], codec].concat()), Recognition::No);
        }
    }
}
