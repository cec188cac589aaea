//! Frames in one direction of a connection: preface, hello, then one frame after the other.

use super::header::{
    HEADER_LEN, Header, PREFACE_LEN, Preface, feature, flag, kind, malformed, put_preface, read_preface,
};
use super::hello::{Hello, put_hello};
use super::incoming::{Advance, Incoming, LARGE_LEN, Whole};
use super::{Word, parts};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::protocol::{Compression, Landing, Offer, Partial, Terms, Whose};

/// What is at the front of the bytes.
#[derive(Debug)]
pub(super) enum Next<'b> {
    /// Too little to say; the first `used` bytes are done with.
    More { used: usize },
    /// A frame; the first `used` bytes are done with.
    Frame { header: Header, payload: &'b [u8], used: usize },
    /// The peer has introduced itself; the first `used` bytes are done with.
    Hello { hello: Hello, used: usize },
    /// Behind `used` bytes there is a stretch of a body that does not end with them; see [`Frames::go_on`].
    Body { used: usize },
    /// A body is whole, see [`Frames::whole`]; the first `used` bytes are done with.
    Whole { used: usize },
}

/// Cuts one direction of a connection into frames.
#[derive(Debug)]
pub(super) struct Frames {
    stage: Stage,
    /// The longest that may follow a header.
    len_max: usize,
    /// Whether every frame must have a checksum.
    checks: bool,
    /// The kind of frames whose bodies may be large.
    kind: u16,
    /// The flags of a frame that can be taken at a glance; none has [`NO_FLAGS`].
    plain: u32,
    /// How many of these may be half read at once.
    bodies_max: usize,
    /// Made for the first of them.
    incoming: Option<Box<Incoming>>,
    /// The latest id of a request, zero before the first: the next is larger.
    last: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Preface,
    Hello {
        features: u32,
    },
    Frames,
    /// Within a frame of a large body.
    Body,
    /// Behind the last of them: whoever got the body is done with it at the next step.
    Whole,
}

/// What no frame's flags are, whatever a peer sends.
const NO_FLAGS: u32 = u32::MAX;

/// What a frame may have beside its body: names, metadata, numbers.
pub(super) const PARTS_LEN_MAX: usize = parts::METADATA_LEN_MAX + 1024;

impl Frames {
    /// Large bodies come in frames of `kind`, at most `bodies_max` at once.
    pub(super) fn new(terms: &Terms<'_>, kind: u16, bodies_max: usize) -> Self {
        let len_max = terms.limits.frame_len_max.saturating_add(PARTS_LEN_MAX);
        Self {
            stage: Stage::Preface,
            len_max,
            checks: terms.checksum,
            kind,
            plain: NO_FLAGS,
            bodies_max,
            incoming: None,
            last: 0,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.plain = if matches!(stage, Stage::Frames) && !self.checks { self.kind.into() } else { NO_FLAGS };
    }

    /// A frame that is usual in every way: of the direction's own kind, without a flag, short and whole. Its
    /// payload, and how long all of it is.
    #[inline]
    pub(super) fn plain<'b>(&self, bytes: &'b [u8]) -> Option<(Header, &'b [u8], usize)> {
        let (header, rest) = Header::read(bytes)?;
        let len = header.len as usize;
        if u32::from(header.flags) != self.plain || len > LARGE_LEN {
            return None;
        }
        Some((header, rest.get(..len)?, HEADER_LEN + len))
    }

    /// Whether nothing is at the front of these bytes, and nothing has begun.
    #[inline]
    pub(super) fn is_between(&self, bytes: &[u8]) -> bool {
        bytes.is_empty() && self.plain != NO_FLAGS
    }

    /// Whether `bytes` go on with a frame of this kind, the direction's own, as far as they say it.
    #[cold]
    pub(super) fn goes_on_with(&self, kind: u16, bytes: &[u8]) -> bool {
        match self.stage {
            Stage::Preface | Stage::Hello { .. } => false,
            Stage::Body => true,
            Stage::Frames | Stage::Whole => {
                Header::read(bytes).is_some_and(|(header, _)| header.kind() == kind)
            }
        }
    }

