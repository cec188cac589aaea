//! Headers and bodies of `net/rpc`: four state machines between bytes and messages.
//!
//! A message is two gob values, header and body; definitions come before the value that first needs them.
//! A body that does not end where its message ends (Go splits values at interfaces) is found whole by the
//! gob reader before anybody decodes it.

use std::borrow::Cow;
use std::fmt;

use ferrywire_gob::{Messages, Next};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use super::CANCEL;
use crate::body::Body;
use crate::codec::{Format, Preamble, Shape, Told};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::message::{Answered, Ask, Asked, Head, Missing, Read};
use crate::protocol::{ReadReplies, ReadRequests, WriteReplies, WriteRequests};

/// Go's `rpc.Request`, and `rpc.Response` where there is an error text.
#[derive(Deserialize)]
#[serde(rename = "Header")]
struct Header<'b> {
    #[serde(rename = "ServiceMethod", default, borrow)]
    method: Text<'b>,
    #[serde(rename = "Seq", default)]
    seq: u64,
    #[serde(rename = "Error", default, borrow)]
    error: Text<'b>,
}

/// A Go string where it lies; it need not be UTF-8.
#[derive(Default)]
struct Text<'b>(&'b [u8]);

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(text.as_bytes()))
            }

            fn visit_borrowed_bytes<E>(self, text: &'de [u8]) -> std::result::Result<Text<'de>, E> {
                Ok(Text(text))
            }
        }

        deserializer.deserialize_str(Borrowed)
    }
}

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
    fn new(limits: &Limits) -> Self {
        Self { messages: Messages::new(limits.gob()), header: None }
    }

    fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Read<Pair<'b>>> {
        let mut used = 0;
        let (method, seq, error) = match self.header.take() {
            Some(kept) => (kept.method.into(), kept.seq, kept.error.into()),
            None => match self.messages.next(bytes)? {
                Next::More { used, .. } => return Ok(Read::More { used }),
                Next::End { .. } => return Ok(Read::End),
                Next::Damaged { error, .. } => return Err(error.into()),
                Next::Value { start, end, .. } => {
                    let value = bytes.get(start..end).unwrap_or_default();
                    let header: Header<'b> = self.messages.types().decode(value)?;
                    used = end;
                    (header.method.0.into(), header.seq, header.error.0.into())
                }
                next => return Err(unknown(&next)),
            },
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
        Body { format: Format::Gob, bytes, types: Some(self.messages.types()) }
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

    fn new(limits: &Limits) -> Self {
        Self { pairs: Pairs::new(limits), method: Vec::new() }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, u64>>> {
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
        let ask = Ask { tag: pair.seq, method, body, timeout: None, metadata: None };
        Ok(Read::Message { message: Asked::Call(ask), used: pair.used })
    }
}

/// Reads the replies of a Go server.
#[derive(Debug)]
pub struct Replies {
    pairs: Pairs,
}

impl ReadReplies for Replies {
    fn new(limits: &Limits) -> Self {
        Self { pairs: Pairs::new(limits) }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Answered<'b>>> {
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
                Err(remote_error(&pair.error))
            };
            return Ok(Read::Message { message: Answered { id: pair.seq, outcome }, used });
        }
    }
}

/// What a server's error text says. Go's own texts for what is not there tell that nothing has run.
fn remote_error(text: &[u8]) -> Error {
    const MISSING: [&[u8]; 3] =
        [SERVICE_MISSING.as_bytes(), METHOD_MISSING.as_bytes(), ILL_FORMED.as_bytes()];
    if MISSING.iter().any(|start| text.starts_with(start)) {
        return Error::from_bytes(Code::Unimplemented, text).remote().not_executed();
    }
    Error::from_bytes(Code::Unknown, text).remote()
}

// ---- writing ----

const SERVICE_MISSING: &str = "rpc: can't find service ";
const METHOD_MISSING: &str = "rpc: can't find method ";
const ILL_FORMED: &str = "rpc: service/method request ill-formed: ";

/// The id of both header types. No value of ours has it: the gob crate hands out ids from 65 on.
const HEADER_ID: [u8; 2] = [0xff, 0x80];

/// `type Request struct { ServiceMethod string; Seq uint64 }`, as Go defines it in a fresh process.
const REQUEST_DEFINITION: &[u8] =
    b"\x2e\x7f\x03\x01\x01\x07Request\x01\xff\x80\x00\x01\x02\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x00\x00";

/// `type Response struct { ServiceMethod string; Seq uint64; Error string }`, likewise.
const RESPONSE_DEFINITION: &[u8] =
    b"\x39\x7f\x03\x01\x01\x08Response\x01\xff\x80\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00";

/// Ids of withdrawals: their answers concern nobody. A call's id never has this bit.
const WITHDRAWAL: u64 = 1 << 63;

