//! What a server does once for every connection whatever it speaks: it recognises the first bytes.

use std::hint::black_box;

use ferrywire::Limits;
use ferrywire::protocol::opening::opening;
use peer_support::{Result, say};

/// What connections begin with, each as its own client sends it.
pub const BEGINNINGS: [(&str, &[u8]); 5] = [
    ("native", b"\xc1FWR\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    ("http", b"POST /Speak.Repeat HTTP/1.1\r\nHost: 127.0.0.1:7001\r\nContent-Type: application/json\r\n"),
    (
        "netrpc",
        b"\x2f\xff\x81\x03\x01\x01\x07Request\x01\xff\x82\x00\x01\x02\x01\x0dServiceMethod\x01\x0c\x00",
    ),
    ("geerpc", b"{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"HandleTimeout\":0}"),
    ("jsonrpc", b"{\"method\":\"Speak.Say\",\"params\":[\"AAAA\"],\"id\":0}\n"),
];

/// Recognises one of them `count` times, and says so.
pub fn repeat(name: &str, count: &str) -> Result<()> {
    let known = BEGINNINGS.iter().find(|(known, _)| *known == name);
    let (_, bytes) = known.ok_or_else(|| format!("nothing begins as {name}"))?;
    let limits = Limits::default();
    for _ in 0..count.parse::<u64>()? {
        black_box(opening(black_box(bytes), &limits));
    }
    say(count)
}
