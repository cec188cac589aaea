//! Requests: how a server reads the greeting and them, and how a client writes both.

use std::convert::Infallible;
use std::time::Duration;

use super::frame::{self, Frames};
use super::header::{Echo, Header};
use super::recognise::{GREETING, recognises};
use crate::body::{Body, Written};
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::message::{Ask, Asked, Head, Read, Wanted, split_method};
use crate::protocol::recognition::Recognition;
use crate::protocol::{ReadRequests, Terms, WriteRequests};

// ---- reading ----

/// Reads the greeting of a client, and its requests.
#[derive(Debug)]
pub struct Requests {
    frames: Frames,
    /// How many bytes of the greeting are still to come.
    greeting_len: usize,
    /// `Service.Method` of the latest request.
    method: Vec<u8>,
}

impl ReadRequests for Requests {
    type Tag = Echo;
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { frames: Frames::new(terms.limits), greeting_len: GREETING.len(), method: Vec::new() }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, Echo, Infallible>>> {
        let behind = self.greeting_len;
        if behind > 0 {
            match recognises(bytes) {
                Recognition::Undecided => return Ok(Read::More { used: 0 }),
                Recognition::Yes => self.greeting_len = 0,
                Recognition::No => {
                    let found = crate::error::shown(bytes.get(..GREETING.len()).unwrap_or(bytes));
                    let text = format!("`{found}`, expected `{}`", crate::error::shown(GREETING));
                    return Err(Error::new(Code::InvalidArgument, text));
                }
            }
        }
        let Some(frame) = self.frames.next(bytes.get(behind..).unwrap_or_default())? else {
            return Ok(Read::More { used: behind });
        };
        let (header, damage) = Header::read(frame.header);
        self.method.clear();
        self.method.extend_from_slice(header.service);
        self.method.push(b'.');
        self.method.extend_from_slice(header.method);
        let body = Body { format: Format::Protobuf, bytes: frame.body, types: None, shared: None };
        let ask = Ask {
            tag: Echo::of(&header),
            method: Wanted::named(&self.method),
            body: damage.map(|()| body).map_err(Error::not_executed),
            packed: None,
            timeout: (header.timeout > 0).then(|| Duration::from_nanos(header.timeout)),
            metadata: None,
        };
        Ok(Read::Message { message: Asked::Call(ask), used: behind + frame.used })
    }
}

// ---- writing ----

/// Writes the greeting of a client, and its requests.
#[derive(Debug)]
pub struct RequestWriter {
    /// How long callers wait that do not say so.
    call_timeout: Duration,
}

impl WriteRequests for RequestWriter {
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { call_timeout: terms.limits.call_timeout }
    }

    fn format(&self) -> Format {
        Format::Protobuf
    }

    fn greet(&mut self, out: &mut Vec<u8>, _terms: &Terms<'_>) {
        out.extend_from_slice(GREETING);
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        timeout: Option<Duration>,
        _written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        let name = head.method.as_bytes();
        let (service, method) = split_method(name).unwrap_or((b"", name));
        let (id, timeout) = (number_of_id(id), nanoseconds(timeout.unwrap_or(self.call_timeout)));
        Header { service, method, id, timeout, ..Header::default() }.put(out);
        frame::begin(out);
        let at = out.len();
        out.extend_from_slice(body);
        frame::end(out, at);
    }

    // The wire has no word for it: the reply will find nobody waiting.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

/// The number on the wire of a call with this id: those count from 0, ids from 1 and beyond 32 bits.
pub(super) fn number_of_id(id: u64) -> u32 {
    id.wrapping_sub(1) as u32
}

/// As many nanoseconds as Go can count; one at least, as none is no timeout.
fn nanoseconds(length: Duration) -> u64 {
    let most = i64::MAX as u64;
    u64::try_from(length.as_nanos()).unwrap_or(most).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    /// A stream of Go's client: `MyService.Func` within a second, and again without a timeout.
    const STREAM: &[u8] = b"{\"MagicNumber\":21913,\"CodeType\":0}\
        \0\0\0\x17\x0a\x09MyService\x12\x04Func\x28\x80\x94\xeb\xdc\x03\0\0\0\x07\x0a\x05hello\
        \0\0\0\x13\x0a\x09MyService\x12\x04Func\x18\x01\0\0\0\x04\x0a\x02hi";

    #[test]
    fn a_stream_of_gos_client_is_read_whatever_the_cut() {
        for cut in 0..=STREAM.len() {
            let limits = Limits::default();
            let (mut reader, mut read, mut at) = (Requests::new(&Terms::new(&limits)), Vec::new(), 0);
            for shown in [&STREAM[..cut], STREAM] {
                loop {
                    match reader.read(&shown[at..]).unwrap() {
                        Read::Message { message: Asked::Call(ask), used } => {
                            at += used;
                            let name = String::from_utf8_lossy(ask.method.name().unwrap()).into_owned();
                            let body = ask.body.unwrap();
                            assert_eq!(body.format, Format::Protobuf);
                            read.push((ask.tag.id(), name, ask.timeout, body.bytes.to_vec()));
                        }
                        Read::More { used } => {
                            at += used;
                            break;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }

            let name = "MyService.Func".to_owned();
            let second = Some(Duration::from_secs(1));
            let expected = [
                (0, name.clone(), second, b"\x0a\x05hello".to_vec()),
                (1, name, None, b"\x0a\x02hi".to_vec()),
            ];
            assert_eq!(read, expected, "cut at {cut}");
            assert_eq!(at, STREAM.len());
        }
    }

    #[test]
    fn requests_are_gos_byte_for_byte() {
        let limits = Limits::default();
        let terms = Terms::new(&limits);
        let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
        writer.greet(&mut out, &terms);
        let (head, second) = (Head::of("MyService.Func"), Some(Duration::from_secs(1)));

        writer.request(&mut out, 1, &head, second, &mut Written::default(), &mut b"\x0a\x05hello".to_vec());

        assert_eq!(out, STREAM[..34 + 4 + 0x17 + 4 + 7]);
    }

    #[test]
    fn every_call_names_the_time_for_which_its_caller_waits() {
        for (said, nanos) in [
            (Some(Duration::from_millis(100)), &b"\x80\xc2\xd7\x2f"[..]),
            (None, b"\x80\xc8\xaf\xa0\x25"),
            (Some(Duration::ZERO), b"\x01"),
            (Some(Duration::MAX), b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        ] {
            let mut out = Vec::new();
            let mut writer = RequestWriter::new(&Terms::new(&Limits::default()));

            writer.request(&mut out, 1, &Head::of("S.M"), said, &mut Written::default(), &mut Vec::new());

            assert_eq!(out[4..], [b"\x0a\x01S\x12\x01M\x28", nanos, b"\0\0\0\0"].concat());
        }
    }
}
