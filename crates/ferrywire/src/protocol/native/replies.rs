//! Replies: how they are written at the server, and read at the client.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::{Frames, Next, Put, word_of};
use super::header::{HEADER_LEN, Header, flag, kind, malformed};
use super::outgoing::{self, Begun, FLAT_LEN_MAX, Outgoing};
use super::parts::{Cursor, Parts, check_metadata, put_metadata, put_packed};
use super::{Tag, Word};
use crate::body::{Body, Written};
use crate::codec::{Format, Told};
use crate::compression::PACKED_LEN_MIN;
use crate::error::{Code, Error, Result};
use crate::message::{Answered, PlainAnswer, Read, Said};
use crate::metadata::Metadata;
use crate::protocol::{Landing, Offer, Partial, ReadReplies, Terms, Unsent, Whose, WriteReplies};

/// Writes what callers get.
#[derive(Debug)]
pub struct ReplyWriter {
    put: Put,
    /// The longest body that both sides take.
    body_len_max: usize,
    /// The longest that needs no second look: it goes out as one frame and as it is, and the peer reads it.
    flat_len_max: usize,
    outgoing: Outgoing,
}

impl WriteReplies for ReplyWriter {
    type Tag = Tag;
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        let body_len_max = terms.limits.frame_len_max;
        let flat_len_max = body_len_max.min(FLAT_LEN_MAX);
        Self { put: Put::new(terms), body_len_max, flat_len_max, outgoing: Outgoing::default() }
    }

    fn greet(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>, offers: &mut dyn Iterator<Item = Offer<'_>>) {
        self.put.greeting(out, terms.limits, offers);
    }

    #[inline]
    fn open(&self, out: &mut Vec<u8>, tag: &Tag, _method: &[u8], format: Format) {
        if format == Format::Postcard {
            self.put.begin(out, kind::RESPONSE, 0, tag.id);
        } else {
            self.put.begin(out, kind::RESPONSE | flag::CODEC, 0, tag.id);
            out.push(format.id());
        }
    }

    #[inline(always)]
    fn close(&mut self, out: &mut Vec<u8>, at: usize, body_at: usize, tag: &Tag, written: Written) {
        if tag.is_one_way {
            return out.truncate(at);
        }
        let is_long = written.splices.is_some() || out.len() - body_at > self.flat_len_max;
        if is_long || written.preamble.is_some() || written.metadata.is_some() {
            return self.close_unusual(out, at, body_at, tag, written);
        }
        self.put.finish(out, at);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Tag, _method: &[u8], error: &Error) {
        if tag.is_one_way {
            return;
        }
        let flags = if error.may_have_run() { kind::ERROR } else { kind::ERROR | flag::NOT_EXECUTED };
        let at = self.put.begin(out, flags, error.code() as u16, tag.id);
        if let Some(time) = error.retry_after() {
            let flags = put_metadata(out, &Metadata::of_retry_after(time));
            Put::flag(out, at, flags);
        }
        let (text, instead);
        match error.message_bytes() {
            // A caller that reads next to nothing still reads why.
            long if long.len() > self.body_len_max.max(1024) => {
                instead = too_long("an error text", long.len(), self.body_len_max);
                text = instead.message_bytes();
            }
            fits => text = fits,
        }
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
        // Without its details an error still says what happened; a frame that is too long says nothing.
        let details = error.details().filter(|details| text.len() + 4 + details.len() <= self.body_len_max);
        out.extend_from_slice(details.unwrap_or_default());
        self.put.finish(out, at);
    }

    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &Tag) {}

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> Result<bool> {
        match &word {
            Word::Hello(hello) => {
                self.body_len_max = self.body_len_max.min(hello.message_len_max as usize);
                self.put.hear(out, &word);
                // What may be compressed is looked at twice.
                let packed_len_max = self.put.compression().map_or(usize::MAX, |_| PACKED_LEN_MIN - 1);
                self.flat_len_max = self.body_len_max.min(FLAT_LEN_MAX).min(packed_len_max);
                return Ok(false);
            }
            Word::Credit { id, is_back: true, amount } => self.outgoing.credit(*id, *amount)?,
            _ => {}
        }
        Ok(self.put.hear(out, &word))
    }

    #[inline]
    fn unsent(&self) -> Unsent {
        self.outgoing.unsent()
    }

    fn pieces(&mut self, out: &mut Vec<u8>, splices: &mut Vec<(usize, Bytes)>, most: usize) -> usize {
        self.outgoing.pieces(&self.put, out, splices, most)
    }

    fn abandon(&mut self, tag: &Tag) -> bool {
        !self.outgoing.is_empty() && self.outgoing.abandon(tag.id)
    }

    fn ping(&mut self, out: &mut Vec<u8>) {
        self.put.ping(out);
    }

    /// The rest of a large request may come behind smaller ones that were asked after it.
    #[inline]
    fn is_later(tag: &Tag, than: &Tag) -> bool {
        tag.id > than.id
    }

    fn leave(&mut self, out: &mut Vec<u8>, last: Option<&Tag>, error: Option<&Error>) {
        let (code, text) = match error {
            Some(error) => (error.code() as u16, error.message()),
            None => (0, "the server is shut down"),
        };
        let last = last.map_or(0, |tag| tag.id);
        self.put.farewell(out, code, last, text);
    }
}