    /// What is at the front of `bytes`.
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Next<'b>> {
        match self.stage {
            Stage::Frames => self.frame(bytes),
            Stage::Body => Ok(Next::Body { used: 0 }),
            Stage::Whole => self.behind_body(bytes),
            Stage::Preface | Stage::Hello { .. } => self.greeting(bytes),
        }
    }

    fn frame<'b>(&mut self, bytes: &'b [u8]) -> Result<Next<'b>> {
        let Some((header, rest)) = Header::read(bytes) else {
            return Ok(Next::More { used: 0 });
        };
        header.check()?;
        if header.len as usize > LARGE_LEN || header.has(flag::MORE | flag::CONTINUED) {
            return self.large(header, rest);
        }
        self.small(header, rest)
    }

    fn small<'b>(&self, header: Header, rest: &'b [u8]) -> Result<Next<'b>> {
        let len = header.len as usize;
        let Some(payload) = rest.get(..len) else {
            return Ok(Next::More { used: 0 });
        };
        let used = HEADER_LEN + len;
        if !self.checks && !header.has(flag::CHECKSUM) {
            return Ok(Next::Frame { header, payload, used });
        }
        let payload = checked(header, payload)?;
        Ok(Next::Frame { header, payload, used })
    }

    /// A frame whose body is large, cut, or both: it is not waited for as a whole.
    #[cold]
    fn large<'b>(&mut self, header: Header, rest: &'b [u8]) -> Result<Next<'b>> {
        let len = header.len as usize;
        if len > self.len_max {
            return Err(self.too_long(len));
        }
        if header.kind() != self.kind {
            return self.small(header, rest);
        }
        if self.checks && !header.has(flag::CHECKSUM) {
            return Err(lost("a frame came without the checksum that every frame must have here".to_owned()));
        }
        let (len_max, bodies_max) = (self.len_max - PARTS_LEN_MAX, self.bodies_max);
        let incoming = self.incoming.get_or_insert_with(|| Box::new(Incoming::new(len_max, bodies_max)));
        match incoming.begin(header, rest)? {
            None => Ok(Next::More { used: 0 }),
            Some(parts_len) => {
                if header.kind() == kind::REQUEST && !header.has(flag::CONTINUED) {
                    self.grow(header.id)?;
                }
                self.enter(Stage::Body);
                Ok(Next::Body { used: HEADER_LEN + parts_len })
            }
        }
    }

    /// Goes on where there was a stretch of a body behind `used` of these bytes, until there is something else
    /// to say.
    #[cold]
    pub(super) fn go_on<'b>(&mut self, bytes: &'b [u8], mut used: usize) -> Result<Next<'b>> {
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if let Stage::Body = self.stage
                && let Some(incoming) = &mut self.incoming
            {
                match incoming.advance(rest)? {
                    Advance::More(taken) => return Ok(Next::More { used: used + taken }),
                    Advance::Frame(taken) => {
                        used += taken;
                        self.enter(Stage::Frames);
                    }
                    Advance::Whole(taken) => {
                        self.enter(Stage::Whole);
                        return Ok(Next::Whole { used: used + taken });
                    }
                }
                continue;
            }
            return Ok(match self.next(rest)? {
                Next::Body { used: taken } => {
                    used += taken;
                    continue;
                }
                Next::More { used: taken } => Next::More { used: used + taken },
                Next::Frame { header, payload, used: taken } => {
                    Next::Frame { header, payload, used: used + taken }
                }
                Next::Hello { hello, used: taken } => Next::Hello { hello, used: used + taken },
                Next::Whole { used: taken } => Next::Whole { used: used + taken },
            });
        }
    }

    /// A body was whole and has been handed over.
    #[cold]
    fn behind_body<'b>(&mut self, bytes: &'b [u8]) -> Result<Next<'b>> {
        if let Some(incoming) = &mut self.incoming {
            incoming.release();
        }
        self.enter(Stage::Frames);
        self.frame(bytes)
    }

    /// Notes the id of a request.
    ///
    /// # Errors
    ///
    /// If it is not larger than all before.
    #[inline]
    pub(super) fn grow(&mut self, id: u64) -> Result<()> {
        if self.grows(id) { Ok(()) } else { Err(not_larger(id, self.last)) }
    }

    /// Notes the id of a request, if it is larger than all before; says whether it is.
    #[inline]
    pub(super) fn grows(&mut self, id: u64) -> bool {
        let grows = id > self.last;
        if grows {
            self.last = id;
        }
        grows
    }

    /// The body that is whole.
    pub(super) fn whole(&mut self) -> Option<&mut Whole> {
        self.incoming.as_mut()?.whole()
    }

    /// Forgets the body of this id, of which some is here; the header that it began with.
    pub(super) fn abandon(&mut self, id: u64) -> Option<Header> {
        self.incoming.as_mut()?.abandon(id)
    }

    /// See [`ReadRequests::landing`](crate::protocol::ReadRequests::landing).
    #[inline]
    pub(super) fn landing(&mut self) -> Option<Landing<'_>> {
        match self.stage {
            Stage::Body => self.incoming.as_mut()?.landing(),
            _ => None,
        }
    }

    /// See [`ReadRequests::partial`](crate::protocol::ReadRequests::partial).
    #[inline]
    pub(super) fn partial(&self) -> Option<Partial> {
        self.incoming.as_ref()?.partial()
    }

    /// Which body may be sent how many more bytes, if one is to be told.
    pub(super) fn grant(&mut self, whose: Whose) -> Option<(u64, u32)> {
        self.incoming.as_mut()?.grant(whose)
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
                None => return Ok(Next::More { used: 0 }),
                Some(Preface::Stranger(error)) => return Err(error),
                Some(Preface::Features(features)) => features,
            };
            used = PREFACE_LEN;
            rest = bytes.get(PREFACE_LEN..).unwrap_or_default();
            self.enter(Stage::Hello { features });
        }
        let Stage::Hello { features } = self.stage else {
            return self.frame(bytes);
        };
        let next = match Header::read(rest) {
            Some((header, _)) if header.len as usize > self.len_max => {
                return Err(self.too_long(header.len as usize));
            }
            Some((header, rest)) => {
                header.check()?;
                self.small(header, rest)?
            }
            None => Next::More { used: 0 },
        };
        match next {
            // A preface alone is looked at again; nobody sends it without a hello.
            Next::More { .. } => {
                if used > 0 {
                    self.enter(Stage::Preface);
                }
                Ok(Next::More { used: 0 })
            }
            Next::Frame { header, payload, used: taken } if header.kind() == kind::HELLO => {
                let hello = Hello::read(features, payload)?;
                self.enter(Stage::Frames);
                Ok(Next::Hello { hello, used: used + taken })
            }
            // A peer that cannot talk to us says why, and nothing before it.
            Next::Frame { header, payload, used: taken } if header.kind() == kind::GO_AWAY => {
                self.enter(Stage::Frames);
                Ok(Next::Frame { header, payload, used: used + taken })
            }
            Next::Frame { header, .. } => {
                Err(malformed(format!("a frame of kind {} in the place of the hello", header.kind())))
            }
            next @ (Next::Hello { .. } | Next::Body { .. } | Next::Whole { .. }) => Ok(next),
        }
    }
}

