//! What a stream speaks, by its first bytes: one table for all protocols that share a port.
//!
//! Its rows are asked in their order, and the first that does not say no decides: a stream is one thing or nothing.

use super::recognition::Recognition;
use super::{gomorpc, jsonrpc, native, netrpc, tunnel, wgrpc};
use crate::limits::Limits;

/// What the first bytes of a stream say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// The native protocol.
    Native,
    /// HTTP: a tunnel, a page, or something that is refused.
    Http,
    /// `net/rpc`.
    NetRpc,
    /// gomorpc.
    GomoRpc,
    /// WgRPC or GeeRPC.
    WgRpc,
    /// JSON-RPC.
    JsonRpc,
    /// Nothing that is served.
    Unknown,
    /// More bytes will tell.
    Undecided,
}

/// What a stream speaks that begins with `bytes`. Once it is decided, no further byte changes it.
pub fn opening(bytes: &[u8], limits: &Limits) -> Opening {
    let rows = [
        (native::recognises(bytes), Opening::Native),
        (tunnel::recognises(bytes), Opening::Http),
        (netrpc::recognises(bytes), Opening::NetRpc),
        // An Option with a number that is nobody else's, and just so written.
        (gomorpc::recognises(bytes), Opening::GomoRpc),
        // An object, as a message of JSON-RPC is: its first key tells them apart.
        (wgrpc::recognises(bytes, limits.option_len_max), Opening::WgRpc),
        (jsonrpc::recognises(bytes), Opening::JsonRpc),
    ];
    for (verdict, opening) in rows {
        match verdict {
            Recognition::No => {}
            Recognition::Yes => return opening,
            Recognition::Undecided => return Opening::Undecided,
        }
    }
    Opening::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_by(bytes: &[u8]) -> Opening {
        opening(bytes, &Limits::default())
    }

    /// Beginnings of what real programs send, and of what nobody serves.
    const STREAMS: &[(&[u8], Opening)] = &[
        (b"\xc1FW\x52\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", Opening::Native),
        (b"CONNECT /_goRPC_ HTTP/1.0\n\n", Opening::Http),
        (b"GET /debug/rpc HTTP/1.1\r\nHost: localhost\r\n\r\n", Opening::Http),
        (b"POST /Arith.Multiply HTTP/1.1\r\n", Opening::Http),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Opening::Http),
        (
            b"\x2f\xff\x81\x03\x01\x01\x07Request\x01\xff\x82\x00\x01\x02\x01\x0dServiceMethod",
            Opening::NetRpc,
        ),
        (b"\x2e\x7f\x03\x01\x01\x07Request\x01\xff\x80\x00\x01\x02\x01\x0dServiceMethod", Opening::NetRpc),
        (b"{\x7f\x03\x01\x01\x07Request", Opening::NetRpc),
        (b"[\xff\x81\x03\x01\x01\x07Request", Opening::NetRpc),
        (b" \x7f\x03\x01\x01", Opening::NetRpc),
        (
            b"{\"MagicNumber\":57775718,\"CodecType\":\"application/gob\",\"ConnectTimeout\":1}\n",
            Opening::WgRpc,
        ),
        (
            b"{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"HandleTimeout\":0}\x37",
            Opening::WgRpc,
        ),
        (b"{\"MagicNum\":3927900,\"CodecFormat\":\"application/gob\"}", Opening::WgRpc),
        (b"{\"CodecType\":\"application/json\",\"MagicNumber\":3927900}", Opening::WgRpc),
        (b"{\"HandleTimeout\":0,\"MagicNumber\":57775718}", Opening::WgRpc),
        (b" \n{\t\"magicnumber\" : 57775718 }", Opening::WgRpc),
        (b"{\"MagicNumber\":21913,\"CodeType\":0}\0\0\0\x17\x0a\x09MyService", Opening::GomoRpc),
        (b"{\"MagicNumber\":21913,\"CodeType\":7}", Opening::GomoRpc),
        // Of nobody's, which the rest of the Option says.
        (b"{\"MagicNumber\":21913,\"CodecType\":\"application/gob\"}", Opening::WgRpc),
        (b"{\"MagicNumber\":2191,\"CodeType\":0}", Opening::WgRpc),
        (b"{\"CodeType\":0,\"MagicNumber\":21913}", Opening::WgRpc),
        (b"{\"MagicNumbers\":57775718}", Opening::JsonRpc),
        (b"{\"magic\":{\"MagicNumber\":57775718}}", Opening::JsonRpc),
        (b"[{\"MagicNumber\":57775718}]", Opening::JsonRpc),
        (b"{\"method\":\"MagicNumber\",\"MagicNumber\":57775718}", Opening::JsonRpc),
        (b"{\"ID\":1,\"Method\":\"x\"}", Opening::JsonRpc),
        (b"{\"params\":[],\"method\":\"x\"}", Opening::JsonRpc),
        (b"{\"method\":\"Arith.Multiply\",\"params\":[{\"A\":6,\"B\":7}],\"id\":0}\n", Opening::JsonRpc),
        (b"{\"jsonrpc\":\"2.0\",\"method\":\"Arith.Multiply\",\"id\":1}", Opening::JsonRpc),
        (b"{\"id\":0,\"method\":\"list_dbs\",\"params\":[]}", Opening::JsonRpc),
        (b"{ \"id\" : 1, \"method\" : \"x\" }", Opening::JsonRpc),
        (b"{}", Opening::JsonRpc),
        (b"\r\n[{\"jsonrpc\":\"2.0\"", Opening::JsonRpc),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Opening::Unknown),
        (b"*1\r\n$4\r\nPING\r\n", Opening::Unknown),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Opening::Unknown),
        (b"\x82\xa3Seq\x00\xadServiceMethod", Opening::Unknown),
        (b"\x08\x00\x00\x30", Opening::Unknown),
        (b"\xef\xbb\xbf{\"id\":1}", Opening::Unknown),
    ];

    /// What the first 64 bytes say at every cut; once decided, it stays.
    fn followed(stream: &[u8]) -> Opening {
        let mut said = Opening::Undecided;
        for cut in 0..=stream.len().min(64) {
            let now = said_by(&stream[..cut]);
            assert!(said == Opening::Undecided || said == now, "{stream:?}: {said:?}, then {now:?} at {cut}");
            said = now;
        }
        said
    }

    /// A program may be built without JSON.
    fn served(expected: Opening) -> Opening {
        match expected {
            Opening::JsonRpc if jsonrpc::recognises(b"{}") == Recognition::No => Opening::Unknown,
            expected => expected,
        }
    }

    #[test]
    fn what_a_stream_speaks_is_found_whatever_the_cut() {
        for (stream, expected) in STREAMS {
            assert_eq!(followed(stream), served(*expected), "{stream:?}");
        }
    }

    #[test]
    fn a_byte_that_is_another_never_makes_it_two_things() {
        for (stream, _) in STREAMS {
            let mut stream = stream.to_vec();
            let end = stream.len().min(64);
            for at in 0..end {
                let byte = stream[at];
                for other in 0..=255 {
                    stream[at] = other;
                    let mut said = said_by(&stream[..at]);
                    for cut in [at + 1, at + 2, at + 3, end] {
                        let now = said_by(&stream[..cut.min(end)]);
                        assert!(
                            said == Opening::Undecided || said == now,
                            "{stream:?}: {said:?}, then {now:?}"
                        );
                        said = now;
                    }
                }
                stream[at] = byte;
            }
        }
    }

    /// The rows exclude each other: no two bytes are the beginning of two things, but those of an object, whose first
    /// key is still to come.
    #[test]
    fn whatever_two_bytes_begin_it_is_one_thing_at_most() {
        for (first, second) in (0..=255).flat_map(|first| (0..=255).map(move |second| (first, second))) {
            let bytes = [first, second];
            let may_be_json = jsonrpc::recognises(&bytes) != Recognition::No;
            let may_be_option = wgrpc::recognises(&bytes, 4096) != Recognition::No
                || gomorpc::recognises(&bytes) != Recognition::No;
            let rows = [
                native::recognises(&bytes) != Recognition::No,
                tunnel::recognises(&bytes) != Recognition::No,
                netrpc::recognises(&bytes) != Recognition::No,
                may_be_json || may_be_option,
            ];

            let count = rows.into_iter().filter(|may_be| *may_be).count();
            assert!(count <= 1, "{bytes:?} {rows:?}");
            assert_eq!(count == 0, said_by(&bytes) == Opening::Unknown, "{bytes:?}");
        }
    }

    /// The first key decides, in any case: an Option has none that a message has.
    #[test]
    fn an_object_is_an_option_or_a_message_by_its_first_key() {
        const OPTIONS: [&str; 7] = [
            "MagicNumber",
            "MagicNum",
            "CodecType",
            "CodeType",
            "CodecFormat",
            "ConnectTimeout",
            "HandleTimeout",
        ];
        const MESSAGES: [&str; 8] = ["jsonrpc", "method", "params", "id", "result", "error", "x", ""];
        let options = OPTIONS.map(|key| (key, Opening::WgRpc));
        let messages = MESSAGES.map(|key| (key, served(Opening::JsonRpc)));
        for (key, expected) in options.into_iter().chain(messages) {
            for key in [key.to_owned(), key.to_lowercase(), key.to_uppercase()] {
                for object in [format!("{{\"{key}\":1}}"), format!(" \r{{\n\"{key}\" :1}}")] {
                    assert_eq!(followed(object.as_bytes()), expected, "{object}");
                }
            }
        }
    }
}
