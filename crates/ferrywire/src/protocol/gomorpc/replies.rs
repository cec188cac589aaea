//! Replies: how a client reads them, and how a server writes them.

use std::convert::Infallible;

use super::frame::{self, Frames};
use super::header::{Echo, Header};
use super::numbers::{LATE, number_of, number_of_missing, remote_error};
use crate::body::{Body, Written};
use crate::codec::Format;
use crate::error::{Error, Result};
use crate::message::{Answered, Missing, Read, Said};
use crate::protocol::{ReadReplies, Terms, WriteReplies};

/// Reads the replies of a server.
#[derive(Debug)]
pub struct Replies {
    frames: Frames,
    /// The largest id that was answered.
    latest: u64,
}

impl ReadReplies for Replies {
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { frames: Frames::new(terms.limits), latest: 1 }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Infallible>>> {
        let Some(frame) = self.frames.next(bytes)? else {
            return Ok(Read::More { used: 0 });
        };
        let (header, damage) = Header::read(frame.header);
        // Whose reply it is cannot be known then.
        damage?;
        let outcome = match remote_error(header.error, header.service, header.method) {
            Some(error) => Err(error),
            None => Ok(Body { format: Format::Protobuf, bytes: frame.body, types: None, shared: None }),
        };
        let answered = Answered { id: self.id_of(header.id), outcome, packed: None, metadata: None };
        Ok(Read::Message { message: Said::Answer(answered), used: frame.used })
    }
}

impl Replies {
    /// The id of a call that has this number on the wire: of all with these 32 bits the one that is nearest to what was
    /// answered last. Calls that wait at the same time are not so far apart.
    fn id_of(&mut self, number: u32) -> u64 {
        let beyond = number.wrapping_add(1).wrapping_sub(self.latest as u32).cast_signed();
        match self.latest.checked_add_signed(beyond.into()) {
            None | Some(0) => NOBODYS,
            Some(id) => {
                self.latest = self.latest.max(id);
                id
            }
        }
    }
}

/// An id that no call ever has.
const NOBODYS: u64 = u64::MAX;

// ---- writing ----

/// Writes replies.
#[derive(Debug)]
pub struct ReplyWriter;

impl WriteReplies for ReplyWriter {
    type Tag = Echo;
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn open(&self, out: &mut Vec<u8>, tag: &Echo, _method: &[u8], _format: Format) {
        tag.put(out, 0);
        frame::begin(out);
    }

    fn close(&mut self, out: &mut Vec<u8>, _at: usize, body_at: usize, _tag: &Echo, _written: Written) {
        frame::end(out, body_at);
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &Echo, _method: &[u8], error: &Error) {
        put_error(out, tag, number_of(error));
    }

    fn refuse_missing(&mut self, out: &mut Vec<u8>, tag: &Echo, _method: &[u8], missing: Missing) {
        put_error(out, tag, number_of_missing(missing));
    }

    fn refuse_late(&mut self, out: &mut Vec<u8>, tag: &Echo, _method: &[u8], _error: &Error) {
        put_error(out, tag, LATE);
    }

    // Nothing is ever withdrawn.
    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &Echo) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}

/// Appends a reply that is a number and no message.
fn put_error(out: &mut Vec<u8>, tag: &Echo, number: u32) {
    tag.put(out, number);
    frame::begin(out);
}

#[cfg(test)]
mod tests {
    use super::super::requests::number_of_id;
    use super::*;
    use crate::error::Code;
    use crate::limits::Limits;

    fn reader() -> Replies {
        Replies::new(&Terms::new(&Limits::default()))
    }

    fn func() -> Echo {
        let header = Header { service: b"MyService", method: b"Func", ..Header::default() };
        Echo::of(&Header { timeout: 1_000_000_000, ..header })
    }

    #[test]
    fn replies_are_gos_byte_for_byte() {
        let mut writer = ReplyWriter::new(&Terms::new(&Limits::default()));
        let mut out = Vec::new();
        writer.open(&mut out, &func(), b"", Format::Protobuf);
        let body_at = out.len();
        out.extend_from_slice(b"\x0a\x0ahello--ret");
        writer.close(&mut out, 0, body_at, &func(), Written::default());
        writer.refuse_late(&mut out, &func(), b"", &Error::new(Code::DeadlineExceeded, "late"));

        let said =
            b"\0\0\0\x17\x0a\x09MyService\x12\x04Func\x28\x80\x94\xeb\xdc\x03\0\0\0\x0c\x0a\x0ahello--ret\
            \0\0\0\x19\x0a\x09MyService\x12\x04Func\x20\x01\x28\x80\x94\xeb\xdc\x03\0\0\0\0";
        assert_eq!(out, said);

        let mut reader = reader();
        let Read::Message { message: Said::Answer(reply), used } = reader.read(&out).unwrap() else {
            panic!()
        };
        assert_eq!((reply.id, reply.outcome.unwrap().bytes), (1, &b"\x0a\x0ahello--ret"[..]));
        let Read::Message { message: Said::Answer(reply), .. } = reader.read(&out[used..]).unwrap() else {
            panic!()
        };
        let error = reply.outcome.unwrap_err();
        assert_eq!((reply.id, error.code(), error.is_remote()), (1, Code::DeadlineExceeded, true));
    }

    #[test]
    fn a_damaged_header_ends_the_stream() {
        let error = reader().read(b"\0\0\0\x01\x18\0\0\0\0").unwrap_err();

        assert!(error.message().contains("a damaged header"), "{error}");
    }

    #[test]
    fn a_number_that_begins_anew_belongs_to_the_nearest_call() {
        let mut reader = reader();
        for id in [1, 3, 2, 40] {
            assert_eq!(reader.id_of(number_of_id(id)), id);
        }
        for id in (1..6_u64).map(|turn| turn << 30) {
            assert_eq!(reader.id_of(number_of_id(id)), id);
        }
        for id in [1_u64 << 32, (1 << 32) + 1, (1 << 32) + 7, (1 << 32) - 5, (1 << 32) + 1000, 1 << 32] {
            assert_eq!(reader.id_of(number_of_id(id)), id);
        }
    }

    #[test]
    fn a_number_below_the_first_is_nobodys() {
        let mut reader = reader();

        assert_eq!(reader.id_of(u32::MAX), NOBODYS);
        assert_eq!(reader.id_of(u32::MAX - 7), NOBODYS);
        assert_eq!(reader.id_of(0), 1);
    }
}