/// The body of an error reply: Go sends an empty struct, which its clients throw away.
static NOTHING: Shape = Shape::of::<()>();
static CANCEL_ARGS: Shape = Shape::of::<CancelArgs>();

/// Appends a header value: the fields that are not zero, each behind its distance from the one before.
fn put_header(out: &mut Vec<u8>, method: &[u8], seq: u64, error: &[u8]) {
    let mut field = 0u8;
    let mut distance = |of: u8| {
        let distance = of - field;
        field = of;
        distance
    };
    let mut fields = Fields::default();
    if !method.is_empty() {
        fields.method = distance(1);
    }
    if seq != 0 {
        fields.seq = distance(2);
    }
    if !error.is_empty() {
        fields.error = distance(3);
    }
    let len = HEADER_ID.len()
        + if fields.method == 0 { 0 } else { 1 + text_len(method) }
        + if fields.seq == 0 { 0 } else { 1 + uint_len(seq) }
        + if fields.error == 0 { 0 } else { 1 + text_len(error) }
        + 1;
    out.reserve(len + 9);
    put_uint(out, len as u64);
    out.extend_from_slice(&HEADER_ID);
    if fields.method != 0 {
        out.push(fields.method);
        put_text(out, method);
    }
    if fields.seq != 0 {
        out.push(fields.seq);
        put_uint(out, seq);
    }
    if fields.error != 0 {
        out.push(fields.error);
        put_text(out, error);
    }
    out.push(0);
}

#[derive(Default)]
struct Fields {
    method: u8,
    seq: u8,
    error: u8,
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_uint(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn put_uint(out: &mut Vec<u8>, value: u64) {
    if value < 128 {
        return out.push(value as u8);
    }
    let bytes = value.to_be_bytes();
    let zeros = (value.leading_zeros() / 8) as usize;
    out.push((zeros as u8).wrapping_sub(8));
    out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
}

fn uint_len(value: u64) -> usize {
    if value < 128 { 1 } else { 9 - (value.leading_zeros() / 8) as usize }
}

fn text_len(text: &[u8]) -> usize {
    uint_len(text.len() as u64) + text.len()
}

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

    fn new(_limits: &Limits) -> Self {
        Self { told: Told::new(), defined: false }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &u64, method: &[u8]) {
        if !self.defined {
            out.extend_from_slice(RESPONSE_DEFINITION);
        }
        put_header(out, method, *tag, b"");
    }

    fn close(&mut self, out: &mut Vec<u8>, body_at: usize, _tag: &u64, preamble: Option<&'static Preamble>) {
        self.defined = true;
        complete_body(&mut self.told, out, body_at, preamble);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], error: &Error) {
        self.define(out);
        put_header(out, method, *tag, error.message_bytes());
        put_value(&mut self.told, out, &(), &NOTHING);
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], missing: Missing) {
        let start = match missing {
            Missing::Dot => ILL_FORMED,
            Missing::Service => SERVICE_MISSING,
            Missing::Method => METHOD_MISSING,
        };
        let text = [start.as_bytes(), method].concat();
        self.refuse(out, tag, method, &Error::from_bytes(Code::Unimplemented, &text));
    }

    fn acknowledge(&mut self, out: &mut Vec<u8>, tag: &u64) {
        static ACKNOWLEDGED: Shape = Shape::of::<bool>();
        self.define(out);
        put_header(out, CANCEL.as_bytes(), *tag, b"");
        put_value(&mut self.told, out, &true, &ACKNOWLEDGED);
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
    fn new(_limits: &Limits) -> Self {
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
        preamble: Option<&'static Preamble>,
        body: &[u8],
    ) {
        self.define(out);
        put_header(out, head.method.as_bytes(), id, b"");
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
        put_header(out, CANCEL.as_bytes(), id | WITHDRAWAL, b"");
        put_value(&mut self.told, out, &CancelArgs { seq: id }, &CANCEL_ARGS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_request_is_gos_byte_for_byte() {
        let mut out = Vec::new();
        let mut writer = RequestWriter::new(&Limits::default());

        writer.request(&mut out, 0, &Head { method: "Arith.Multiply" }, None, b"\x03\x04\x00\x0e");

        let expected =
            [REQUEST_DEFINITION, b"\x13\xff\x80\x01\x0eArith.Multiply\x00", b"\x03\x04\x00\x0e"].concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn a_sequence_number_of_zero_is_left_out_as_go_does() {
        let mut out = Vec::new();

        put_header(&mut out, b"Arith.X", 0, b"no");
        put_header(&mut out, b"", 300, b"");

        assert_eq!(out, b"\x10\xff\x80\x01\x07Arith.X\x02\x02no\x00\x07\xff\x80\x02\xfe\x01\x2c\x00");
    }
}
