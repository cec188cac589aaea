//! Bodies on their way in: those that are cut into frames, and those that are too long for a read buffer.
//!
//! Each grows in a block of its own, never to more than twice what has come and, for the one whose bytes come
//! now, 64 KiB, and is handed over whole, as bytes that can be shared. Frames of one body follow each other, those of several may alternate.

use bytes::Bytes;

use super::blocks;
use super::frame::PARTS_LEN_MAX;
use super::header::{Header, flag, malformed};
use super::outgoing::WINDOW;
use super::parts::Parts;
use crate::error::{Code, Error, Phase, Result};
use crate::protocol::{Landing, Partial, Whose};

/// A longer body is read straight into a block.
pub(super) const LARGE_LEN: usize = 16 * 1024;

/// How much memory is ahead of what has come, at most: a little less than 64 KiB, for all that stands beside it.
const AHEAD_LEN: usize = 60 * 1024;

/// The bodies of one direction that are not whole.
#[derive(Debug)]
pub(super) struct Incoming {
    halves: Vec<Half>,
    /// The frame whose bytes come now.
    frame: Option<Frame>,
    /// What is handed over: kept here while a message borrows from it.
    whole: Option<Whole>,
    body_len_max: usize,
    bodies_max: usize,
    /// How many bodies have begun.
    begun: u64,
    /// Bytes of bodies that are whole, or were abandoned.
    done_with: u64,
}

/// A body of which some is here.
#[derive(Debug)]
struct Half {
    /// Its number, in the order in which bodies began.
    number: u64,
    header: Header,
    name: Option<(Box<[u8]>, u64)>,
    parts: Parts<'static>,
    block: Vec<u8>,
    /// Its length when it is whole.
    len: usize,
    /// How much of it may come without further credit.
    granted: usize,
}

/// A frame of which some is here.
#[derive(Debug)]
struct Frame {
    /// The place of its body.
    half: usize,
    /// Its stretch of the body.
    from: usize,
    until: usize,
    /// The checksum of all that precedes that stretch, if there is one to compare.
    sum: Option<u32>,
}

/// A body that has come.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) header: Header,
    name: Option<(Box<[u8]>, u64)>,
    parts: Parts<'static>,
    bytes: Bytes,
}

impl Whole {
    /// The parts of the body's first frame, and the body.
    pub(super) fn open(&mut self) -> (Parts<'_>, &Bytes) {
        let name = self.name.as_ref().map(|(name, fingerprint)| (&**name, *fingerprint));
        (Parts { name, ..std::mem::take(&mut self.parts) }, &self.bytes)
    }
}

/// How far a frame got with the bytes it was shown, and how many of them are done with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// More of it has to come.
    More(usize),
    /// It is here; its body goes on in another.
    Frame(usize),
    /// Its body is whole.
    Whole(usize),
}

impl Incoming {
    pub(super) fn new(body_len_max: usize, bodies_max: usize) -> Self {
        Self {
            halves: Vec::new(),
            frame: None,
            whole: None,
            body_len_max,
            bodies_max,
            begun: 0,
            done_with: 0,
        }
    }

    /// Begins with the frame of this header, of whose content `rest` is the front. Says how many of those
    /// bytes are parts; `None` if the parts have not come.
    pub(super) fn begin(&mut self, header: Header, rest: &[u8]) -> Result<Option<usize>> {
        let sum = header.has(flag::CHECKSUM).then(|| crc32c::crc32c(&header.bytes()));
        let Some(content_len) = (header.len as usize).checked_sub(if sum.is_some() { 4 } else { 0 }) else {
            return Err(malformed("a frame too short for its checksum"));
        };
        if header.has(flag::CONTINUED) {
            self.go_on(header, content_len, sum)?;
            return Ok(Some(0));
        }
        let content = rest.get(..content_len).unwrap_or(rest);
        let (parts, body) = match Parts::read(header, content) {
            Ok(read) => read,
            Err(_) if content.len() < content_len.min(PARTS_LEN_MAX) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parts_len = content.len() - body.len();
        let sum = sum.map(|sum| crc32c::crc32c_append(sum, content.get(..parts_len).unwrap_or_default()));
        self.add(header, parts, content_len - parts_len, sum)?;
        Ok(Some(parts_len))
    }

    /// A frame with `len` bytes of a body that has begun.
    fn go_on(&mut self, header: Header, len: usize, sum: Option<u32>) -> Result<()> {
        let place = self.halves.iter().position(|half| half.header.id == header.id);
        let Some((place, half)) = place.and_then(|place| Some((place, self.halves.get(place)?))) else {
            return Err(malformed(format!("a frame that continues no body, with the id {}", header.id)));
        };
        let from = half.block.len();
        let until = half.check(from, len, header.has(flag::MORE))?;
        self.frame = Some(Frame { half: place, from, until, sum });
        Ok(())
    }

    /// The first frame of a body, with `here` bytes of it.
    fn add(&mut self, header: Header, parts: Parts<'_>, here: usize, sum: Option<u32>) -> Result<()> {
        let len = parts.whole_len.map_or(here, |len| len as usize);
        let exhausted = |text| Err(Error::new(Code::ResourceExhausted, text).in_phase(Phase::Decode));
        if len > self.body_len_max {
            return exhausted(format!("a body of {len} bytes is over the limit of {}", self.body_len_max));
        }
        if self.halves.len() >= self.bodies_max {
            return exhausted(format!("{} bodies at once have begun and are not whole", self.bodies_max));
        }
        if self.halves.iter().any(|half| half.header.id == header.id) {
            return Err(malformed(format!("a second body with the id {}", header.id)));
        }
        let is_cut = header.has(flag::MORE);
        let half = Half {
            number: self.begun,
            header,
            name: parts.name.map(|(name, fingerprint)| (name.into(), fingerprint)),
            parts: Parts { name: None, ..parts },
            block: blocks::take(len + SLACK_LEN),
            len,
            // Who sends a body in one frame needs no credit for it.
            granted: if is_cut { WINDOW } else { len },
        };
        if is_cut || here != len {
            half.check(0, here, is_cut)?;
        }
        self.begun += 1;
        self.frame = Some(Frame { half: self.halves.len(), from: 0, until: here, sum });
        self.halves.push(half);
        Ok(())
    }

    /// Goes on with the frame that has begun, of whose content `bytes` come next, if they have not been read
    /// where they belong.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Advance> {
        let Some(frame) = &self.frame else {
            return Ok(Advance::Frame(0));
        };
        let Some(half) = self.halves.get_mut(frame.half) else {
            return Ok(Advance::Frame(0));
        };
        let missing = frame.until.saturating_sub(half.block.len());
        let (taken, behind) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        half.make_room(taken.len(), half.block.len() + taken.len(), frame.until);
        half.block.extend_from_slice(taken);
        let mut used = taken.len();
        if used < missing {
            return Ok(Advance::More(used));
        }
        if let Some(sum) = frame.sum {
            let Some(found) = behind.first_chunk::<4>() else {
                return Ok(Advance::More(used));
            };
            used += found.len();
            let computed = crc32c::crc32c_append(sum, half.block.get(frame.from..).unwrap_or_default());
            super::frame::compare(u32::from_le_bytes(*found), computed)?;
        }
        let place = frame.half;
        self.frame = None;
        if half.block.len() < half.len {
            return Ok(Advance::Frame(used));
        }
        let Half { header, name, parts, block, .. } = self.halves.remove(place);
        self.done_with += block.len() as u64;
        self.whole = Some(Whole { header, name, parts, bytes: blocks::share(block) });
        Ok(Advance::Whole(used))
    }

