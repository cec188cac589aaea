//! Requests: how they are read at the server, and written at the client.

use std::time::Duration;

use bytes::Bytes;

use super::frame::{Frames, Next, Put, word_of};
use super::header::{HEADER_LEN, Header, flag, kind, malformed};
use super::hello::{Hello, milliseconds};
use super::outgoing::{self, Begun, FLAT_LEN_MAX, Outgoing};
use super::parts::{Parts, check_metadata, put_metadata, put_short_text};
use super::{Tag, Word};
use crate::body::{Body, Written};
use crate::codec::{Format, Told};
use crate::error::{Error, Result};
use crate::message::{Ask, Asked, Head, Plain, Read, Wanted};
use crate::protocol::{Compression, Landing, Partial, ReadRequests, Terms, Unsent, Whose, WriteRequests};

/// Reads the requests of a caller.
#[derive(Debug)]
pub struct Requests {
    frames: Frames,
    /// Whether compressed bodies are read.
    unpacks: bool,
    /// How long the caller waits that does not say it.
    timeout: Option<Duration>,
}

impl ReadRequests for Requests {
    type Tag = Tag;
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        let bodies_max = terms.limits.calls_per_connection_max;
        let frames = Frames::new(terms, kind::REQUEST, bodies_max);
        Self { frames, unpacks: terms.compression.is_some(), timeout: None }
    }

    #[inline]
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Tag, Word>>> {
        if self.frames.is_between(bytes) {
            return Ok(Read::More { used: 0 });
        }
        self.read_unusual(bytes)
    }

    #[inline]
    fn plain<'b>(&mut self, bytes: &'b [u8]) -> Option<Plain<'b, Tag>> {
        let (header, payload, used) = self.frames.plain(bytes)?;
        if !self.frames.grows(header.id) {
            return None;
        }
        let tag = Tag { id: header.id, is_one_way: false };
        Some(Plain { tag, number: header.method, format: Format::Postcard, bytes: payload, used })
    }

    #[inline]
    fn usual_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn begins_request(&self, bytes: &[u8]) -> bool {
        self.frames.goes_on_with(kind::REQUEST, bytes)
    }

    #[inline]
    fn landing(&mut self) -> Option<Landing<'_>> {
        self.frames.landing()
    }

    #[inline]
    fn partial(&self) -> Option<Partial> {
        self.frames.partial()
    }

    fn grant(&mut self, whose: Whose) -> Option<Word> {
        let (id, amount) = self.frames.grant(whose)?;
        Some(Word::Grant { id, is_back: false, amount })
    }
}

impl Requests {
    /// What stands at the front of bytes, whatever it is.
    fn read_unusual<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Tag, Word>>> {
        let mut next = self.frames.next(bytes)?;
        if let Next::Body { used } = next {
            next = self.frames.go_on(bytes, used)?;
        }
        match next {
            Next::Frame { header, payload, used } if header.kind() == kind::REQUEST => {
                let message = Asked::Call(self.request(header, payload)?);
                Ok(Read::Message { message, used })
            }
            Next::More { used } | Next::Body { used } => Ok(Read::More { used }),
            Next::Frame { header, payload, used } => {
                Ok(Read::Message { message: self.other(header, payload)?, used })
            }
            Next::Whole { used } => {
                let message = Asked::Call(self.whole()?);
                Ok(Read::Message { message, used })
            }
            Next::Hello { hello, used } => {
                self.timeout = hello.timeout;
                Ok(Read::Message { message: Asked::Word(Word::Hello(hello)), used })
            }
        }
    }

