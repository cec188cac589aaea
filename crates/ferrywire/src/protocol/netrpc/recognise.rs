//! Whether a stream's first bytes can be the beginning of a gob stream.

use crate::protocol::recognition::Recognition;

/// Whether `bytes` can begin a `net/rpc` stream: a message that defines a type.
///
/// A stream of gob begins with a definition, because a header is a struct: a length, then a negative id of
/// -64 or below. No text protocol begins so: in text the second byte is a letter, and a letter is no such
/// id.
pub fn recognises(bytes: &[u8]) -> Recognition {
    let Some((&first, rest)) = bytes.split_first() else {
        return Recognition::Undecided;
    };
    let length_bytes = match first {
        0 => return Recognition::No,
        1..=0x7f => 0,
        0x80..=0xfb => return Recognition::No,
        // At most four bytes of length: longer messages are over every limit.
        0xfc..=0xff => usize::from(first.wrapping_neg()),
    };
    let Some(id) = rest.get(length_bytes..) else {
        return Recognition::Undecided;
    };
    match id {
        [] => Recognition::Undecided,
        // A negative number is odd on the wire; -64 is 127, the last to fit in one byte.
        [0x7f, ..] => Recognition::Yes,
        [0xff] | [0xfe] | [0xfe, _] => Recognition::Undecided,
        [0xff, low, ..] if low & 1 == 1 && *low >= 0x80 => Recognition::Yes,
        [0xfe, _, low, ..] if low & 1 == 1 => Recognition::Yes,
        _ => Recognition::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_1_19: &[u8] = b"\x2f\xff\x81\x03\x01\x01\x07Request";
    const GO_1_21: &[u8] = b"\x2e\x7f\x03\x01\x01\x07Request";

    #[test]
    fn both_id_bases_are_recognised_whatever_the_cut() {
        for stream in [GO_1_19, GO_1_21] {
            let verdicts: Vec<_> = (0..=stream.len()).map(|cut| recognises(&stream[..cut])).collect();

            assert!(verdicts.iter().all(|verdict| *verdict != Recognition::No));
            assert_eq!(verdicts.last(), Some(&Recognition::Yes));
        }
    }

    #[test]
    fn no_text_protocol_is_taken_for_gob() {
        let strangers: [&[u8]; 9] = [
            b"GET / HTTP/1.1\r\n",
            b"CONNECT /_goRPC_ HTTP/1.0\n\n",
            b"POST /x HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"EHLO example\r\n",
            b"{\"method\":\"Arith.Multiply\"}",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ];
        for stranger in strangers {
            assert_eq!(recognises(stranger), Recognition::No, "{stranger:?}");
        }
    }
}
