//! Whether a stream's first bytes can be the beginning of JSON messages.

use super::scan::is_space;
use crate::protocol::recognition::Recognition;

/// Whether `bytes` can begin a stream of JSON messages, each an object or a list.
///
/// Two bytes tell: an opening bracket and what may follow it, with space before either. A gob stream that begins
/// with the same byte, as a length, goes on with one that no JSON has there.
pub fn recognises(bytes: &[u8]) -> Recognition {
    let (first, second) = match bytes {
        [] => return Recognition::Undecided,
        [first] => (*first, None),
        [first, second, ..] => (*first, Some(*second)),
    };
    let begins = |byte: u8| is_space(byte) || matches!(byte, b'{' | b'[');
    let follows = |byte: u8| match first {
        b'{' => is_space(byte) || matches!(byte, b'"' | b'}'),
        b'[' => begins(byte) || matches!(byte, b']' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'),
        _ => begins(byte),
    };
    match second {
        _ if !begins(first) => Recognition::No,
        None => Recognition::Undecided,
        Some(second) if follows(second) => Recognition::Yes,
        Some(_) => Recognition::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_program_are_recognised_whatever_the_cut() {
        for stream in [
            &b"{\"method\":\"Arith.Multiply\""[..],
            b"{\"jsonrpc\":\"2.0\",",
            b"{\"id\":0,\"method\":\"list_dbs\",\"params\":[]}",
            b"{ \"id\"",
            b"[{\"jsonrpc\"",
            b"[]",
            b"\n{\"id\":1",
            b" \t\r\n[",
        ] {
            let verdicts: Vec<_> = (0..=stream.len()).map(|cut| recognises(&stream[..cut])).collect();

            assert_eq!(verdicts[..2], [Recognition::Undecided; 2], "{stream:?}");
            assert!(verdicts[2..].iter().all(|verdict| *verdict == Recognition::Yes), "{stream:?}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for stream in [
            &b"GET /"[..],
            b"\"x\"",
            b"12",
            b"{x",
            b"\n\x7f",
            b"{\x7f",
            b"[\xff\x81",
            b"\nGET",
            b"\xef\xbb\xbf{",
        ] {
            assert_eq!(recognises(stream), Recognition::No, "{stream:?}");
        }
    }
}
