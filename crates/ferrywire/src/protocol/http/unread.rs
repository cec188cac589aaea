//! What stands where other protocols read requests off their streams: nothing is ever asked of it.

use std::convert::Infallible;

use crate::codec::Format;
use crate::error::Result;
use crate::message::{Asked, Read};
use crate::protocol::{ReadRequests, Terms};

/// Reads nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unread;

impl ReadRequests for Unread {
    type Tag = Format;
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn read<'b>(&'b mut self, _bytes: &'b [u8]) -> Result<Read<Asked<'b, Format, Infallible>>> {
        Ok(Read::End)
    }
}
