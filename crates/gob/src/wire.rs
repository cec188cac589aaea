//! The integers that all of gob is made of, and a cursor that reads them.
//!
//! Nothing here trusts a number from the wire: lengths are compared with what is there, sums are checked.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use crate::error::{Error, Result};

/// Appends an unsigned integer: one byte below 128, else the negated byte count and the bytes, big end first.
///
/// Nine bytes are written and the surplus is cut off: a copy of fixed length needs no call.
#[inline]
pub(crate) fn put_uint(out: &mut Vec<u8>, value: u64) {
    if value < 128 {
        return out.push(value as u8);
    }
    let (bytes, len) = long_uint(value);
    let end = out.len() + len;
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// The long form of `value`, which is at least 128: nine bytes of which the first so many count.
#[inline]
pub(crate) fn long_uint(value: u64) -> ([u8; 9], usize) {
    let zeros = value.leading_zeros() / 8;
    let count = 8 - zeros as usize;
    let mut bytes = [0; 9];
    let [head, tail @ ..] = &mut bytes;
    (*head, *tail) = ((count as u8).wrapping_neg(), (value << (8 * zeros)).to_be_bytes());
    (bytes, count + 1)
}

/// How a signed integer travels: the sign in the lowest bit.
#[inline]
pub(crate) fn int_bits(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// How a float travels: its bytes reversed, so that the usual trailing zeros lead.
#[inline]
pub(crate) fn float_bits(value: f64) -> u64 {
    value.to_bits().swap_bytes()
}

/// The signed integer that travels as `bits`.
#[inline]
pub(crate) fn int_of(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

/// The float that travels as `bits`.
#[inline]
pub(crate) fn float_of(bits: u64) -> f64 {
    f64::from_bits(bits.swap_bytes())
}

/// Appends a signed integer.
#[inline]
pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
    put_uint(out, int_bits(value));
}

/// Appends a length and the bytes.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Puts `value` before what begins at `at`, which moves back.
pub(crate) fn insert_uint(out: &mut Vec<u8>, at: usize, value: u64) {
    if value < 128 {
        return out.insert(at, value as u8);
    }
    let (bytes, len) = long_uint(value);
    out.splice(at..at, bytes.into_iter().take(len));
}

/// What is left of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'de> {
    pub(crate) rest: &'de [u8],
}

impl<'de> Cursor<'de> {
    /// The next unsigned integer.
    ///
    /// # Errors
    ///
    /// Where the bytes end, and where a length byte claims more than eight bytes.
    #[inline(always)]
    pub(crate) fn uint(&mut self) -> Result<u64> {
        // Mostly nine bytes are there to be read at once.
        if let [head, eight @ ..] = self.rest
            && let Some(eight) = eight.first_chunk::<8>()
        {
            let count = usize::from(head.wrapping_neg());
            let (value, len) = match head {
                0..=127 => (u64::from(*head), 1),
                _ => (u64::from_be_bytes(*eight) >> (64_usize.wrapping_sub(8 * count) & 63), count + 1),
            };
            if len <= 9
                && let Some(rest) = self.rest.get(len..)
            {
                self.rest = rest;
                return Ok(value);
            }
        }
        let (value, rest) = last_uint(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// The next signed integer.
    #[inline(always)]
    pub(crate) fn int(&mut self) -> Result<i64> {
        Ok(int_of(self.uint()?))
    }

    /// The next float.
    #[inline]
    pub(crate) fn float(&mut self) -> Result<f64> {
        Ok(float_of(self.uint()?))
    }

    /// A length and that many bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'de [u8]> {
        let len = self.uint()?;
        let taken = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let Some((bytes, rest)) = taken else {
            return Err(too_long(len, self.rest.len()));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// A count of elements, each of which takes at least a byte of what is left here and of the `further` bytes of
    /// other messages.
    #[inline]
    pub(crate) fn count(&mut self, further: usize) -> Result<usize> {
        let count = self.uint()?;
        let left = self.rest.len().saturating_add(further);
        match usize::try_from(count) {
            Ok(count) if count <= left => Ok(count),
            _ => Err(too_many(count, left)),
        }
    }

    /// How far the next field of a struct is from the one before; 0 at its end, which the end of the message also is.
    #[inline(always)]
    pub(crate) fn delta(&mut self) -> Result<u64> {
        if let [small @ 0..=127, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*small));
        }
        if self.rest.is_empty() {
            return Ok(0);
        }
        let (delta, rest) = last_uint(self.rest)?;
        self.rest = rest;
        Ok(delta)
    }
}

/// An unsigned integer near the end of a message, or a damaged one, and what is left behind it.
///
/// Takes the bytes, not the cursor, which can then stay in registers.
#[inline(never)]
fn last_uint(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let Some((head, tail)) = bytes.split_first() else { return Err(Error::eof()) };
    if *head < 128 {
        return Ok((u64::from(*head), tail));
    }
    let count = usize::from(head.wrapping_neg());
    if count > 8 {
        return Err(Error::damaged(format!(
            "encoded unsigned integer out of range: a length byte of {head:#04x}, expected f8 to ff"
        )));
    }
    let Some((bytes, rest)) = tail.split_at_checked(count) else { return Err(Error::eof()) };
    Ok((bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), rest))
}

#[cold]
fn too_many(count: u64, left: usize) -> Error {
    Error::damaged(format!("{count} elements are claimed, {left} bytes are left"))
}

#[cold]
fn too_long(len: u64, left: usize) -> Error {
    Error::damaged(format!("a length of {len} is claimed, {left} bytes are left"))
}
