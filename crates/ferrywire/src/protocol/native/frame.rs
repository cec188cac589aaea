//! Frames in one direction of a connection: preface, hello, then one frame after the other.

use super::header::{
    HEADER_LEN, Header, PREFACE_LEN, Preface, feature, flag, kind, malformed, put_preface, read_preface,
};
use super::hello::{Hello, put_hello};
use super::{Word, parts};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::protocol::{Compression, Offer, Terms};

/// What is at the front of the bytes.
#[derive(Debug)]
pub(super) enum Next<'b> {
    /// Too little to say.
    More,
    /// A frame; the first `used` bytes are done with.
    Frame { header: Header, payload: &'b [u8], used: usize },
    /// The peer has introduced itself; the first `used` bytes are done with.
    Hello { hello: Hello, used: usize },
}

/// Cuts one direction of a connection into frames.
#[derive(Debug)]
pub(super) struct Frames {
    stage: Stage,
    /// The longest that may follow a header.
    len_max: usize,
    /// Whether every frame must have a checksum.
    checks: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Preface,
    Hello { features: u32 },
    Frames,
}

/// What a frame may have beside its body: names, metadata, numbers.
const PARTS_LEN_MAX: usize = parts::METADATA_LEN_MAX + 1024;

impl Frames {
    pub(super) fn new(terms: &Terms<'_>) -> Self {
        let len_max = terms.limits.frame_len_max.saturating_add(PARTS_LEN_MAX);
        Self { stage: Stage::Preface, len_max, checks: terms.checksum }
    }

    /// What is at the front of `bytes`.
    #[inline]
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Next<'b>> {
        match self.stage {
            Stage::Frames => self.frame(bytes),
            Stage::Preface | Stage::Hello { .. } => self.greeting(bytes),
        }
    }

    #[inline]
    fn frame<'b>(&self, bytes: &'b [u8]) -> Result<Next<'b>> {
        let Some((header, rest)) = Header::read(bytes) else {
            return Ok(Next::More);
        };
        header.check()?;
        let len = header.len as usize;
        if len > self.len_max {
            return Err(self.too_long(len));
        }
        let Some(payload) = rest.get(..len) else {
            return Ok(Next::More);
        };
        let used = HEADER_LEN + len;
        if !self.checks && !header.has(flag::CHECKSUM) {
            return Ok(Next::Frame { header, payload, used });
        }
        let payload = checked(header, payload)?;
        Ok(Next::Frame { header, payload, used })
    }

    #[cold]
    fn too_long(&self, len: usize) -> Error {
        let text = format!("a frame of {len} bytes is over the limit of {}", self.len_max);
        Error::new(Code::ResourceExhausted, text).in_phase(Phase::Decode)
    }

    /// Preface and hello.
    fn greeting<'b>(&mut self, bytes: &'b [u8]) -> Result<Next<'b>> {
        let (mut used, mut rest) = (0, bytes);
        if let Stage::Preface = self.stage {
            let features = match read_preface(bytes)? {
                None => return Ok(Next::More),
                Some(Preface::Stranger(error)) => return Err(error),
                Some(Preface::Features(features)) => features,
            };
            used = PREFACE_LEN;
            rest = bytes.get(PREFACE_LEN..).unwrap_or_default();
            self.stage = Stage::Hello { features };
        }
        let Stage::Hello { features } = self.stage else {
            return self.frame(bytes);
        };
        match self.frame(rest)? {
            // A preface alone is looked at again; nobody sends it without a hello.
            Next::More => {
                if used > 0 {
                    self.stage = Stage::Preface;
                }
                Ok(Next::More)
            }
            Next::Frame { header, payload, used: taken } if header.kind() == kind::HELLO => {
                let hello = Hello::read(features, payload)?;
                self.stage = Stage::Frames;
                Ok(Next::Hello { hello, used: used + taken })
            }
            // A peer that cannot talk to us says why, and nothing before it.
            Next::Frame { header, payload, used: taken } if header.kind() == kind::GO_AWAY => {
                self.stage = Stage::Frames;
                Ok(Next::Frame { header, payload, used: used + taken })
            }
            Next::Frame { header, .. } => {
                Err(malformed(format!("a frame of kind {} in the place of the hello", header.kind())))
            }
            next @ Next::Hello { .. } => Ok(next),
        }
    }
}

