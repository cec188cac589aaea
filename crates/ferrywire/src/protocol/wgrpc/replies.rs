//! Replies: how a client reads them, and how a server writes them, in the words of the client's family.

use std::time::Duration;

use super::greeting::nanoseconds;
use super::messages::Messages;
use super::requests::format_of;
use super::{Family, Greeting, HEADER, json, words};
use crate::body::Written;
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::message::{Answered, Missing, Read, Said};
use crate::protocol::pairs::{Header, PairWriter};
use crate::protocol::{ReadReplies, Terms, WriteReplies};

/// Reads the replies of a server of either family.
#[derive(Debug)]
pub struct Replies {
    messages: Messages,
}

impl ReadReplies for Replies {
    type Word = Greeting;

    fn new(terms: &Terms<'_>) -> Self {
        Self { messages: Messages::new(format_of(terms), terms.limits) }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Greeting>>> {
        let (message, used) = match self.messages.read(bytes)? {
            Read::Message { message, used } => (message, used),
            Read::More { used } => return Ok(Read::More { used }),
            Read::End => return Ok(Read::End),
        };
        let outcome = match message.error.is_empty() {
            true => message.body,
            false => Err(words::remote_error(&message.method, &message.error)),
        };
        let answered = Answered { id: message.seq, outcome, packed: None, metadata: None };
        Ok(Read::Message { message: Said::Answer(answered), used })
    }
}

// ---- writing ----

/// Writes replies, in the codec and the words that the Option asks for.
#[derive(Debug)]
pub struct ReplyWriter {
    greeting: Greeting,
    pairs: PairWriter,
    /// What a method is granted whose caller does not say, and the most that it is granted.
    handler_timeout: (Duration, Duration),
    /// The longest error reply, in bytes.
    len_max: usize,
}

impl WriteReplies for ReplyWriter {
    type Tag = u64;
    type Word = Greeting;

    fn new(terms: &Terms<'_>) -> Self {
        Self {
            greeting: Greeting { family: Family::WgRpc, format: Format::Gob, handle_timeout: 0 },
            pairs: PairWriter::new(HEADER),
            handler_timeout: (terms.limits.handler_timeout, terms.limits.handler_timeout_max),
            len_max: terms.limits.frame_len_max,
        }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &u64, method: &[u8], _format: Format) {
        match self.greeting.format {
            Format::Json => json::put_header(out, method, *tag, b""),
            _ => self.pairs.open(out, Header { method, seq: *tag, error: b"" }),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>, _at: usize, body_at: usize, _tag: &u64, written: Written) {
        match self.greeting.format {
            Format::Json => out.push(b'\n'),
            _ => self.pairs.close(out, body_at, written.preamble),
        }
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], error: &Error) {
        if self.greeting.format == Format::Json {
            return self.refuse_in_json(out, *tag, method, error.message_bytes());
        }
        self.pairs.put_header(out, Header { method, seq: *tag, error: error.message_bytes() });
        self.pairs.put_nothing(out);
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], missing: Missing) {
        let text = self.greeting.family.of_missing(missing, method);
        self.refuse(out, tag, method, &Error::from_bytes(Code::Unimplemented, &text));
    }

    fn refuse_late(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], _error: &Error) {
        let (usual, most) = self.handler_timeout;
        // What the client has asked for, in its own words, unless it is not what it got.
        let nanos = match self.greeting.handle_timeout {
            0 => nanoseconds(usual),
            asked => asked.min(nanoseconds(most)),
        };
        let text = self.greeting.family.of_late(nanos);
        self.refuse(out, tag, method, &Error::new(Code::DeadlineExceeded, text));
    }

    // Nothing is ever withdrawn.
    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Greeting) -> Result<bool> {
        self.greeting = word;
        Ok(false)
    }
}

impl ReplyWriter {
    fn refuse_in_json(&self, out: &mut Vec<u8>, seq: u64, method: &[u8], text: &[u8]) {
        let at = out.len();
        json::put_header(out, method, seq, text);
        let len = out.len() - at;
        // A text grows where its letters are escaped.
        if len > self.len_max {
            out.truncate(at);
            let text = format!("an error of {len} bytes is over the limit of {}", self.len_max);
            json::put_header(out, method, seq, text.as_bytes());
        }
        out.extend_from_slice(json::NOTHING);
    }
}
