//! What Go's programs of the family say, byte for byte, and a peer to say it to.

use std::time::Duration;

use ferrywire::transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Rig, in_time, raw};

/// The numbers by which clients of WgRPC and GeeRPC begin.
pub(crate) const MAGIC: [u32; 2] = [57_775_718, 3_927_900];

/// An Option as Go writes it.
pub(crate) fn option(magic: u32, codec: &str, handle_timeout: i64) -> Vec<u8> {
    let option = format!(
        "{{\"MagicNumber\":{magic},\"CodecType\":\"{codec}\",\"ConnectTimeout\":10000000000,\"HandleTimeout\":{handle_timeout}}}\n"
    );
    option.into_bytes()
}

/// The header's type as Go 1.19 defines it.
pub(crate) const GO_HEADER: &[u8] =
    b"\x38\xff\x81\x03\x01\x01\x06Header\x01\xff\x82\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00";

/// The same as we define it.
pub(crate) const OUR_HEADER: &[u8] =
    b"\x37\x7f\x03\x01\x01\x06Header\x01\xff\x80\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00";

/// `Probe.Multiply` of `Args{A: 7, B: 8}` with the number 1, as Go's client sends it first.
pub(crate) fn first_request() -> Vec<u8> {
    const CALL: &[u8] = b"\x15\xff\x82\x01\x0eProbe.Multiply\x01\x01\x00\
        \x1e\xff\x83\x03\x01\x01\x04Args\x01\xff\x84\x00\x01\x02\x01\x01A\x01\x04\x00\x01\x01B\x01\x04\x00\x00\x00\
        \x07\xff\x84\x01\x0e\x01\x10\x00";
    [GO_HEADER, CALL].concat()
}

/// Its reply, which is our first.
pub(crate) fn first_reply() -> Vec<u8> {
    [OUR_HEADER, b"\x15\xff\x80\x01\x0eProbe.Multiply\x01\x01\x00\x03\x04\x00\x70"].concat()
}

/// A request of a number, behind the header's definition.
pub(crate) fn request(method: &str, seq: u8, number: u8) -> Vec<u8> {
    let name = method.as_bytes();
    let header = [&[0xff, 0x82, 1, name.len() as u8], name, &[1, seq, 0]].concat();
    [&[header.len() as u8], &header[..], &[3, 4, 0, number * 2]].concat()
}

/// An error reply behind the header's definition, without the body.
pub(crate) fn error(method: &str, seq: u8, text: &str) -> Vec<u8> {
    let (name, text) = (method.as_bytes(), text.as_bytes());
    let parts: [&[u8]; 6] =
        [&[0xff, 0x80, 1, name.len() as u8], name, &[1, seq, 1], &[text.len() as u8], text, &[0]];
    let header = parts.concat();
    assert!(header.len() < 128);
    [&[header.len() as u8], &header[..]].concat()
}

/// One end of a stream of bytes.
pub(crate) struct End {
    stream: Stream,
    came: Vec<u8>,
}

impl End {
    /// A connection to a server.
    pub(crate) async fn to(rig: &Rig) -> Self {
        Self::over(raw::dial(&rig.address, &rig.memory).await)
    }

    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, came: Vec::new() }
    }

    /// The other side may have hung up.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let said = async {
            self.stream.writer.write_all(bytes).await?;
            self.stream.writer.flush().await
        };
        let _ = in_time("bytes are taken", said).await;
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.writer.shutdown().await;
    }

    async fn read_some(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let came = self.stream.reader.read(&mut chunk).await.unwrap_or(0);
        self.came.extend_from_slice(&chunk[..came]);
        came
    }

    /// The next so many bytes.
    pub(crate) async fn take(&mut self, len: usize) -> Vec<u8> {
        self.take_within(Duration::from_secs(20), len).await
    }

    /// The next so many bytes, for which the other side takes its time.
    pub(crate) async fn take_within(&mut self, patience: Duration, len: usize) -> Vec<u8> {
        while self.came.len() < len {
            let came = tokio::time::timeout(patience, self.read_some()).await;
            assert!(came.expect("the other side says something") > 0, "closed behind {:?}", self.came);
        }
        self.came.drain(..len).collect()
    }

    /// The next bytes are these.
    pub(crate) async fn hears(&mut self, expected: &[u8]) {
        let came = self.take(expected.len()).await;
        assert_eq!(came, expected, "{:?}", String::from_utf8_lossy(&came));
    }

    /// All that comes until the other side closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while in_time("the other side closes", self.read_some()).await > 0 {}
        std::mem::take(&mut self.came)
    }

    /// Whether the other side closes within this time.
    pub(crate) async fn closes_within(&mut self, time: Duration) -> bool {
        let mut chunk = [0; 4096];
        let closed = async { while self.stream.reader.read(&mut chunk).await.unwrap_or(0) > 0 {} };
        tokio::time::timeout(time, closed).await.is_ok()
    }
}
