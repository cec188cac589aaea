//! Headers and bodies of `net/rpc`: four state machines between bytes and messages.
//!
//! A message is two gob values, header and body; definitions come before the value that first needs them.
//! A body that does not end where its message ends (Go splits values at interfaces) is found whole by the
//! gob reader before anybody decodes it.

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use ferrywire_gob::{Messages, Next};
use serde::{Deserialize, Serialize};

use super::header::{Header, HeaderReader, Kind, REQUEST_DEFINITION, RESPONSE_DEFINITION, put_header};
use super::{CANCEL, words};
use crate::body::{Body, Written};
use crate::codec::{Format, Preamble, Shape, Told};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::message::{Answered, Ask, Asked, Head, Missing, Read, Said, Wanted};
use crate::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};

/// What comes with a withdrawal.
#[derive(Serialize, Deserialize)]
#[serde(rename = "CancelArgs")]
struct CancelArgs {
    #[serde(rename = "Seq", default)]
    seq: u64,
}

// ---- reading ----

/// Finds pairs of a header and a body in one direction of a connection.
#[derive(Debug)]
struct Pairs {
    messages: Messages,
    headers: HeaderReader,
    /// The header whose body has not come yet.
    header: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    method: Vec<u8>,
    seq: u64,
    error: Vec<u8>,
}

/// A header and where its body lies.
struct Pair<'b> {
    method: Cow<'b, [u8]>,
    seq: u64,
    error: Cow<'b, [u8]>,
    body: Result<(usize, usize)>,
    used: usize,
}

impl Pairs {
    fn new(kind: Kind, limits: &Limits) -> Self {
        let headers = HeaderReader::new(kind);
        Self { messages: Messages::new(limits.gob()), headers, header: None }
    }

    fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Read<Pair<'b>>> {
        let mut used = 0;
        let (method, seq, error) = match self.header.take() {
            Some(kept) => (kept.method.into(), kept.seq, kept.error.into()),
            None => {
                self.headers.notice(bytes);
                match self.messages.next(bytes)? {
                    Next::More { used, .. } => return Ok(Read::More { used }),
                    Next::End { .. } => return Ok(Read::End),
                    Next::Damaged { error, .. } => return Err(error.into()),
                    Next::Value { start, end, id } => {
                        let value = bytes.get(start..end).unwrap_or_default();
                        let header = self.headers.read(self.messages.types(), value, id)?;
                        used = end;
                        (header.method.into(), header.seq, header.error.into())
                    }
                    next => return Err(unknown(&next)),
                }
            }
        };
        let rest = bytes.get(used..).unwrap_or_default();
        let (body, taken) = match self.messages.next(rest)? {
            Next::More { used: taken, .. } => {
                let (method, error) = (Vec::from(method), Vec::from(error));
                self.header = Some(Kept { method, seq, error });
                return Ok(Read::More { used: used + taken });
            }
            Next::Value { start, end, .. } => (Ok((used + start, used + end)), end),
            Next::Damaged { end, error } => (Err(error.into()), end),
            // An empty message in a body's place: Go answers this with an error and goes on.
            Next::End { end } => (Err(Error::new(Code::InvalidArgument, "EOF").in_phase(Phase::Decode)), end),
            next => return Err(unknown(&next)),
        };
        Ok(Read::Message {
            message: Pair { method, seq, error, body, used: used + taken },
            used: used + taken,
        })
    }

    fn body<'b>(&'b self, bytes: &'b [u8], place: (usize, usize)) -> Body<'b> {
        let bytes = bytes.get(place.0..place.1).unwrap_or_default();
        Body { format: Format::Gob, bytes, types: Some(self.messages.types()), shared: None }
    }
}

/// The gob reader knows more than this one does.
#[cold]
fn unknown(next: &Next) -> Error {
    Error::new(Code::Internal, format!("{next:?} has no place in net/rpc"))
}

/// Reads the requests of a Go client.
#[derive(Debug)]
pub struct Requests {
    pairs: Pairs,
    method: Vec<u8>,
}

impl ReadRequests for Requests {
    type Tag = u64;
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { pairs: Pairs::new(Kind::Request, terms.limits), method: Vec::new() }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, u64, Infallible>>> {
        let pair = match self.pairs.read(bytes)? {
            Read::Message { message, .. } => message,
            Read::More { used } => return Ok(Read::More { used }),
            Read::End => return Ok(Read::End),
        };
        let method = match pair.method {
            Cow::Borrowed(method) => method,
            Cow::Owned(method) => {
                self.method = method;
                &self.method
            }
        };
        let body = pair.body.map(|place| self.pairs.body(bytes, place));
        if method == CANCEL.as_bytes()
            && let Ok(body) = &body
            && let Ok(target) = body.decode::<CancelArgs>()
        {
            let message = Asked::Cancel { target: target.seq, reply_to: Some(pair.seq) };
            return Ok(Read::Message { message, used: pair.used });
        }
        let method = Wanted::named(method);
        let ask = Ask { tag: pair.seq, method, body, packed: None, timeout: None, metadata: None };
        Ok(Read::Message { message: Asked::Call(ask), used: pair.used })
    }

    /// A withdrawal is told from a call by its header alone, and only where that is written as Go does.
    fn begins_request(&self, bytes: &[u8]) -> bool {
        match &self.pairs.header {
            Some(kept) => kept.method != CANCEL.as_bytes(),
            None => self.pairs.headers.peek(bytes).is_some_and(|method| method != Some(CANCEL.as_bytes())),
        }
    }
}

/// Reads the replies of a Go server.
#[derive(Debug)]
pub struct Replies {
    pairs: Pairs,
}

