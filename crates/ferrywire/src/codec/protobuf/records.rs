//! A message as it lies in its bytes: records, each a number and a value of one of four kinds.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::super::fault::Fault;

/// A value of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'de> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'de [u8]),
    Fixed32([u8; 4]),
}

/// How values are marked in the lowest bits of a record's key.
pub(super) mod kind {
    pub(in super::super) const VARINT: u32 = 0;
    pub(in super::super) const FIXED64: u32 = 1;
    pub(in super::super) const BYTES: u32 = 2;
    pub(in super::super) const FIXED32: u32 = 5;
}

impl Value<'_> {
    /// What it is, for an error.
    pub(super) fn name(self) -> &'static str {
        match self {
            Value::Varint(_) => "a varint",
            Value::Fixed64(_) => "8 bytes of a fixed length",
            Value::Bytes(_) => "bytes with a length",
            Value::Fixed32(_) => "4 bytes of a fixed length",
        }
    }
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'de> {
    rest: &'de [u8],
}

impl<'de> Records<'de> {
    pub(super) fn of(bytes: &'de [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'de [u8] {
        self.rest
    }

    /// The number and the value of the next record.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'de>)>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0);
        let Some(number) = number else {
            return Err(Fault::new(format!("{} numbers no field", key >> 3)));
        };
        // The cast keeps three bits.
        let value = match (key & 7) as u32 {
            kind::VARINT => Value::Varint(self.varint()?),
            kind::FIXED64 => Value::Fixed64(self.array()?),
            kind::BYTES => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            kind::FIXED32 => Value::Fixed32(self.array()?),
            other => return Err(Fault::new(format!("field {number} is of the unknown wire type {other}"))),
        };
        Ok(Some((number, value)))
    }

    /// A number of seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(VARINT_LEN_MAX).enumerate() {
            // Of the tenth byte there is room for one bit: what is beyond is lost, as everywhere.
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(match self.rest.len() < VARINT_LEN_MAX {
            true => Fault::new("the bytes end inside a number"),
            false => Fault::new("a number has more than 64 bits"),
        })
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| Fault::ends(N, self.rest.len()))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8], Fault> {
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| Fault::ends(len, self.rest.len()))?;
        self.rest = rest;
        Ok(taken)
    }
}

/// 64 bits in groups of seven.
const VARINT_LEN_MAX: usize = 10;

/// Whether the records are whole and in the order of their numbers.
///
/// # Errors
///
/// If they are not whole.
pub(super) fn are_in_order(bytes: &[u8]) -> Result<bool, Fault> {
    let (mut records, mut last, mut in_order) = (Records::of(bytes), 0, true);
    while let Some((number, _)) = records.next()? {
        in_order &= last <= number;
        last = number;
    }
    Ok(in_order)
}

/// The last value with that number.
pub(super) fn last<'de>(bytes: &'de [u8], wanted: u32) -> Result<Option<Value<'de>>, Fault> {
    let (mut records, mut found) = (Records::of(bytes), None);
    while let Some((number, value)) = records.next()? {
        if number == wanted {
            found = Some(value);
        }
    }
    Ok(found)
}