#[cold]
fn too_long(what: &str, len: usize, limit: usize) -> Error {
    let text = format!("{what} of {len} bytes is longer than the {limit} that its caller reads");
    Error::new(Code::ResourceExhausted, text)
}

impl ReplyWriter {
    /// Completes a reply that has something in front of its body, or is sent in pieces.
    #[cold]
    fn close_unusual(
        &mut self,
        out: &mut Vec<u8>,
        at: usize,
        body_at: usize,
        tag: &Tag,
        mut written: Written,
    ) {
        let len = out.len() - body_at + written.spliced_len();
        if len > self.body_len_max {
            out.truncate(at);
            return self.refuse(out, tag, b"", &too_long("a reply", len, self.body_len_max));
        }
        if let Some(Err(error)) = written.metadata.as_deref().map(check_metadata) {
            // A caller that got the reply without it would not know that something is missing.
            out.truncate(at);
            let text = format!("the reply's metadata cannot be sent: {}", error.message());
            return self.refuse(out, tag, b"", &Error::new(Code::Internal, text));
        }
        if let Some(algorithm) = self.put.compression() {
            written.pack(algorithm, out, body_at);
        }
        let splices = written.splices.take().map(|splices| *splices).unwrap_or_default();
        let front = out.get(body_at..).unwrap_or_default();
        let stretches = if splices.is_empty() && front.len() <= FLAT_LEN_MAX {
            VecDeque::new()
        } else {
            outgoing::stretches(out, body_at, splices)
        };
        let mut body_at = body_at;
        if written.preamble.is_some() || written.metadata.is_some() || written.packed.is_some() {
            body_at = put_before_body(out, at, body_at, written);
        }
        if stretches.is_empty() {
            return self.put.finish(out, at);
        }
        let kind = kind::RESPONSE;
        self.outgoing.begin(&self.put, out, Begun { at, body_at, kind, is_one_way: false, stretches });
    }
}

/// Puts what belongs in front of a body there; few replies have such. Returns where the body now begins.
fn put_before_body(out: &mut Vec<u8>, at: usize, body_at: usize, written: Written) -> usize {
    let body = out.split_off(body_at);
    if let Some(metadata) = &written.metadata {
        let flags = put_metadata(out, metadata) & flag::METADATA;
        Put::flag(out, at, flags);
    }
    if let Some(packed) = written.packed {
        let flags = put_packed(out, packed);
        Put::flag(out, at, flags);
    }
    let body_at = out.len();
    if let Some(plan) = written.preamble {
        Told::new().tell(plan, out);
    }
    out.extend_from_slice(&body);
    debug_assert!(body_at >= at + HEADER_LEN, "a body stands behind its header");
    body_at
}

/// Reads what a server answers.
#[derive(Debug)]
pub struct Replies {
    frames: Frames,
    /// Whether compressed bodies are read.
    unpacks: bool,
}

