//! Replies: how a client reads them, in either version and from servers of every kind, and how a server writes them.

use super::fault;
use super::frame::{Frame, Frames, Object};
use super::gathering::Gathering;
use super::requests::says_two;
use super::scan::Key;
use super::{Id, Tag, Version, Word, text};
use crate::body::{Body, Written};
use crate::codec::{Form, Format};
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::message::{Answered, Missing, Read, Said};
use crate::protocol::go_words;
use crate::protocol::{ReadReplies, Terms, Unsent, WriteReplies};

/// Reads replies, and what a server asks of its client. What it tells is passed over.
#[derive(Debug)]
pub struct Replies {
    frames: Frames,
}

impl ReadReplies for Replies {
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        Self { frames: Frames::new(terms.limits) }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Word>>> {
        let mut used = 0;
        loop {
            let object = match self.frames.read(bytes.get(used..).unwrap_or_default())? {
                Read::More { used: taken } => return Ok(Read::More { used: used + taken }),
                Read::End => return Ok(Read::End),
                Read::Message { message: Frame::Object(object), used: taken } => {
                    used += taken;
                    object
                }
                Read::Message { used: taken, .. } => {
                    used += taken;
                    continue;
                }
            };
            let (result, error) = (object.get(Key::Result), object.given(Key::Error));
            if object.get(Key::Method).is_some() && result.is_none() && error.is_none() {
                match object.given(Key::Id) {
                    Some(id) => return Ok(Read::Message { message: Said::Word(asked(&object, id)), used }),
                    None => continue,
                }
            }
            let id = match (object.given(Key::Id), error) {
                (Some(id), _) => id_of(id),
                (None, None) => NOBODYS,
                (None, Some(error)) => return Err(unreadable(error)),
            };
            let outcome = outcome(result, error);
            let answered = Answered { id, outcome, packed: None, metadata: None };
            return Ok(Read::Message { message: Said::Answer(answered), used });
        }
    }
}

/// The longest parameters that are said back, in bytes.
const ECHO_LEN_MAX: usize = 4 << 10;

/// What a server asks, and the answer if it is that the server wants to hear itself.
#[cold]
fn asked(object: &Object<'_>, id: &[u8]) -> Word {
    let method = object.get(Key::Method).and_then(text::content).unwrap_or_default();
    let method = text::unescaped(method).into_owned();
    let params = object.given(Key::Params).unwrap_or(b"[]");
    let echo = (method == b"echo" && params.len() <= ECHO_LEN_MAX).then(|| text::compacted(params));
    let version = if says_two(object) { Version::Two } else { Version::One };
    Word::Asked { tag: Tag { id: Id::new(id), version, is_awaited: true, element: None }, method, echo }
}

/// Answers what a server asked of its client. That keeps both busy, and nothing else.
pub(super) fn answer(out: &mut Vec<u8>, word: Word) -> bool {
    let Word::Asked { tag, method, echo } = word else {
        return false;
    };
    match echo {
        Some(echo) => {
            begin(out, &tag);
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(&echo);
            end_reply(out, tag.version);
        }
        None => put_refusal(out, &tag, &missing_error(&tag, &method, Missing::Method)),
    }
    out.push(b'\n');
    true
}

fn outcome<'b>(result: Option<&'b [u8]>, error: Option<&'b [u8]>) -> Result<Body<'b>> {
    match error {
        Some(error) => Err(fault::read(error)),
        None => {
            Ok(Body { format: Format::Json, bytes: result.unwrap_or(b"null"), types: None, shared: None })
        }
    }
}

