//! Replies: how they are written at the server, and read at the client.

use super::frame::{Frames, Next, Put, word_of};
use super::header::{HEADER_LEN, Header, flag, kind, malformed};
use super::parts::{Cursor, Parts, put_metadata};
use super::{Tag, Word};
use crate::body::{Body, Written};
use crate::codec::{Format, Told};
use crate::error::{Code, Error, Result};
use crate::message::{Answered, Read, Said};
use crate::protocol::{Offer, ReadReplies, Terms, WriteReplies};

/// Writes what callers get.
#[derive(Debug)]
pub struct ReplyWriter {
    put: Put,
    /// The longest body that both sides take.
    body_len_max: usize,
}

impl WriteReplies for ReplyWriter {
    type Tag = Tag;
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        Self { put: Put::new(terms), body_len_max: terms.limits.frame_len_max }
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

    #[inline]
    fn close(&mut self, out: &mut Vec<u8>, at: usize, body_at: usize, tag: &Tag, written: Written) {
        if tag.is_one_way {
            return out.truncate(at);
        }
        let len = out.len() - body_at;
        if len > self.body_len_max {
            out.truncate(at);
            return self.refuse(out, tag, b"", &too_long("a reply", len, self.body_len_max));
        }
        if written.preamble.is_some() || written.metadata.is_some() {
            put_before_body(out, at, body_at, written);
        }
        self.put.finish(out, at);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Tag, _method: &[u8], error: &Error) {
        if tag.is_one_way {
            return;
        }
        let flags = if error.may_have_run() { kind::ERROR } else { kind::ERROR | flag::NOT_EXECUTED };
        let at = self.put.begin(out, flags, error.code() as u16, tag.id);
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

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> bool {
        if let Word::Hello(hello) = &word {
            self.body_len_max = self.body_len_max.min(hello.message_len_max as usize);
        }
        self.put.hear(out, &word)
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

/// Puts what belongs in front of a body there; few replies have such.
#[cold]
fn put_before_body(out: &mut Vec<u8>, at: usize, body_at: usize, written: Written) {
    let body = out.split_off(body_at);
    if let Some(metadata) = &written.metadata {
        let flags = put_metadata(out, metadata) & flag::METADATA;
        Put::flag(out, at, flags);
    }
    if let Some(plan) = written.preamble {
        Told::new().tell(plan, out);
    }
    out.extend_from_slice(&body);
    debug_assert!(body_at >= at + HEADER_LEN, "a body stands behind its header");
}

/// Reads what a server answers.
#[derive(Debug)]
pub struct Replies {
    frames: Frames,
}

impl ReadReplies for Replies {
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        Self { frames: Frames::new(terms) }
    }

    #[inline]
    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Word>>> {
        match self.frames.next(bytes)? {
            Next::Frame { header, payload, used } if header.flags == kind::RESPONSE => {
                let outcome = Ok(Body { format: Format::Postcard, bytes: payload, types: None });
                let answered = Answered { id: header.id, outcome, metadata: None };
                Ok(Read::Message { message: Said::Answer(answered), used })
            }
            Next::Frame { header, payload, used } if header.kind() == kind::RESPONSE => {
                let (parts, body) = Parts::read(header, payload)?;
                let outcome = parts.format().map(|format| Body { format, bytes: body, types: None });
                let answered = Answered { id: header.id, outcome, metadata: parts.metadata };
                Ok(Read::Message { message: Said::Answer(answered), used })
            }
            Next::More => Ok(Read::More { used: 0 }),
            Next::Frame { header, payload, used } => {
                Ok(Read::Message { message: other(header, payload)?, used })
            }
            Next::Hello { hello, used } => {
                Ok(Read::Message { message: Said::Word(Word::Hello(hello)), used })
            }
        }
    }
}

fn other<'b>(header: Header, payload: &[u8]) -> Result<Said<'b, Word>> {
    match header.kind() {
        kind::ERROR => {
            let (parts, body) = Parts::read(header, payload)?;
            let outcome = Err(read_error(header, body)?);
            Ok(Said::Answer(Answered { id: header.id, outcome, metadata: parts.metadata }))
        }
        kind::GO_AWAY => Ok(leaving(header, payload)),
        kind => match word_of(header, payload)? {
            Some(word) => Ok(Said::Word(word)),
            None => Err(malformed(format!("a frame of kind {kind} where nothing is offered"))),
        },
    }
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