    fn request<'b>(&mut self, header: Header, payload: &'b [u8]) -> Result<Ask<'b, Tag>> {
        self.frames.grow(header.id)?;
        let (parts, body) = Parts::read(header, payload)?;
        let ask = ask(header, parts, body, None, self.unpacks);
        Ok(Ask { timeout: ask.timeout.or(self.timeout), ..ask })
    }

    /// The request whose body came in pieces, or was too long for a read buffer.
    #[cold]
    fn whole(&mut self) -> Result<Ask<'_, Tag>> {
        let Some(whole) = self.frames.whole() else {
            return Err(malformed("the end of a body that never began"));
        };
        let header = whole.header;
        let (parts, body) = whole.open();
        let ask = ask(header, parts, body, Some(body), self.unpacks);
        Ok(Ask { timeout: ask.timeout.or(self.timeout), ..ask })
    }

    fn other<'b>(&mut self, header: Header, payload: &[u8]) -> Result<Asked<'b, Tag, Word>> {
        match header.kind() {
            kind::CANCEL => match self.frames.abandon(header.id) {
                Some(begun) => {
                    Ok(Asked::Withdrawn(Tag { id: begun.id, is_one_way: begun.has(flag::ONE_WAY) }))
                }
                None => {
                    let target = Tag { id: header.id, is_one_way: false };
                    Ok(Asked::Cancel { target, reply_to: None })
                }
            },
            kind::GO_AWAY => Ok(Asked::Word(Word::Leaving)),
            kind => match word_of(header, payload)? {
                Some(word) => Ok(Asked::Word(word)),
                None => Err(malformed(format!("a frame of kind {kind} where nothing was asked"))),
            },
        }
    }
}

#[inline]
fn ask<'b>(
    header: Header,
    parts: Parts<'b>,
    bytes: &'b [u8],
    shared: Option<&'b Bytes>,
    unpacks: bool,
) -> Ask<'b, Tag> {
    let method = match parts.name {
        None => Wanted::Numbered(header.method),
        Some((name, fingerprint)) => Wanted::Named { name, fingerprint },
    };
    let (body, packed) = match parts.format().and_then(|format| Ok((format, parts.packed(unpacks)?))) {
        Ok((format, packed)) => (Ok(Body { format, bytes, types: None, shared }), packed),
        Err(error) => (Err(error.not_executed()), None),
    };
    let tag = Tag { id: header.id, is_one_way: header.has(flag::ONE_WAY) };
    Ask { tag, method, body, packed, timeout: parts.timeout, metadata: parts.metadata }
}

/// Writes the requests of a caller.
#[derive(Debug)]
pub struct RequestWriter {
    put: Put,
    format: Format,
    hello: Option<Hello>,
    /// The peer's numbers of the methods that were called, by their places.
    numbers: Vec<Number>,
    /// A shorter body goes out as it is, in one frame without flags.
    plain_len_end: usize,
    outgoing: Outgoing,
}

/// What is known of a method at the peer.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// It has not been looked for.
    New,
    /// It has this number.
    Is(u16),
    /// It is called by name: the peer has none such, or another of this name.
    Named,
}