#[cold]
fn not_larger(id: u64, last: u64) -> Error {
    malformed(format!("a request with the id {id}, which is not larger than {last}"))
}

/// The payload without its checksum, which must be there and be right.
fn checked(header: Header, payload: &[u8]) -> Result<&[u8]> {
    if !header.has(flag::CHECKSUM) {
        return Err(lost("a frame came without the checksum that every frame must have here".to_owned()));
    }
    let Some((payload, sum)) = payload.split_last_chunk::<4>() else {
        return Err(malformed("a frame too short for its checksum"));
    };
    compare(u32::from_le_bytes(*sum), sum_of(&header.bytes(), payload))?;
    Ok(payload)
}

/// Whether a frame's checksum is that of its bytes.
pub(super) fn compare(found: u32, computed: u32) -> Result<()> {
    if found == computed {
        return Ok(());
    }
    Err(lost(format!("a frame's checksum is {found:#010x}, its bytes have {computed:#010x}")))
}

fn lost(text: String) -> Error {
    Error::new(Code::DataLoss, text).in_phase(Phase::Decode)
}

fn sum_of(header: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), rest)
}

/// Writes frames.
#[derive(Clone, Debug)]
pub(super) struct Put {
    /// Whether frames get a checksum: this side wants that of both, or the peer does or may.
    sums: bool,
    /// Whether this side wants it.
    demands_sums: bool,
    features: u32,
    /// Pings that have not been answered.
    asked: u32,
    /// How this side compresses large bodies, if the peer has said that it reads that; how it would like to.
    compression: Option<Compression>,
    wanted: Option<Compression>,
}

impl Put {
    pub(super) fn new(terms: &Terms<'_>) -> Self {
        let mut features = if terms.checksum { feature::CHECKSUM } else { 0 };
        if terms.compression.is_some() {
            features |= Compression::ALL.into_iter().filter(|it| it.is_built()).map(feature_of).sum::<u32>();
        }
        let (sums, demands_sums) = (terms.checksum, terms.checksum);
        Self { sums, demands_sums, features, asked: 0, compression: None, wanted: terms.compression }
    }

    /// Appends preface and hello. From here on all frames have checksums, until the peer has said whether it
    /// demands any.
    pub(super) fn greeting(
        &mut self,
        out: &mut Vec<u8>,
        limits: &Limits,
        offers: &mut dyn Iterator<Item = Offer<'_>>,
    ) {
        self.sums = true;
        put_preface(out, self.features);
        let at = self.begin(out, kind::HELLO, 0, 0);
        put_hello(out, limits, offers);
        self.finish(out, at);
    }