/// The payload without its checksum, which must be there and be right.
fn checked(header: Header, payload: &[u8]) -> Result<&[u8]> {
    let lost = |text: String| Err(Error::new(Code::DataLoss, text).in_phase(Phase::Decode));
    if !header.has(flag::CHECKSUM) {
        return lost("a frame came without the checksum that every frame must have here".to_owned());
    }
    let Some((payload, sum)) = payload.split_last_chunk::<4>() else {
        return Err(malformed("a frame too short for its checksum"));
    };
    let (found, computed) = (u32::from_le_bytes(*sum), sum_of(&header.bytes(), payload));
    if found != computed {
        return lost(format!("a frame's checksum is {found:#010x}, its bytes have {computed:#010x}"));
    }
    Ok(payload)
}

fn sum_of(header: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), rest)
}

/// Writes frames.
#[derive(Clone, Debug)]
pub(super) struct Put {
    /// Whether frames get a checksum: this side wants that of both, or the peer does.
    sums: bool,
    features: u32,
    /// How large bodies are compressed once the peer has said that it reads that.
    compression: Option<Compression>,
}

impl Put {
    pub(super) fn new(terms: &Terms<'_>) -> Self {
        let checksum = if terms.checksum { feature::CHECKSUM } else { 0 };
        Self { sums: terms.checksum, features: checksum, compression: terms.compression }
    }

    /// Appends preface and hello.
    pub(super) fn greeting(
        &self,
        out: &mut Vec<u8>,
        limits: &Limits,
        offers: &mut dyn Iterator<Item = Offer<'_>>,
    ) {
        put_preface(out, self.features);
        let at = self.begin(out, kind::HELLO, 0, 0);
        put_hello(out, limits, offers);
        self.summed().finish(out, at);
    }

    /// Appends a farewell. `last` is the latest request that was taken.
    pub(super) fn farewell(&self, out: &mut Vec<u8>, code: u16, last: u64, text: &str) {
        self.summed().frame(out, kind::GO_AWAY, code, last, text.as_bytes());
    }

    /// For what is said before it is known whether the peer demands checksums.
    fn summed(&self) -> Self {
        Self { sums: true, ..self.clone() }
    }

    /// Appends a header whose length is not known yet; returns where it stands.
    #[inline]
    pub(super) fn begin(&self, out: &mut Vec<u8>, flags: u16, method: u16, id: u64) -> usize {
        let at = out.len();
        out.extend_from_slice(&Header { len: 0, method, flags, id }.bytes());
        at
    }

    /// Completes the frame that began at `at` and ends with the buffer.
    #[inline]
    pub(super) fn finish(&self, out: &mut Vec<u8>, at: usize) {
        let len = (out.len() - at - HEADER_LEN) as u32;
        if let Some(place) = out.get_mut(at..).and_then(|frame| frame.first_chunk_mut::<4>()) {
            *place = len.to_le_bytes();
        }
        if self.sums {
            self.sum(out, at);
        }
    }