impl ReadReplies for Replies {
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        let bodies_max = terms.limits.calls_pending_max;
        let frames = Frames::new(terms, kind::RESPONSE, bodies_max);
        Self { frames, unpacks: terms.compression.is_some() }
    }

    #[inline]
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Word>>> {
        if self.frames.is_between(bytes) {
            return Ok(Read::More { used: 0 });
        }
        self.read_unusual(bytes)
    }

    #[inline]
    fn plain<'b>(&mut self, bytes: &'b [u8]) -> Option<PlainAnswer<'b>> {
        let (header, payload, used) = self.frames.plain(bytes)?;
        Some(PlainAnswer { id: header.id, format: Format::Postcard, bytes: payload, used })
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
        Some(Word::Grant { id, is_back: true, amount })
    }
}

impl Replies {
    /// What stands at the front of bytes, whatever it is.
    fn read_unusual<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Word>>> {
        let mut next = self.frames.next(bytes)?;
        if let Next::Body { used } = next {
            next = self.frames.go_on(bytes, used)?;
        }
        match next {
            Next::Frame { header, payload, used } if header.kind() == kind::RESPONSE => {
                let (parts, body) = Parts::read(header, payload)?;
                Ok(Read::Message { message: answer(header, parts, body, None, self.unpacks), used })
            }
            Next::More { used } | Next::Body { used } => Ok(Read::More { used }),
            Next::Frame { header, payload, used } => {
                Ok(Read::Message { message: self.other(header, payload)?, used })
            }
            Next::Whole { used } => Ok(Read::Message { message: self.whole()?, used }),
            Next::Hello { hello, used } => {
                Ok(Read::Message { message: Said::Word(Word::Hello(hello)), used })
            }
        }
    }

    fn other<'b>(&mut self, header: Header, payload: &[u8]) -> Result<Said<'b, Word>> {
        match header.kind() {
            kind::ERROR => {
                let (parts, body) = Parts::read(header, payload)?;
                let mut error = read_error(header, body)?;
                if let Some(time) = parts.metadata.as_deref().and_then(Metadata::retry_after) {
                    error = error.with_retry_after(time);
                }
                let outcome = Err(error);
                // What has come of a response's body is of no use any more.
                self.frames.abandon(header.id);
                Ok(Said::Answer(Answered { id: header.id, outcome, packed: None, metadata: parts.metadata }))
            }
            kind::GO_AWAY => Ok(leaving(header, payload)),
            kind => match word_of(header, payload)? {
                Some(word) => Ok(Said::Word(word)),
                None => Err(malformed(format!("a frame of kind {kind} where nothing is offered"))),
            },
        }
    }

    /// The response whose body came in pieces, or was too long for a read buffer.
    #[cold]
    fn whole(&mut self) -> Result<Said<'_, Word>> {
        let Some(whole) = self.frames.whole() else {
            return Err(malformed("the end of a body that never began"));
        };
        let header = whole.header;
        let (parts, body) = whole.open();
        Ok(answer(header, parts, body, Some(body), self.unpacks))
    }
}

#[inline]
fn answer<'b>(
    header: Header,
    parts: Parts<'b>,
    bytes: &'b [u8],
    shared: Option<&'b Bytes>,
    unpacks: bool,
) -> Said<'b, Word> {
    let (outcome, packed) = match parts.format().and_then(|format| Ok((format, parts.packed(unpacks)?))) {
        Ok((format, packed)) => (Ok(Body { format, bytes, types: None, shared }), packed),
        Err(error) => (Err(error), None),
    };
    Said::Answer(Answered { id: header.id, outcome, packed, metadata: parts.metadata })
}

fn read_error(header: Header, body: &[u8]) -> Result<Error> {
    let mut cursor = Cursor::new(body);
    let len = cursor.u32()? as usize;
    let text = cursor.take(len)?;
    let code = Code::from_number(header.method).unwrap_or(Code::Unknown);
    let error = Error::from_bytes(code, text).remote();
    let details = cursor.rest();
    let error = if details.is_empty() { error } else { error.with_details(details) };
    Ok(if header.has(flag::NOT_EXECUTED) { error.not_executed() } else { error })
}

fn leaving<'b>(header: Header, payload: &[u8]) -> Said<'b, Word> {
    let said = crate::error::shown(payload);
    let error = match Code::from_number(header.method) {
        Some(code) => Error::new(code, format!("the server has ended the connection: {said}")),
        None => Error::new(Code::Unavailable, format!("the server takes no further calls: {said}")),
    };
    Said::Leaving { last: Some(header.id), error }
}
