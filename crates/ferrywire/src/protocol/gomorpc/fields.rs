//! The fields of a protobuf message, as far as a header needs them: numbers, byte strings, and whatever else there is as it stands.

use crate::error::{Code, Error, Phase, Result};

/// Fields of a message, in the order in which they lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'b> {
    rest: &'b [u8],
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'b> {
    pub(super) number: u32,
    pub(super) value: Value<'b>,
    /// All of its bytes.
    pub(super) whole: &'b [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    /// Of a kind that no field of a header has.
    Other,
}

/// The largest number that a field may have.
const NUMBER_MAX: u64 = (1 << 29) - 1;

/// How deep groups nest that are passed over.
const DEPTH_MAX: u32 = 32;

impl<'b> Fields<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field; `None` at the end of the message.
    ///
    /// # Errors
    ///
    /// If what comes next is none, or ends in the middle of one.
    pub(super) fn next(&mut self) -> Result<Option<Field<'b>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let begun = self.rest;
        let (number, kind) = self.tag()?;
        let value = self.value(number, kind, DEPTH_MAX)?;
        let whole = begun.get(..begun.len() - self.rest.len()).unwrap_or_default();
        Ok(Some(Field { number, value, whole }))
    }

    fn tag(&mut self) -> Result<(u32, u8)> {
        let tag = self.varint()?;
        match u32::try_from(tag >> 3) {
            Ok(number) if (1..=NUMBER_MAX).contains(&u64::from(number)) => Ok((number, (tag & 7) as u8)),
            _ => Err(damaged(format!("a field has the number {}", tag >> 3))),
        }
    }

    fn value(&mut self, number: u32, kind: u8, depth: u32) -> Result<Value<'b>> {
        match kind {
            0 => Ok(Value::Number(self.varint()?)),
            1 => self.take(8).map(|_| Value::Other),
            2 => {
                let len = self.varint()?;
                Ok(Value::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?))
            }
            3 => self.pass_group(number, depth).map(|()| Value::Other),
            5 => self.take(4).map(|_| Value::Other),
            kind => Err(damaged(format!("field {number} is of the kind {kind}"))),
        }
    }

    /// Passes over the fields of a group, up to its end.
    fn pass_group(&mut self, number: u32, depth: u32) -> Result<()> {
        const END: u8 = 4;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(damaged(format!("groups nest deeper than {DEPTH_MAX}")));
        };
        loop {
            match self.tag()? {
                (ended, END) if ended == number => return Ok(()),
                (other, END) => {
                    return Err(damaged(format!("the group {number} ends as the group {other}")));
                }
                (inner, kind) => self.value(inner, kind, depth)?,
            };
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte one bit has a place.
            if at == 9 && *byte > 1 {
                break;
            }
            number |= bits << (7 * at);
            if *byte < 0x80 {
                self.take(at + 1)?;
                return Ok(number);
            }
        }
        match self.rest.len() {
            0..10 => Err(damaged("it ends in the middle of a number".to_owned())),
            _ => Err(damaged("a number is over 64 bits long".to_owned())),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(damaged(format!(
                "{len} bytes of a field are missing, {} are there",
                self.rest.len()
            )));
        };
        self.rest = rest;
        Ok(taken)
    }
}

#[cold]
fn damaged(found: String) -> Error {
    Error::new(Code::InvalidArgument, format!("a damaged header: {found}")).in_phase(Phase::Decode)
}

/// Appends a field with a number, unless it is zero: that is what fields are that are not there.
pub(super) fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        out.push(field << 3);
        put_varint(out, number);
    }
}

/// Appends a field with bytes, unless there are none.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(field << 3 | 2);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>, usize)>, String> {
        let (mut fields, mut read) = (Fields::of(bytes), Vec::new());
        while let Some(field) = fields.next().map_err(|error| error.message().to_owned())? {
            read.push((field.number, field.value, field.whole.len()));
        }
        Ok(read)
    }

    #[test]
    fn fields_of_every_kind_are_found() {
        let group = b"\x33\x08\x01\x3b\x09abcdefgh\x3c\x34";
        let message =
            [&b"\x0a\x02hi\x18\x80\x01\x21abcdefgh\x2dabcd"[..], group, b"\xfa\xff\xff\xff\x0f\0"].concat();

        let expected = [
            (1, Value::Bytes(b"hi"), 4),
            (3, Value::Number(128), 3),
            (4, Value::Other, 9),
            (5, Value::Other, 5),
            (6, Value::Other, group.len()),
            ((1 << 29) - 1, Value::Bytes(b""), 6),
        ];
        assert_eq!(read(&message).unwrap(), expected);
        assert_eq!(read(b"").unwrap(), []);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, b"text");
        put_bytes(&mut out, 2, b"");
        put_bytes(&mut out, 2, &[7; 300]);
        put_number(&mut out, 3, 0);
        put_number(&mut out, 3, u64::MAX);

        let numbers: Vec<_> =
            read(&out).unwrap().into_iter().map(|(number, value, _)| (number, value)).collect();
        let expected =
            [(1, Value::Bytes(b"text")), (2, Value::Bytes(&[7; 300])), (3, Value::Number(u64::MAX))];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn what_is_no_field_is_an_error_that_says_why() {
        for (bytes, words) in [
            (&b"\x00\x01"[..], "a field has the number 0"),
            (b"\x80\x80\x80\x80\x10\x01", "a field has the number 536870912"),
            (b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01\0", "a field has the number 2305843009213693951"),
            (b"\x0a\x05hi", "5 bytes of a field are missing, 2 are there"),
            (
                b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "18446744073709551615 bytes of a field are missing",
            ),
            (b"\x18", "it ends in the middle of a number"),
            (b"\x18\xff\xff", "it ends in the middle of a number"),
            (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "a number is over 64 bits long"),
            (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a number is over 64 bits long"),
            (b"\x09short", "8 bytes of a field are missing, 5 are there"),
            (b"\x0d\0", "4 bytes of a field are missing, 1 are there"),
            (b"\x0e", "field 1 is of the kind 6"),
            (b"\x34", "field 6 is of the kind 4"),
            (b"\x33\x3c", "the group 6 ends as the group 7"),
            (b"\x33", "it ends in the middle of a number"),
            (&[0x33; 40], "groups nest deeper than 32"),
        ] {
            let error = read(bytes).unwrap_err();

            assert!(error.starts_with("a damaged header: ") && error.contains(words), "{bytes:?}: {error}");
        }
    }
}
