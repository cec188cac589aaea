//! Whether a stream's first bytes can be the beginning of an Option.

use super::members::behind_space;
use crate::protocol::recognition::Recognition;

/// The keys that an Option may begin with, in lower case, those of other programs of the family included. No message
/// of JSON-RPC has a member of such a name.
const KEYS: [&[u8]; 7] = [
    b"magicnumber",
    b"magicnum",
    b"codectype",
    b"codetype",
    b"codecformat",
    b"connecttimeout",
    b"handletimeout",
];

/// Whether `bytes` can begin with an Option of at most `len_max` bytes: an object whose first key is one of an Option's.
pub fn recognises(bytes: &[u8], len_max: usize) -> Recognition {
    // What is beyond the longest Option decides nothing, however much of it has come.
    let (mut rest, undecided) = match bytes.get(..len_max) {
        Some(front) if bytes.len() > len_max => (front, Recognition::No),
        _ => (bytes, Recognition::Undecided),
    };
    for expected in [b'{', b'"'] {
        match behind_space(rest).split_first() {
            None => return undecided,
            Some((byte, behind)) if *byte == expected => rest = behind,
            Some(_) => return Recognition::No,
        }
    }
    match rest.iter().position(|byte| *byte == b'"') {
        Some(end) if is_key(rest.get(..end).unwrap_or_default()) => Recognition::Yes,
        None if begins_key(rest) => undecided,
        _ => Recognition::No,
    }
}

fn is_key(name: &[u8]) -> bool {
    KEYS.iter().any(|key| key.eq_ignore_ascii_case(name))
}

fn begins_key(begun: &[u8]) -> bool {
    KEYS.iter().any(|key| key.get(..begun.len()).is_some_and(|key| key.eq_ignore_ascii_case(begun)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN_MAX: usize = 4096;

    #[test]
    fn options_of_every_program_are_recognised_whatever_the_cut() {
        for option in [
            &b"{\"MagicNumber\":57775718,\"CodecType\":\"application/gob\"}"[..],
            b"{\"MagicNum\":3927900,\"CodecFormat\":\"application/gob\"}",
            b"{\"CodecType\":\"application/gob\",\"MagicNumber\":3927900}",
            b"{\"CodeType\":\"application/gob\"}",
            b" \n\t\r{ \"magicnumber\" : 3927900 }",
            b"{\n  \"HandleTimeout\": 0,\n",
            b"{\"ConnectTimeout\":0",
        ] {
            let verdicts: Vec<_> =
                (0..=option.len()).map(|cut| recognises(&option[..cut], LEN_MAX)).collect();

            let decided = verdicts.iter().position(|verdict| *verdict != Recognition::Undecided).unwrap();
            assert!(verdicts[decided..].iter().all(|verdict| *verdict == Recognition::Yes), "{option:?}");
            assert_eq!(option[decided - 1], b'"');
        }
    }

    #[test]
    fn no_message_is_taken_for_an_option() {
        for stream in [
            &b"{\"method\":\"Arith.Multiply\""[..],
            b"{\"jsonrpc\":\"2.0\"",
            b"{\"id\":0",
            b"{\"params\":[]",
            b"{\"Method\"",
            b"{\"magic\":1",
            b"{\"\":1",
            b"{\"MagicNumbers\":1",
            b"{}",
            b"[{\"MagicNumber\":1}]",
            b"[",
            b" [",
            b"\n\x7f",
            b"{\x7f",
            b"GET / HTTP/1.1\r\n",
            b"\x2f\xff\x81",
        ] {
            assert_eq!(recognises(stream, LEN_MAX), Recognition::No, "{stream:?}");
        }
    }

    #[test]
    fn space_without_end_is_no_option() {
        let spaces = [&[b' '; LEN_MAX + 1][..], b"{\"MagicNumber\":3927900"].concat();

        assert_eq!(recognises(&spaces[..LEN_MAX], LEN_MAX), Recognition::Undecided);
        for cut in LEN_MAX + 1..=spaces.len() {
            assert_eq!(recognises(&spaces[..cut], LEN_MAX), Recognition::No);
        }
    }
}
