//! Requests: how a server reads the Option and them, and how a client writes both.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use super::greeting::{GreetingReader, nanoseconds};
use super::json::{self, JsonPairs};
use super::messages::Messages;
use super::{Greeting, HEADER, Member};
use crate::body::Written;
use crate::codec::Format;
use crate::error::Result;
use crate::message::{Ask, Asked, Head, Read, Wanted};
use crate::protocol::pairs::{Header, PairWriter, Pairs};
use crate::protocol::{ReadRequests, Terms, WriteRequests};

// ---- reading ----

/// Reads the Option of a client, and its requests.
#[derive(Debug)]
pub struct Requests {
    phase: Phase,
    /// In gob, unless the Option says otherwise.
    messages: Messages,
    frame_len_max: usize,
    /// What the Option grants each method.
    timeout: Option<Duration>,
    /// A method's name, where it does not lie in the bytes as it is.
    method: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
enum Phase {
    Greeting(GreetingReader),
    /// Perhaps a line feed behind the Option, which belongs to it: no message begins with one.
    LineFeed,
    Messages,
}

impl ReadRequests for Requests {
    type Tag = u64;
    type Word = Greeting;

    fn new(terms: &Terms<'_>) -> Self {
        Self {
            phase: Phase::Greeting(GreetingReader::new(terms.limits.option_len_max)),
            messages: Messages::Gob(Pairs::new(HEADER, terms.limits)),
            frame_len_max: terms.limits.frame_len_max,
            timeout: None,
            method: Vec::new(),
        }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, u64, Greeting>>> {
        let line_feed = match &mut self.phase {
            Phase::Messages => 0,
            Phase::LineFeed if bytes.is_empty() => return Ok(Read::More { used: 0 }),
            Phase::LineFeed => usize::from(bytes.starts_with(b"\n")),
            Phase::Greeting(reader) => {
                let Some((greeting, used)) = reader.read(bytes)? else {
                    return Ok(Read::More { used: 0 });
                };
                return Ok(Read::Message { message: Asked::Word(self.greeted(greeting)), used });
            }
        };
        self.phase = Phase::Messages;
        let (message, used) = match self.messages.read(bytes.get(line_feed..).unwrap_or_default())? {
            Read::Message { message, used } => (message, line_feed + used),
            Read::More { used } => return Ok(Read::More { used: line_feed + used }),
            Read::End => return Ok(Read::End),
        };
        let method = match message.method {
            Cow::Borrowed(method) => method,
            Cow::Owned(method) => {
                self.method = method;
                &self.method
            }
        };
        let ask = Ask {
            tag: message.seq,
            method: Wanted::named(method),
            body: message.body,
            packed: None,
            timeout: self.timeout,
            metadata: None,
        };
        Ok(Read::Message { message: Asked::Call(ask), used })
    }

    fn usual_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

impl Requests {
    /// The Option is behind us.
    fn greeted(&mut self, greeting: Greeting) -> Greeting {
        if greeting.format == Format::Json {
            self.messages = Messages::Json(JsonPairs::new(self.frame_len_max));
        }
        (self.phase, self.timeout) = (Phase::LineFeed, greeting.timeout());
        greeting
    }
}

// ---- writing ----

/// Writes the Option of a client of the family of `P`, and its requests.
#[derive(Debug)]
pub struct RequestWriter<P> {
    format: Format,
    pairs: PairWriter,
    of: PhantomData<fn() -> P>,
}

/// The codec that was chosen, if the family has it.
pub(super) fn format_of(terms: &Terms<'_>) -> Format {
    if terms.format == Some(Format::Json) { Format::Json } else { Format::Gob }
}

impl<P: Member> WriteRequests for RequestWriter<P> {
    type Word = Greeting;

    fn new(terms: &Terms<'_>) -> Self {
        Self { format: format_of(terms), pairs: PairWriter::new(HEADER), of: PhantomData }
    }

    fn format(&self) -> Format {
        self.format
    }

    fn greet(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>) {
        let handle_timeout = nanoseconds(terms.limits.handler_timeout);
        let greeting = Greeting { family: P::FAMILY, format: self.format, handle_timeout };
        greeting.put(out, terms.limits.connect_timeout);
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
        // Ids begin at 1, as the family's do: a server that is out of step may answer with 0, which is nobody's.
        let (method, seq) = (head.method.as_bytes(), id);
        if self.format == Format::Json {
            json::put_header(out, method, seq, b"");
            out.extend_from_slice(body);
            return out.push(b'\n');
        }
        self.pairs.put_header(out, Header { method, seq, error: b"" });
        self.pairs.put_body(out, body, written.preamble);
    }

    // The wire has no word for it: the reply will find nobody waiting.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, _word: Greeting) -> Result<bool> {
        Ok(false)
    }
}
