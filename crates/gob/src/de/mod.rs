//! Bytes to values: the sender's types lead, the receiver's `Deserialize` asks, absent fields are given as zeros.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod access;
mod fields;
mod input;
mod read;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::types::Types;

pub(crate) use input::Input;
pub(crate) use read::Read;

/// Decodes the value whose messages `value` holds.
#[inline]
pub(crate) fn decode<'de, T: Deserialize<'de>>(types: &Types, value: &'de [u8]) -> Result<T> {
    for _ in 0..RETRIES_MAX {
        let mut input = Input::new(types, value);
        let result = input.begin().and_then(|ty| T::deserialize(Read::top(&mut input, ty)?));
        match result {
            Ok(value) => return Ok(value),
            // A receiver that knows its fields by name only was found, and noted where the next attempt sees it.
            Err(_) if input.must_retry => {}
            Err(error) => return Err(placed(error, &input)),
        }
    }
    Err(Error::unsupported("too many types of the receiver's know their fields by name only"))
}

/// More receivers than one type is made of.
const RETRIES_MAX: usize = 1024;

#[cold]
fn placed(error: Error, input: &Input<'_, '_>) -> Error {
    error.at_byte(input.offset())
}