    fn sum(&self, out: &mut Vec<u8>, at: usize) {
        let Some((mut header, _)) = Header::read(out.get(at..).unwrap_or_default()) else {
            return;
        };
        header.flags |= flag::CHECKSUM;
        header.len += 4;
        let Some((place, rest)) =
            out.get_mut(at..).and_then(|frame| frame.split_first_chunk_mut::<HEADER_LEN>())
        else {
            return;
        };
        *place = header.bytes();
        let sum = sum_of(place, rest);
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Appends a whole frame.
    pub(super) fn frame(&self, out: &mut Vec<u8>, flags: u16, method: u16, id: u64, body: &[u8]) {
        let at = self.begin(out, flags, method, id);
        out.extend_from_slice(body);
        self.finish(out, at);
    }

    /// Adds flags to a frame that has begun.
    pub(super) fn flag(out: &mut [u8], at: usize, flags: u16) {
        if let Some([_, _, _, _, _, _, low, high, ..]) =
            out.get_mut(at..).and_then(|frame| frame.first_chunk_mut::<HEADER_LEN>())
        {
            let flags = u16::from_le_bytes([*low, *high]) | flags;
            [*low, *high] = flags.to_le_bytes();
        }
    }

    /// Takes notice of what the peer has said of the connection; says whether that only keeps us busy.
    pub(super) fn hear(&mut self, out: &mut Vec<u8>, word: &Word) -> bool {
        match word {
            Word::Hello(hello) => {
                self.sums |= hello.features & feature::CHECKSUM != 0;
                let reads = |algorithm| match algorithm {
                    Compression::Lz4 => hello.features & feature::LZ4 != 0,
                    Compression::Zstd => hello.features & feature::ZSTD != 0,
                };
                self.compression = self.compression.filter(|algorithm| reads(*algorithm));
                false
            }
            Word::Ping { id, body } => {
                self.frame(out, kind::PONG, 0, *id, body);
                true
            }
            Word::Pong | Word::Leaving => true,
            Word::Credit { .. } => false,
        }
    }
}

/// The longest body of a ping.
const PING_LEN_MAX: usize = 64;

/// What a frame says about the connection; `None` if it is about a call.
pub(super) fn word_of(header: Header, payload: &[u8]) -> Result<Option<Word>> {
    Ok(Some(match header.kind() {
        kind::PING if payload.len() > PING_LEN_MAX => {
            return Err(malformed(format!(
                "a ping of {} bytes, over the limit of {PING_LEN_MAX}",
                payload.len()
            )));
        }
        kind::PING => Word::Ping { id: header.id, body: payload.to_vec() },
        kind::PONG => Word::Pong,
        kind::CREDIT => {
            let amount = parts::Cursor::new(payload).u32()?;
            Word::Credit { id: header.id, is_back: header.has(flag::BACK), amount }
        }
        kind::HELLO => return Err(malformed("a second hello")),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(terms: &Terms<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        Put::new(terms).greeting(&mut out, terms.limits, &mut std::iter::empty());
        out
    }

    #[test]
    fn a_greeting_is_read_whatever_the_cut() {
        let limits = Limits::default();
        let terms = Terms::new(&limits);
        let bytes = greeting(&terms);

        for cut in 0..bytes.len() {
            let mut frames = Frames::new(&terms);
            assert!(matches!(frames.next(&bytes[..cut]), Ok(Next::More)), "cut at {cut}");
            assert!(matches!(frames.next(&bytes), Ok(Next::Hello { used, .. }) if used == bytes.len()));
        }
    }

    #[test]
    fn a_damaged_bit_is_found_where_frames_have_checksums() {
        let limits = Limits::default();
        let terms = Terms { checksum: true, ..Terms::new(&limits) };
        let greeting = greeting(&terms);
        let mut frame = Vec::new();
        Put::new(&terms).frame(&mut frame, kind::RESPONSE, 0, 7, b"six times seven");

        for bit in 32..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut frames = Frames::new(&terms);
            frames.next(&greeting).unwrap();
            assert!(frames.next(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_header_alone() {
        let limits = Limits::default();
        let terms = Terms::new(&limits);
        let mut frames = Frames::new(&terms);
        frames.next(&greeting(&terms)).unwrap();

        let header = Header { len: u32::MAX, ..Header::default() }.bytes();
        let found = frames.next(&header);

        assert!(found.unwrap_err().message().contains("a frame of 4294967295 bytes is over the limit"));
    }
}
