//! Frames as `docs/native-protocol.md` draws them, put together and taken apart without the library's own code.

use ferrywire::transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::in_time;

pub(crate) mod kind {
    pub(crate) const REQUEST: u16 = 0;
    pub(crate) const RESPONSE: u16 = 1;
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const CANCEL: u16 = 3;
    pub(crate) const HELLO: u16 = 4;
    pub(crate) const PING: u16 = 5;
    pub(crate) const PONG: u16 = 6;
    pub(crate) const GO_AWAY: u16 = 7;
    pub(crate) const CREDIT: u16 = 10;
}

pub(crate) mod flag {
    pub(crate) const NAMED: u16 = 0x0010;
    pub(crate) const CODEC: u16 = 0x0020;
    pub(crate) const DEADLINE: u16 = 0x0040;
    pub(crate) const TRACE: u16 = 0x0080;
    pub(crate) const METADATA: u16 = 0x0100;
    pub(crate) const COMPRESSED: u16 = 0x0200;
    pub(crate) const CHECKSUM: u16 = 0x0400;
    pub(crate) const ONE_WAY: u16 = 0x2000;
    pub(crate) const NOT_EXECUTED: u16 = 0x2000;
}

/// A frame: what its header says, and all that follows the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) id: u64,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(flags: u16, method: u16, id: u64, payload: impl Into<Vec<u8>>) -> Self {
        Self { flags, method, id, payload: payload.into() }
    }

    /// A request by name with a postcard body, and with what `parts` has behind the name.
    pub(crate) fn named(id: u64, name: &str, flags: u16, parts: &[u8], body: &[u8]) -> Self {
        let name = [&short(name)[..], &[0; 8]].concat();
        Self::new(kind::REQUEST | flag::NAMED | flags, 0, id, [&name, parts, body].concat())
    }

    pub(crate) fn kind(&self) -> u16 {
        self.flags & 15
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        with_len(self.payload.len() as u32, self)
    }

    /// The text of an error, and the details behind it.
    pub(crate) fn error(&self) -> (String, Vec<u8>) {
        assert_eq!(self.kind(), kind::ERROR, "{self:?}");
        let (len, rest) = self.payload.split_first_chunk::<4>().unwrap();
        let (text, details) = rest.split_at(u32::from_le_bytes(*len) as usize);
        (String::from_utf8(text.to_vec()).unwrap(), details.to_vec())
    }

    /// The text of a go-away.
    pub(crate) fn farewell(&self) -> String {
        assert_eq!(self.kind(), kind::GO_AWAY, "{self:?}");
        String::from_utf8(self.payload.clone()).unwrap()
    }
}

/// A frame that claims a length.
pub(crate) fn with_len(len: u32, frame: &Frame) -> Vec<u8> {
    let Frame { flags, method, id, payload } = frame;
    let header = [&len.to_le_bytes()[..], &method.to_le_bytes(), &flags.to_le_bytes(), &id.to_le_bytes()];
    [&header.concat()[..], payload].concat()
}

pub(crate) fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// The part *metadata*.
pub(crate) fn metadata(entries: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in entries {
        block.push(name.len() as u8);
        block.extend_from_slice(name);
        block.extend_from_slice(&(value.len() as u16).to_le_bytes());
        block.extend_from_slice(value);
    }
    [&(block.len() as u16).to_le_bytes()[..], &block].concat()
}

/// CRC-32C, a bit at a time.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