    /// How bodies are compressed, if they are.
    pub(super) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Appends a farewell. `last` is the latest request that was taken.
    pub(super) fn farewell(&self, out: &mut Vec<u8>, code: u16, last: u64, text: &str) {
        self.summed().frame(out, kind::GO_AWAY, code, last, text.as_bytes());
    }

    /// For what may be said to a peer whose beginning was not understood.
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

    /// Appends the header of a frame of `len` bytes of a body, which whoever calls lets follow. If it is to end
    /// with a checksum, that of the header.
    pub(super) fn begin_long(&self, out: &mut Vec<u8>, flags: u16, id: u64, len: usize) -> Option<u32> {
        let mut header = Header { len: len as u32, method: 0, flags, id };
        if self.sums {
            header.flags |= flag::CHECKSUM;
            header.len += 4;
        }
        let bytes = header.bytes();
        out.extend_from_slice(&bytes);
        self.sums.then(|| crc32c::crc32c(&bytes))
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

    /// Whether every frame gets a checksum.
    pub(super) fn sums(&self) -> bool {
        self.sums
    }

    /// Asks whether anybody is there.
    pub(super) fn ping(&mut self, out: &mut Vec<u8>) {
        self.asked = self.asked.saturating_add(1);
        self.frame(out, kind::PING, 0, 0, b"");
    }

    /// The id of a frame that has begun.
    pub(super) fn id(out: &[u8], at: usize) -> u64 {
        out.get(at..).and_then(Header::read).map_or(0, |(header, _)| header.id)
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

    /// Takes notice of what the peer has said of the connection, or what our own reader has to say to it; says
    /// whether that only keeps us busy.
    pub(super) fn hear(&mut self, out: &mut Vec<u8>, word: &Word) -> bool {
        match word {
            Word::Hello(hello) => {
                self.sums = self.demands_sums || hello.features & feature::CHECKSUM != 0;
                let reads = |algorithm| hello.features & feature_of(algorithm) != 0;
                self.compression = self.wanted.filter(|wanted| wanted.is_built() && reads(*wanted));
                false
            }
            Word::Ping { id, body } => {
                self.frame(out, kind::PONG, 0, *id, body);
                true
            }
            // One that was asked for is an answer.
            Word::Pong if self.asked > 0 => {
                self.asked -= 1;
                false
            }
            Word::Pong | Word::Leaving => true,
            Word::Credit { .. } => false,
            Word::Grant { id, is_back, amount } => {
                let back = if *is_back { flag::BACK } else { 0 };
                self.frame(out, kind::CREDIT | back, 0, *id, &amount.to_le_bytes());
                false
            }
        }
    }
}

/// The feature of whoever reads bodies that are compressed so.
fn feature_of(algorithm: Compression) -> u32 {
    match algorithm {
        Compression::Lz4 => feature::LZ4,
        Compression::Zstd => feature::ZSTD,
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
            let mut frames = Frames::new(&terms, kind::RESPONSE, 8);
            assert!(matches!(frames.next(&bytes[..cut]), Ok(Next::More { used: 0 })), "cut at {cut}");
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
            let mut frames = Frames::new(&terms, kind::RESPONSE, 8);
            frames.next(&greeting).unwrap();
            assert!(frames.next(&damaged).is_err(), "bit {bit}");
        }
    }

    /// Found by fuzzing: what stood for "none is plain" was what a peer can send.
    #[test]
    fn no_flags_make_a_frame_that_needs_no_greeting() {
        let limits = Limits::default();
        for kind in [kind::REQUEST, kind::RESPONSE] {
            let frames = Frames::new(&Terms::new(&limits), kind, 1);
            for flags in 0..=u16::MAX {
                assert!(
                    frames.plain(&Header { flags, ..Header::default() }.bytes()).is_none(),
                    "{flags:#06x}"
                );
            }
        }
    }

    #[test]
    fn an_answer_that_was_asked_for_keeps_nobody_busy() {
        let limits = Limits::default();
        let (mut put, mut out) = (Put::new(&Terms::new(&limits)), Vec::new());
        put.ping(&mut out);
        put.ping(&mut out);

        let busy = [(); 3].map(|()| put.hear(&mut out, &Word::Pong));

        assert_eq!(busy, [false, false, true]);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_header_alone() {
        let limits = Limits::default();
        let terms = Terms::new(&limits);
        let mut frames = Frames::new(&terms, kind::RESPONSE, 8);
        frames.next(&greeting(&terms)).unwrap();

        let header = Header { len: u32::MAX, ..Header::default() }.bytes();
        let found = frames.next(&header);

        assert!(found.unwrap_err().message().contains("a frame of 4294967295 bytes is over the limit"));
    }
}