/// What the only reply there can be says, whatever id it has: some servers have none for what they could not read.
pub(super) fn only<'b>(bytes: &'b [u8], limits: &Limits) -> Option<Result<Body<'b>>> {
    let (mut frames, mut rest) = (Frames::new(limits), bytes);
    loop {
        let Ok(Read::Message { message, used }) = frames.read(rest) else {
            return None;
        };
        if let Frame::Object(object) = message {
            let (result, error) = (object.get(Key::Result), object.given(Key::Error));
            // Other programs' errors have members of these names too.
            let is_reply = object.get(Key::Id).is_some() || object.get(Key::Version).is_some();
            if is_reply && (result.is_some() || error.is_some()) {
                return Some(outcome(result, error));
            }
        }
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// The id of no call.
const NOBODYS: u64 = u64::MAX;

/// The id of our call; some servers spell a number in another way than it was sent.
fn id_of(value: &[u8]) -> u64 {
    let text = std::str::from_utf8(text::content(value).unwrap_or(value)).unwrap_or_default();
    let spelled = || text.parse::<f64>().ok().filter(|id| id.fract() == 0.0 && (0.0..9e15).contains(id));
    text.parse().ok().or_else(|| spelled().map(|id| id as u64)).unwrap_or(NOBODYS)
}

/// Our calls all have ids: an error without one is about something that could not be read.
#[cold]
fn unreadable(error: &[u8]) -> Error {
    let text = format!("it could not read what it was sent: {}", fault::read(error).message());
    Error::new(Code::Unavailable, text)
}

// ---- writing ----

/// Writes replies, each in the version of its request.
#[derive(Debug)]
pub struct ReplyWriter {
    gathering: Gathering,
    /// The longest error, in bytes.
    len_max: usize,
    /// What was no request, in a row, and how much of that is borne.
    refused: usize,
    refused_max: usize,
}

impl WriteReplies for ReplyWriter {
    type Tag = Tag;
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        let (len_max, refused_max) = (terms.limits.frame_len_max, terms.limits.undecodable_bodies_max);
        Self { gathering: Gathering::new(len_max), len_max, refused: 0, refused_max }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &Tag, _method: &[u8], _format: Format) {
        begin(out, tag);
        out.extend_from_slice(b",\"result\":");
    }

    fn close(&mut self, out: &mut Vec<u8>, at: usize, body_at: usize, tag: &Tag, written: Written) {
        if tag.version == Version::One && out.get(body_at..) == Some(b"null") {
            if written.form != Form::Nothing {
                out.truncate(at);
                let text = "the reply is null, for which Go's clients give up their connection";
                return self.refuse(out, tag, b"", &Error::new(Code::FailedPrecondition, text));
            }
            out.truncate(body_at);
            out.extend_from_slice(b"{}");
        }
        end_reply(out, tag.version);
        self.refused = 0;
        self.end(out, at, tag);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Tag, _method: &[u8], error: &Error) {
        let at = out.len();
        put_refusal(out, tag, error);
        let len = out.len() - at;
        // A text grows where its letters are escaped, and details come on top of it.
        if len > self.len_max {
            out.truncate(at);
            let text = format!("an error of {len} bytes is over the limit of {}", self.len_max);
            put_refusal(out, tag, &Error::new(error.code(), text));
        }
        self.end(out, at, tag);
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &Tag, method: &[u8], missing: Missing) {
        self.refuse(out, tag, method, &missing_error(tag, method, missing));
    }

    // Nothing is ever withdrawn.
    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &Tag) {}

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> Result<bool> {
        let (tag, number, text, is_end) = match word {
            Word::List { number, len } => {
                self.gathering.begin(number, len);
                return Ok(false);
            }
            Word::ListEnd { number } => {
                self.gathering.note_read(number);
                return Ok(false);
            }
            Word::Refused { tag, number, text, is_end } => (tag, number, text, is_end),
            // Only servers ask so, and this is one.
            Word::Asked { .. } => return Ok(false),
        };
        let at = out.len();
        begin(out, &tag);
        out.extend_from_slice(b",\"error\":");
        fault::put_plain(out, number, &text);
        out.push(b'}');
        self.end(out, at, &tag);
        self.refused += 1;
        match self.refused > self.refused_max {
            _ if is_end => Err(Error::new(Code::InvalidArgument, text)),
            true => Err(Error::new(Code::InvalidArgument, "too much that is no request")),
            false => Ok(false),
        }
    }

    #[inline]
    fn unsent(&self) -> Unsent {
        Unsent { kept: self.gathering.held(), ..Unsent::default() }
    }

    fn leave(&mut self, out: &mut Vec<u8>, last: Option<&Tag>, _error: Option<&Error>) {
        self.gathering.close(out, last.and_then(|tag| tag.element));
    }
}

impl ReplyWriter {
    /// From `at` on, `out` holds a whole reply.
    fn end(&mut self, out: &mut Vec<u8>, at: usize, tag: &Tag) {
        if !tag.is_awaited {
            out.truncate(at);
        }
        match tag.element {
            Some(element) => self.gathering.end(out, at, element, tag.id.as_bytes()),
            None if tag.is_awaited => out.push(b'\n'),
            None => {}
        }
    }
}

/// What ends a reply that has a result.
fn end_reply(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(match version {
        Version::One => b",\"error\":null}",
        Version::Two => b"}",
    });
}

/// The error of a method that is not there.
fn missing_error(tag: &Tag, method: &[u8], missing: Missing) -> Error {
    match tag.version {
        Version::One => Error::from_bytes(Code::Unimplemented, &go_words::of_missing(missing, method)),
        Version::Two => missing.error(method),
    }
}

/// Appends an error reply, without what ends it on its stream.
fn put_refusal(out: &mut Vec<u8>, tag: &Tag, error: &Error) {
    begin(out, tag);
    match tag.version {
        Version::One => {
            out.extend_from_slice(b",\"result\":null,\"error\":");
            text::put(out, error.message_bytes());
        }
        Version::Two => {
            out.extend_from_slice(b",\"error\":");
            fault::put(out, error);
        }
    }
    out.push(b'}');
}

/// What every reply begins with.
fn begin(out: &mut Vec<u8>, tag: &Tag) {
    out.extend_from_slice(match tag.version {
        Version::One => b"{\"id\":" as &[u8],
        Version::Two => b"{\"jsonrpc\":\"2.0\",\"id\":",
    });
    out.extend_from_slice(tag.id.as_bytes());
}