impl ReadReplies for Replies {
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { pairs: Pairs::new(Kind::Response, terms.limits) }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Infallible>>> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let pair = match self.pairs.read(rest)? {
                Read::Message { message, .. } => message,
                Read::More { used: taken } => return Ok(Read::More { used: used + taken }),
                Read::End => return Ok(Read::End),
            };
            used += pair.used;
            if pair.seq & WITHDRAWAL != 0 {
                continue;
            }
            let outcome = if pair.error.is_empty() {
                pair.body.map(|place| self.pairs.body(rest, place))
            } else {
                Err(remote_error(&pair.method, &pair.error))
            };
            let answered = Answered { id: pair.seq, outcome, packed: None, metadata: None };
            return Ok(Read::Message { message: Said::Answer(answered), used });
        }
    }
}

/// What a server's error text says. Go's own words for a method that is not there, this method's name
/// included, tell that nothing has run; other names are those of calls that the method itself made.
fn remote_error(method: &[u8], text: &[u8]) -> Error {
    if words::missing_in(text) == Some(method) {
        return Error::from_bytes(Code::Unimplemented, text).remote().not_executed();
    }
    Error::from_bytes(Code::Unknown, text).remote()
}

// ---- writing ----

/// Ids of withdrawals: their answers concern nobody. A call's id never has this bit.
const WITHDRAWAL: u64 = 1 << 63;

/// The body of an error reply: Go sends an empty struct, which its clients throw away.
static NOTHING: Shape = Shape::of::<()>();
static CANCEL_ARGS: Shape = Shape::of::<CancelArgs>();

/// Puts the definitions that the peer lacks in front of the body at `body_at`.
fn complete_body(told: &mut Told, out: &mut Vec<u8>, body_at: usize, preamble: Option<&'static Preamble>) {
    match preamble {
        Some(plan) if told.covers(plan) => {}
        Some(plan) => {
            let body = out.split_off(body_at);
            told.tell(plan, out);
            out.extend_from_slice(&body);
        }
        None => told.settle(out, body_at),
    }
}

/// Writes the replies that a Go client reads.
#[derive(Debug)]
pub struct ReplyWriter {
    told: Told,
    defined: bool,
}

impl ReplyWriter {
    fn define(&mut self, out: &mut Vec<u8>) {
        if !self.defined {
            self.defined = true;
            out.extend_from_slice(RESPONSE_DEFINITION);
        }
    }
}

impl WriteReplies for ReplyWriter {
    type Tag = u64;
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { told: Told::new(), defined: false }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &u64, method: &[u8], _format: Format) {
        if !self.defined {
            out.extend_from_slice(RESPONSE_DEFINITION);
        }
        put_header(out, Header { method, seq: *tag, error: b"" });
    }

    fn close(&mut self, out: &mut Vec<u8>, _at: usize, body_at: usize, _tag: &u64, written: Written) {
        self.defined = true;
        complete_body(&mut self.told, out, body_at, written.preamble);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], error: &Error) {
        self.define(out);
        put_header(out, Header { method, seq: *tag, error: error.message_bytes() });
        put_value(&mut self.told, out, &(), &NOTHING);
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], missing: Missing) {
        let text = words::of_missing(missing, method);
        self.refuse(out, tag, method, &Error::from_bytes(Code::Unimplemented, &text));
    }

    fn acknowledge(&mut self, out: &mut Vec<u8>, tag: &u64) {
        static ACKNOWLEDGED: Shape = Shape::of::<bool>();
        self.define(out);
        put_header(out, Header { method: CANCEL.as_bytes(), seq: *tag, error: b"" });
        put_value(&mut self.told, out, &true, &ACKNOWLEDGED);
    }

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

/// Appends a small value of our own as a body.
fn put_value<T: Serialize>(told: &mut Told, out: &mut Vec<u8>, value: &T, shape: &Shape) {
    let plan = shape.plan().expect("our own types have a gob form");
    told.tell(plan, out);
    plan.encode(value, out).expect("our own values have a gob form");
}

/// Writes the requests that a Go server reads.
#[derive(Debug)]
pub struct RequestWriter {
    told: Told,
    defined: bool,
}

impl RequestWriter {
    fn define(&mut self, out: &mut Vec<u8>) {
        if !self.defined {
            self.defined = true;
            out.extend_from_slice(REQUEST_DEFINITION);
        }
    }
}

impl WriteRequests for RequestWriter {
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { told: Told::new(), defined: false }
    }

    fn format(&self) -> Format {
        Format::Gob
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
        let preamble = written.preamble;
        self.define(out);
        put_header(out, Header { method: head.method.as_bytes(), seq: id, error: b"" });
        if let Some(plan) = preamble {
            self.told.tell(plan, out);
        }
        let body_at = out.len();
        out.extend_from_slice(body);
        if preamble.is_none() {
            self.told.settle(out, body_at);
        }
    }

    fn cancel(&mut self, out: &mut Vec<u8>, id: u64) {
        self.define(out);
        put_header(out, Header { method: CANCEL.as_bytes(), seq: id | WITHDRAWAL, error: b"" });
        put_value(&mut self.told, out, &CancelArgs { seq: id }, &CANCEL_ARGS);
    }

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_request_is_gos_byte_for_byte() {
        let mut out = Vec::new();
        let mut writer = RequestWriter::new(&Terms::new(&Limits::default()));

        writer.request(
            &mut out,
            0,
            &Head::of("Arith.Multiply"),
            None,
            &mut Written::default(),
            &mut b"\x03\x04\x00\x0e".to_vec(),
        );

        let expected =
            [REQUEST_DEFINITION, b"\x13\xff\x80\x01\x0eArith.Multiply\x00", b"\x03\x04\x00\x0e"].concat();
        assert_eq!(out, expected);
    }
}