    /// What [`advance`](Self::advance) has found to be whole.
    pub(super) fn whole(&mut self) -> Option<&mut Whole> {
        self.whole.as_mut()
    }

    /// Lets go of what was handed over.
    pub(super) fn release(&mut self) {
        self.whole = None;
    }

    /// Forgets the body of this id: its sender has given it up. Says what it was, if it had begun.
    pub(super) fn abandon(&mut self, id: u64) -> Option<Header> {
        let place = self.halves.iter().position(|half| half.header.id == id)?;
        let half = self.halves.remove(place);
        self.done_with += half.block.len() as u64;
        Some(half.header)
    }

    /// Where the next bytes belong, if they are a body's.
    pub(super) fn landing(&mut self) -> Option<Landing<'_>> {
        let frame = self.frame.as_ref()?;
        let half = self.halves.get_mut(frame.half)?;
        let missing = frame.until.saturating_sub(half.block.len());
        if missing == 0 {
            return None;
        }
        half.make_room(missing.min(LARGE_LEN), half.block.len(), frame.until);
        Some(Landing { buffer: &mut half.block, until: frame.until, slack: SLACK_LEN })
    }

    /// Of which body how much more may be sent: of one that needs it and is among `whose`.
    pub(super) fn grant(&mut self, whose: Whose) -> Option<(u64, u32)> {
        let among = match whose {
            Whose::All => self.halves.len(),
            Whose::Oldest => 1,
            Whose::Nobodys => 0,
        };
        let half = self.halves.iter_mut().take(among).find(|half| half.needs_credit())?;
        let granted = half.len.min(half.block.len() + WINDOW);
        let amount = granted - half.granted;
        half.granted = granted;
        Some((half.header.id, u32::try_from(amount).ok()?))
    }

    /// What there is of bodies that are not whole.
    pub(super) fn partial(&self) -> Option<Partial> {
        let oldest = self.halves.first()?.number;
        let held = self.halves.iter().map(|half| half.block.capacity()).sum();
        let here: u64 = self.halves.iter().map(|half| half.block.len() as u64).sum();
        let needs_credit = self.halves.iter().any(Half::needs_credit);
        Some(Partial { held, came: self.done_with + here, oldest, needs_credit })
    }
}

/// A read may bring so much of what follows a body: the next header, so that none has to be read alone.
const SLACK_LEN: usize = 64;

impl Half {
    fn needs_credit(&self) -> bool {
        self.granted < self.len && self.granted.saturating_sub(self.block.len()) <= WINDOW / 2
    }

    /// Where a frame ends that brings the stretch of `len` bytes behind `from`.
    fn check(&self, from: usize, len: usize, is_more: bool) -> Result<usize> {
        let until = from + len;
        let is_last = until == self.len;
        let id = self.header.id;
        if until > self.len || is_last == is_more {
            return Err(malformed(format!(
                "a body of {until} bytes and {}, which was announced with {}, with the id {id}",
                if is_more { "more" } else { "no more" },
                self.len
            )));
        }
        if len == 0 && from > 0 {
            return Err(malformed(format!("a frame that continues a body by nothing, with the id {id}")));
        }
        if until > self.granted {
            return Err(malformed(format!(
                "{until} bytes of a body of which {} may be sent, with the id {id}",
                self.granted
            )));
        }
        Ok(until)
    }

    /// Makes room for so many bytes more, and as many ahead as is right when so many have come.
    ///
    /// Beyond the frame whose bytes come now there is no more room than has come: of all bodies only one has
    /// such a frame, and the others could be many.
    fn make_room(&mut self, more: usize, came: usize, until: usize) {
        let here = self.block.len();
        if self.block.capacity() - here >= more {
            return;
        }
        let usual = (2 * came).max(until.min(came + AHEAD_LEN)).min(self.len) + SLACK_LEN;
        self.block.reserve_exact(usual.saturating_sub(here).max(more));
    }
}
