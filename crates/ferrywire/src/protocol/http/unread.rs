//! What stands where other protocols read and write streams: nothing is ever asked of it.

use std::convert::Infallible;
use std::time::Duration;

use crate::body::Written;
use crate::codec::Format;
use crate::error::Result;
use crate::message::{Asked, Head, Read, Said};
use crate::protocol::{ReadReplies, ReadRequests, Terms, WriteRequests};

/// Reads nothing and writes nothing.
pub(crate) struct Unread;

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

impl ReadReplies for Unread {
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn read<'b>(&'b mut self, _bytes: &'b [u8]) -> Result<Read<Said<'b, Infallible>>> {
        Ok(Read::End)
    }
}

impl WriteRequests for Unread {
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self
    }

    fn format(&self) -> Format {
        Format::Json
    }

    fn request(
        &mut self,
        _out: &mut Vec<u8>,
        _id: u64,
        _head: &Head<'_>,
        _timeout: Option<Duration>,
        _written: &mut Written,
        _body: &mut Vec<u8>,
    ) {
    }

    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}
