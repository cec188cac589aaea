//! Requests: how a server reads them, in either version, and how a client writes them, in one of both.

use std::time::Duration;

use super::fault::ErrorCode;
use super::frame::{Frame, Frames, Object};
use super::replies;
use super::scan::Key;
use super::{Element, Id, Tag, Version, Word, text};
use crate::body::{Body, Written};
use crate::codec::{Form, Format, Json};
use crate::error::{Code, Error, Phase, Result};
use crate::message::{Ask, Asked, Head, Read, Wanted};
use crate::protocol::{ReadRequests, Terms, WriteRequests};

/// Reads requests of both versions.
#[derive(Debug)]
pub struct Requests {
    frames: Frames,
    id_len_max: usize,
    /// A method's name, where it does not lie in the bytes as it is.
    method: Vec<u8>,
    /// The version of the latest request.
    latest: Option<Version>,
    /// The number of the latest list.
    lists: u32,
    /// Why nothing more can be read.
    broken: Option<Error>,
}

impl ReadRequests for Requests {
    type Tag = Tag;
    type Word = Word;

    fn new(terms: &Terms<'_>) -> Self {
        Self {
            frames: Frames::new(terms.limits),
            id_len_max: terms.limits.json_id_len_max,
            method: Vec::new(),
            latest: None,
            lists: 0,
            broken: None,
        }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Tag, Word>>> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let (frame, used) = match self.frames.read(bytes) {
            Ok(Read::Message { message, used }) => (message, used),
            Ok(Read::More { used }) => return Ok(Read::More { used }),
            Ok(Read::End) => return Ok(Read::End),
            Err(error) => return self.give_up(error),
        };
        let message = match frame {
            Frame::Object(object) if says_two(&object) => self.second(&object),
            Frame::Object(Object { element: Some(at), .. }) => {
                let text = "a request in a list says \"jsonrpc\":\"2.0\"";
                refused(self.tag(Id::null(), Some(at)), ErrorCode::INVALID_REQUEST, text)
            }
            Frame::Object(object) => self.first(&object)?,
            Frame::List(0) => {
                refused(self.tag(Id::null(), None), ErrorCode::INVALID_REQUEST, "a list without requests")
            }
            Frame::List(len) => {
                self.lists = self.lists.wrapping_add(1);
                Asked::Word(Word::List { number: self.lists, len })
            }
            Frame::ListEnd => Asked::Word(Word::ListEnd { number: self.lists }),
            Frame::LongList(len) => {
                let text = format!("a list of {len} requests is over the limit");
                refused(self.tag(Id::null(), None), ErrorCode::INVALID_REQUEST, text)
            }
            Frame::Other(at) => {
                refused(self.tag(Id::null(), Some(at)), ErrorCode::INVALID_REQUEST, "expected an object")
            }
        };
        Ok(Read::Message { message, used })
    }
}

impl Requests {
    /// Nothing behind this can be read. A peer that has spoken 1.0 is not told: Go's servers say nothing either.
    #[cold]
    fn give_up<'b>(&mut self, error: Error) -> Result<Read<Asked<'b, Tag, Word>>> {
        self.broken = Some(error.clone());
        if self.latest == Some(Version::One) {
            return Err(error);
        }
        let number = match error.code() {
            Code::ResourceExhausted => ErrorCode::INVALID_REQUEST,
            _ => ErrorCode::PARSE_ERROR,
        };
        let (tag, text) = (self.tag(Id::null(), None), error.message().to_owned());
        let message = Asked::Word(Word::Refused { tag, number, text, is_end: true });
        Ok(Read::Message { message, used: 0 })
    }

    /// The tag of a request of 2.0 that is answered.
    fn tag(&self, id: Id, element: Option<usize>) -> Tag {
        let element = element.map(|at| Element { list: self.lists, at });
        Tag { id, version: Version::Two, is_awaited: true, element }
    }

    /// A request of 1.0.
    ///
    /// # Errors
    ///
    /// Where Go closes the connection.
    fn first<'b>(&'b mut self, object: &Object<'b>) -> Result<Asked<'b, Tag, Word>> {
        self.latest = Some(Version::One);
        let id = match object.get(Key::Id) {
            Some(id) => self.id(id)?,
            None => Id::null(),
        };
        let method = match object.given(Key::Method) {
            Some(method) => self.name(method).ok_or_else(|| {
                Error::new(Code::InvalidArgument, "a method is named by a text").in_phase(Phase::Decode)
            })?,
            None => b"",
        };
        let body = match object.given(Key::Params) {
            None => Err(undecodable("jsonrpc: request body missing params")),
            Some(params) if params.starts_with(b"[") => {
                match object.members.place(Key::Params).first(object.bytes) {
                    (b"" | b"null", _) => Ok(Json::ZERO),
                    (first, _) => Ok(first),
                }
            }
            Some(params) => {
                let kind = kind_of(params);
                Err(undecodable(format!(
                    "json: cannot unmarshal {kind} into Go value of type [1]interface {{}}"
                )))
            }
        };
        Ok(call(Tag { id, version: Version::One, is_awaited: true, element: None }, method, body))
    }