impl WriteRequests for RequestWriter {
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        let format = terms.format.unwrap_or(Format::Postcard);
        let (put, outgoing) = (Put::new(terms), Outgoing::default());
        Self { put, format, hello: None, numbers: Vec::new(), plain_len_end: 0, outgoing }
    }

    fn format(&self) -> Format {
        self.format
    }

    fn greet(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>) {
        self.put.greeting(out, terms.limits, &mut std::iter::empty());
    }

    #[inline]
    fn plain(&mut self, out: &mut Vec<u8>, id: u64, head: &Head<'_>, body: &[u8]) -> bool {
        let number = head.place.and_then(|place| self.numbers.get(place.get() as usize));
        let (Some(Number::Is(number)), true) = (number, body.len() < self.plain_len_end) else {
            return false;
        };
        let (len, method) = (body.len() as u32, *number);
        out.reserve(HEADER_LEN + body.len());
        out.extend_from_slice(&Header { len, method, flags: kind::REQUEST, id }.bytes());
        out.extend_from_slice(body);
        true
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        let number = match head.place.and_then(|place| self.numbers.get(place.get() as usize)) {
            Some(Number::Is(number)) => Some(*number),
            Some(Number::Named) => None,
            Some(Number::New) | None => self.number(head),
        };
        let at = self.put.begin(out, kind::REQUEST, number.unwrap_or(0), id);
        self.put_parts(out, at, head, timeout, written, number.is_none());
        let body_at = out.len();
        if let Some(plan) = written.preamble {
            Told::new().tell(plan, out);
        }
        if body.len() > FLAT_LEN_MAX || written.splices.is_some() {
            let splices = written.splices.take().map(|splices| *splices).unwrap_or_default();
            let front_len = outgoing::front_len(&splices);
            out.extend_from_slice(body.get(..front_len).unwrap_or_default());
            let stretches = outgoing::stretches(body, 0, splices);
            let (kind, is_one_way) = (kind::REQUEST, head.is_one_way);
            return self.outgoing.begin(&self.put, out, Begun { at, body_at, kind, is_one_way, stretches });
        }
        out.extend_from_slice(body);
        self.put.finish(out, at);
    }

    fn cancel(&mut self, out: &mut Vec<u8>, id: u64) {
        if !self.outgoing.is_empty() {
            self.outgoing.abandon(id);
        }
        self.put.frame(out, kind::CANCEL, 0, id, b"");
    }

    #[inline]
    fn unsent(&self) -> Unsent {
        self.outgoing.unsent()
    }

    fn pieces(&mut self, out: &mut Vec<u8>, splices: &mut Vec<(usize, Bytes)>, most: usize) -> usize {
        self.outgoing.pieces(&self.put, out, splices, most)
    }

    fn holds(&self, id: u64) -> bool {
        self.outgoing.holds(id)
    }

    fn retain(&mut self, out: &mut Vec<u8>, is_awaited: &mut dyn FnMut(u64) -> bool) {
        while let Some(id) = self.outgoing.find_awaited(|id| !is_awaited(id)) {
            self.cancel(out, id);
        }
    }

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> Result<bool> {
        if let Word::Credit { id, is_back: false, amount } = word {
            self.outgoing.credit(id, amount)?;
        }
        let is_idle = self.put.hear(out, &word);
        if let Word::Hello(hello) = word {
            self.hello = Some(hello);
            // What was called by name until now may have a number.
            self.numbers.clear();
            let is_plain = self.format == Format::Postcard && !self.put.sums();
            self.plain_len_end = if is_plain { FLAT_LEN_MAX + 1 } else { 0 };
        }
        Ok(is_idle)
    }

    fn check(&self, head: &Head<'_>) -> Result<()> {
        head.metadata.as_deref().map_or(Ok(()), check_metadata)
    }

    fn leave(&mut self, out: &mut Vec<u8>, error: &Error) {
        self.put.farewell(out, error.code() as u16, 0, error.message());
    }

    fn calls_max(&self) -> Option<usize> {
        self.hello.as_ref().map(|hello| (hello.calls_max as usize).max(1))
    }

    fn compression(&self) -> Option<Compression> {
        self.put.compression()
    }

    fn ping(&mut self, out: &mut Vec<u8>) -> bool {
        self.put.ping(out);
        true
    }
}

impl RequestWriter {
    /// Looks for the number of a method that has not been called before; notes it where it has a place.
    #[cold]
    fn number(&mut self, head: &Head<'_>) -> Option<u16> {
        /// A client with more methods than this calls the others by name.
        const PLACES_MAX: usize = 1 << 16;
        let hello = self.hello.as_ref()?;
        let fingerprint = head.described.map_or(0, |method| method.fingerprint());
        let found = hello.find(head.method).filter(|numbered| {
            fingerprint == 0 || numbered.fingerprint == 0 || numbered.fingerprint == fingerprint
        });
        let number = found.map(|numbered| numbered.number);
        if let Some(place) = head.place.map(|place| place.get() as usize).filter(|place| *place < PLACES_MAX)
        {
            if self.numbers.len() <= place {
                self.numbers.resize(place + 1, Number::New);
            }
            if let Some(noted) = self.numbers.get_mut(place) {
                *noted = number.map_or(Number::Named, Number::Is);
            }
        }
        number
    }

    #[inline]
    fn put_parts(
        &self,
        out: &mut Vec<u8>,
        at: usize,
        head: &Head<'_>,
        timeout: Option<Duration>,
        written: &Written,
        is_named: bool,
    ) {
        let mut flags = 0;
        if is_named {
            put_short_text(out, head.method.as_bytes());
            let fingerprint = head.described.map_or(0, |method| method.fingerprint());
            out.extend_from_slice(&fingerprint.to_le_bytes());
            flags |= flag::NAMED;
        }
        if self.format != Format::Postcard {
            out.push(self.format.id());
            flags |= flag::CODEC;
        }
        if let Some(timeout) = timeout {
            out.extend_from_slice(&milliseconds(timeout).to_le_bytes());
            flags |= flag::DEADLINE;
        }
        if let Some(metadata) = &head.metadata {
            flags |= put_metadata(out, metadata);
        }
        if let Some(packed) = written.packed {
            flags |= super::parts::put_packed(out, packed);
        }
        if head.is_one_way {
            flags |= flag::ONE_WAY;
        }
        if flags != 0 {
            Put::flag(out, at, flags);
        }
    }
}
