//! What is said beside a message, in both directions: `message MHeader { string service = 1; string method = 2; uint32 id = 3;
//! uint32 error = 4; uint64 timeout = 5; }`.

use std::fmt;
use std::sync::Arc;

use super::fields::{Fields, Value, put_bytes, put_number};
use super::frame;
use crate::error::Result;

const SERVICE: u8 = 1;
const METHOD: u8 = 2;
const ID: u8 = 3;
const ERROR: u8 = 4;
const TIMEOUT: u8 = 5;

/// One header. What is not there is zero, and of two with one name the last counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'b> {
    pub(super) service: &'b [u8],
    pub(super) method: &'b [u8],
    pub(super) id: u32,
    pub(super) error: u32,
    /// In nanoseconds.
    pub(super) timeout: u64,
    /// Fields that nobody here knows, as they stand.
    pub(super) unknown: Vec<u8>,
}

impl<'b> Header<'b> {
    /// As much of a header as could be read, and what is wrong with the rest.
    pub(super) fn read(bytes: &'b [u8]) -> (Self, Result<()>) {
        let (mut header, mut fields) = (Self::default(), Fields::of(bytes));
        loop {
            let field = match fields.next() {
                Ok(Some(field)) => field,
                Ok(None) => return (header, Ok(())),
                Err(error) => return (header, Err(error)),
            };
            match (u8::try_from(field.number).unwrap_or_default(), field.value) {
                (SERVICE, Value::Bytes(service)) => header.service = service,
                (METHOD, Value::Bytes(method)) => header.method = method,
                // Of a longer number the low bits count.
                (ID, Value::Number(id)) => header.id = id as u32,
                (ERROR, Value::Number(error)) => header.error = error as u32,
                (TIMEOUT, Value::Number(timeout)) => header.timeout = timeout,
                _ => header.unknown.extend_from_slice(field.whole),
            }
        }
    }

    /// Appends it and its length, with what is known in the order of the fields.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        frame::begin(out);
        let at = out.len();
        self.put_front(out);
        put_number(out, ERROR, self.error.into());
        self.put_back(out);
        frame::end(out, at);
    }

    fn put_front(&self, out: &mut Vec<u8>) {
        put_bytes(out, SERVICE, self.service);
        put_bytes(out, METHOD, self.method);
        put_number(out, ID, self.id.into());
    }

    fn put_back(&self, out: &mut Vec<u8>) {
        put_number(out, TIMEOUT, self.timeout);
        out.extend_from_slice(&self.unknown);
    }
}

/// What a reply repeats of its request: the whole header but the error. Two are the same if their ids are.
#[derive(Clone)]
pub struct Echo {
    id: u32,
    /// What stands before the error and behind it.
    bytes: Arc<[u8]>,
    error_at: usize,
}

impl Echo {
    pub(super) fn of(header: &Header<'_>) -> Self {
        let mut bytes = Vec::new();
        header.put_front(&mut bytes);
        let error_at = bytes.len();
        header.put_back(&mut bytes);
        Self { id: header.id, bytes: bytes.into(), error_at }
    }

    /// The number of the call.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Appends the header of a reply and its length.
    pub(super) fn put(&self, out: &mut Vec<u8>, error: u32) {
        frame::begin(out);
        let at = out.len();
        let (front, back) = self.bytes.split_at_checked(self.error_at).unwrap_or_default();
        out.extend_from_slice(front);
        put_number(out, ERROR, error.into());
        out.extend_from_slice(back);
        frame::end(out, at);
    }
}

impl PartialEq for Echo {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.id, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MyService.Slow` with the number 2, within 100 ms: as Go sends it, and as it answers that the time has passed.
    const ASKED: &[u8] = b"\0\0\0\x18\x0a\x09MyService\x12\x04Slow\x18\x02\x28\x80\xc2\xd7\x2f";
    const LATE: &[u8] = b"\0\0\0\x1a\x0a\x09MyService\x12\x04Slow\x18\x02\x20\x01\x28\x80\xc2\xd7\x2f";

    fn slow() -> Header<'static> {
        Header { service: b"MyService", method: b"Slow", id: 2, timeout: 100_000_000, ..Header::default() }
    }

    #[test]
    fn headers_are_gos_byte_for_byte() {
        for (error, bytes) in [(0, ASKED), (1, LATE)] {
            let header = Header { error, ..slow() };
            let mut out = Vec::new();
            header.put(&mut out);
            assert_eq!(out, bytes);

            let (read, damage) = Header::read(&bytes[4..]);
            damage.unwrap();
            assert_eq!(read, header);
            let mut out = Vec::new();
            Echo::of(&read).put(&mut out, error);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn what_is_zero_is_not_there() {
        let mut out = Vec::new();
        Header::default().put(&mut out);
        assert_eq!(out, b"\0\0\0\0");

        let (read, damage) = Header::read(b"\x18\0\x0a\0\x28\0");
        damage.unwrap();
        assert_eq!(read, Header::default());
    }

    #[test]
    fn of_two_the_last_counts_and_what_is_unknown_is_kept_as_it_stands() {
        let unknown = [&b"\x32\x03abc"[..], b"\x38\x80\x00", b"\x43\x08\x01\x44", b"\x0d\x01\x02\x03\x04"];
        let bytes = [
            b"\x12\x01x\x18\x07",
            unknown[0],
            b"\x18\x82\x80\x80\x80\x10\x12\x04Slow",
            unknown[1],
            unknown[2],
            b"\x28\x05\x0a\x09MyService",
            unknown[3],
            b"\x20\x09\x28\x80\xc2\xd7\x2f",
        ]
        .concat();

        let (read, damage) = Header::read(&bytes);

        damage.unwrap();
        assert_eq!(read, Header { error: 9, unknown: unknown.concat(), ..slow() });
        let mut out = Vec::new();
        Echo::of(&read).put(&mut out, 0);
        assert_eq!(out[4..], [&ASKED[4..], &unknown.concat()].concat());
    }

    #[test]
    fn of_a_damaged_one_the_beginning_is_known() {
        let bytes = b"\x0a\x09MyService\x12\x04Slow\x18\x02\x28";

        let (read, damage) = Header::read(bytes);

        assert!(damage.unwrap_err().message().contains("ends in the middle of a number"));
        assert_eq!(read, Header { timeout: 0, ..slow() });
    }
}