    /// A request of 2.0.
    fn second<'b>(&'b mut self, object: &Object<'b>) -> Asked<'b, Tag, Word> {
        self.latest = Some(Version::Two);
        let (id, is_awaited) = match object.get(Key::Id) {
            None => (Id::null(), false),
            Some(id) if id.starts_with(b"{") || id.starts_with(b"[") || id == b"true" || id == b"false" => {
                let tag = self.tag(Id::null(), object.element);
                return refused(tag, ErrorCode::INVALID_REQUEST, "an id is a text, a number or null");
            }
            Some(id) => match self.id(id) {
                Ok(id) => (id, true),
                Err(error) => {
                    let tag = self.tag(Id::null(), object.element);
                    return refused(tag, ErrorCode::INVALID_REQUEST, error.message());
                }
            },
        };
        // What is no request is answered, even if it has no id that could be repeated.
        let mut tag = self.tag(id, object.element);
        let body = match (object.given(Key::Params), object.members.place(Key::Params)) {
            (None, _) => b"{}",
            (Some(params), place) if params.starts_with(b"[") => match place.first(object.bytes) {
                (only, false) if !only.is_empty() => only,
                _ => params,
            },
            (Some(params), _) if params.starts_with(b"{") => params,
            (Some(_), _) => {
                return refused(tag, ErrorCode::INVALID_REQUEST, "parameters are an object or a list");
            }
        };
        let Some(method) = object.get(Key::Method).and_then(|method| self.name(method)) else {
            return refused(tag, ErrorCode::INVALID_REQUEST, "a method is named by a text");
        };
        tag.is_awaited = is_awaited;
        call(tag, method, Ok(body))
    }

    fn id(&self, value: &[u8]) -> Result<Id> {
        if value.len() > self.id_len_max {
            let text = format!("an id of {} bytes is over the limit of {}", value.len(), self.id_len_max);
            return Err(Error::new(Code::InvalidArgument, text));
        }
        if std::str::from_utf8(value).is_err() {
            return Err(Error::new(Code::InvalidArgument, "an id that is not UTF-8"));
        }
        Ok(Id::new(value))
    }

    /// The name that a text is; where it has escapes it is put together here.
    fn name<'b>(&'b mut self, value: &'b [u8]) -> Option<&'b [u8]> {
        let content = text::content(value)?;
        if !content.contains(&b'\\') {
            return Some(content);
        }
        self.method = text::unescaped(content).into_owned();
        Some(&self.method)
    }
}

pub(super) fn says_two(object: &Object<'_>) -> bool {
    object.get(Key::Version) == Some(b"\"2.0\"")
}

/// A call, for whichever version.
fn call<'b>(tag: Tag, method: &'b [u8], body: Result<&'b [u8]>) -> Asked<'b, Tag, Word> {
    let body = body.map(|bytes| Body { format: Format::Json, bytes, types: None, shared: None });
    let method = Wanted::named(method);
    Asked::Call(Ask { tag, method, body, packed: None, timeout: None, metadata: None })
}

fn refused<'b>(tag: Tag, number: ErrorCode, text: impl Into<String>) -> Asked<'b, Tag, Word> {
    Asked::Word(Word::Refused { tag, number, text: text.into(), is_end: false })
}

fn undecodable(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode)
}

/// What Go calls a value.
fn kind_of(value: &[u8]) -> &'static str {
    match value.first() {
        Some(b'{') => "object",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        _ => "number",
    }
}

// ---- writing ----

/// Writes requests of 2.0.
#[derive(Debug)]
pub struct RequestWriter;

impl WriteRequests for RequestWriter {
    type Word = Word;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn format(&self) -> Format {
        Format::Json
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        _timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":");
        text::put(out, head.method.as_bytes());
        match (body.first(), written.form) {
            (_, Form::Nothing) => {}
            (Some(b'{'), _) | (_, Form::Tuple) => put(out, &[b",\"params\":", body]),
            _ => put(out, &[b",\"params\":[", body, b"]"]),
        }
        if !head.is_one_way {
            out.extend_from_slice(b",\"id\":");
            text::put_number(out, id);
        }
        out.extend_from_slice(b"}\n");
    }

    // The wire has no word for it: the reply will find nobody waiting.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> Result<bool> {
        Ok(replies::answer(out, word))
    }
}

/// Writes requests of 1.0, as Go's client does.
#[derive(Debug)]
pub struct RequestWriter1;

impl WriteRequests for RequestWriter1 {
    type Word = Word;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn format(&self) -> Format {
        Format::Json
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        _timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"method\":");
        text::put(out, head.method.as_bytes());
        let argument = if written.form == Form::Nothing { b"{}" } else { &body[..] };
        put(out, &[b",\"params\":[", argument, b"],\"id\":"]);
        text::put_number(out, id);
        out.extend_from_slice(b"}\n");
    }

    // The wire has no word for it: the reply will find nobody waiting.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, out: &mut Vec<u8>, word: Word) -> Result<bool> {
        Ok(replies::answer(out, word))
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
