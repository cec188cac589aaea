//! Headers and bodies of `net/rpc`: four state machines between bytes and messages.

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CANCEL, REQUEST, RESPONSE};
use crate::body::Written;
use crate::codec::{Format, Shape};
use crate::error::{Code, Error, Result};
use crate::message::{Answered, Ask, Asked, Head, Missing, Read, Said, Wanted};
use crate::protocol::go_words;
use crate::protocol::pairs::{Header, PairWriter, Pairs};
use crate::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};

/// What comes with a withdrawal.
#[derive(Serialize, Deserialize)]
#[serde(rename = "CancelArgs")]
struct CancelArgs {
    #[serde(rename = "Seq", default)]
    seq: u64,
}

// ---- reading ----

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
        Self { pairs: Pairs::new(REQUEST, terms.limits), method: Vec::new() }
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
        self.pairs.next_method(bytes).is_some_and(|method| method != Some(CANCEL.as_bytes()))
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
        Self { pairs: Pairs::new(RESPONSE, terms.limits) }
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
    if go_words::missing_in(text) == Some(method) {
        return Error::from_bytes(Code::Unimplemented, text).remote().not_executed();
    }
    Error::from_bytes(Code::Unknown, text).remote()
}

// ---- writing ----

/// Ids of withdrawals: their answers concern nobody. A call's id never has this bit.
const WITHDRAWAL: u64 = 1 << 63;

static CANCEL_ARGS: Shape = Shape::of::<CancelArgs>();

/// Writes the replies that a Go client reads.
#[derive(Debug)]
pub struct ReplyWriter {
    pairs: PairWriter,
}

impl WriteReplies for ReplyWriter {
    type Tag = u64;
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { pairs: PairWriter::new(RESPONSE) }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &u64, method: &[u8], _format: Format) {
        self.pairs.open(out, Header { method, seq: *tag, error: b"" });
    }

    fn close(&mut self, out: &mut Vec<u8>, _at: usize, body_at: usize, _tag: &u64, written: Written) {
        self.pairs.close(out, body_at, written.preamble);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], error: &Error) {
        self.pairs.put_header(out, Header { method, seq: *tag, error: error.message_bytes() });
        self.pairs.put_nothing(out);
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &u64, method: &[u8], missing: Missing) {
        let text = go_words::of_missing(missing, method);
        self.refuse(out, tag, method, &Error::from_bytes(Code::Unimplemented, &text));
    }

    fn acknowledge(&mut self, out: &mut Vec<u8>, tag: &u64) {
        static ACKNOWLEDGED: Shape = Shape::of::<bool>();
        self.pairs.put_header(out, Header { method: CANCEL.as_bytes(), seq: *tag, error: b"" });
        self.pairs.put_value(out, &true, &ACKNOWLEDGED);
    }

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

/// Writes the requests that a Go server reads.
#[derive(Debug)]
pub struct RequestWriter {
    pairs: PairWriter,
}

impl WriteRequests for RequestWriter {
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { pairs: PairWriter::new(REQUEST) }
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
        self.pairs.put_header(out, Header { method: head.method.as_bytes(), seq: id, error: b"" });
        self.pairs.put_body(out, body, written.preamble);
    }

    fn cancel(&mut self, out: &mut Vec<u8>, id: u64) {
        self.pairs.put_header(out, Header { method: CANCEL.as_bytes(), seq: id | WITHDRAWAL, error: b"" });
        self.pairs.put_value(out, &CancelArgs { seq: id }, &CANCEL_ARGS);
    }

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

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
            [REQUEST.definition, b"\x13\xff\x80\x01\x0eArith.Multiply\x00", b"\x03\x04\x00\x0e"].concat();
        assert_eq!(out, expected);
    }
}