/// A frame with its checksum.
pub(crate) fn summed(frame: &Frame) -> Vec<u8> {
    let frame = Frame { flags: frame.flags | flag::CHECKSUM, ..frame.clone() };
    let mut bytes = with_len(frame.payload.len() as u32 + 4, &frame);
    let sum = crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn preface_of(newest: u16, oldest: u16, features: u32) -> Vec<u8> {
    let mut preface = b"\xc1FWR".to_vec();
    preface.extend_from_slice(&newest.to_le_bytes());
    preface.extend_from_slice(&oldest.to_le_bytes());
    preface.extend_from_slice(&features.to_le_bytes());
    preface.extend_from_slice(&[0; 4]);
    preface
}

/// The body of a hello that offers `services`: names and their methods' names, fingerprints unknown.
pub(crate) fn hello_body(services: &[(&str, &[&str])]) -> Vec<u8> {
    let mut body = [[0, 0, 64, 0], [0, 1, 0, 0], [0; 4]].concat();
    body.extend_from_slice(&(services.len() as u16).to_le_bytes());
    for (service, methods) in services {
        body.extend_from_slice(&short(service));
        body.extend_from_slice(&[0; 8]);
        body.extend_from_slice(&(methods.len() as u16).to_le_bytes());
        for method in *methods {
            body.extend_from_slice(&short(method));
            body.extend_from_slice(&[0; 8]);
        }
    }
    body
}

/// Preface and hello of a side that offers nothing.
pub(crate) fn greeting() -> Vec<u8> {
    [preface_of(1, 1, 0), Frame::new(kind::HELLO, 0, 0, hello_body(&[])).bytes()].concat()
}

/// One end of a connection on which a test says every byte, and hears every frame.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    heard: Vec<u8>,
    has_greeted: bool,
    /// How many of the frames that were heard had a checksum.
    pub(crate) summed: usize,
}

impl Wire {
    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, heard: Vec::new(), has_greeted: false, summed: 0 }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        in_time("bytes are taken", self.try_send(bytes)).await.unwrap();
    }

    /// Sends bytes; the peer may have closed.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.writer.write_all(bytes).await?;
        self.stream.writer.flush().await
    }

    pub(crate) async fn put(&mut self, frame: &Frame) {
        self.send(&frame.bytes()).await;
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.writer.shutdown().await;
    }

    /// Exactly so many bytes; `None` if the peer closes first.
    async fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut chunk = [0; 4096];
        while self.heard.len() < len {
            match in_time("the peer speaks", self.stream.reader.read(&mut chunk)).await.unwrap_or(0) {
                0 => return None,
                came => self.heard.extend_from_slice(&chunk[..came]),
            }
        }
        Some(self.heard.drain(..len).collect())
    }

    /// The next frame, without the peer's preface and its checksum; `None` once the peer has closed.
    pub(crate) async fn hear(&mut self) -> Option<Frame> {
        if !std::mem::replace(&mut self.has_greeted, true) {
            let preface = self.exactly(16).await?;
            assert_eq!(preface[..8], *b"\xc1FWR\x01\x00\x01\x00");
        }
        let header = self.exactly(16).await?;
        let len = u32::from_le_bytes(header[..4].try_into().unwrap());
        let mut frame = Frame {
            method: u16::from_le_bytes(header[4..6].try_into().unwrap()),
            flags: u16::from_le_bytes(header[6..8].try_into().unwrap()),
            id: u64::from_le_bytes(header[8..].try_into().unwrap()),
            payload: self.exactly(len as usize).await?,
        };
        if frame.flags & flag::CHECKSUM != 0 {
            let sum = frame.payload.split_off(frame.payload.len() - 4);
            assert_eq!(crc32c(&[&header[..], &frame.payload].concat()).to_le_bytes()[..], sum, "{frame:?}");
            frame.flags &= !flag::CHECKSUM;
            self.summed += 1;
        }
        Some(frame)
    }

    /// The next frame that is no hello.
    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            let frame = self.hear().await.expect("the peer has not closed");
            if frame.kind() != kind::HELLO {
                return frame;
            }
        }
    }

    /// Everything until the peer closes.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.hear().await {
            frames.push(frame);
        }
        frames
    }

    /// The last words of a peer that then closes.
    pub(crate) async fn farewell(&mut self) -> Frame {
        let last = self.rest().await.pop().expect("the peer says something before it closes");
        assert_eq!(last.kind(), kind::GO_AWAY, "{last:?}");
        last
    }
}
