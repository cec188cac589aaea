//! A stream of values from a reader or from bytes in memory.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::messages::{Messages, Next};
use crate::types::Types;
use crate::value::Value;

/// Reads values one after the other, as Go's `gob.Decoder` does.
///
/// After an error that is about one value the decoder goes on with the next one.
pub struct Decoder<R> {
    reader: R,
    messages: Messages,
    /// Room for what is read; its length is what was ever needed, so that it is zeroed once and not at each
    /// read.
    buffer: Vec<u8>,
    /// Where in `buffer` the bytes that were not taken begin, and where they end.
    front: usize,
    end: usize,
    /// How many bytes of the stream came before `buffer`.
    before: usize,
}

/// The least and the most that is asked of the reader at once, in bytes: a claimed length is not believed
/// before its bytes arrive.
const READ_LEN: std::ops::RangeInclusive<usize> = 4 << 10..=64 << 10;

/// A buffer that grew beyond this is given back when it is empty, in bytes.
const KEPT_LEN: usize = 256 << 10;

/// What a value is found at: its bytes, and how many of the stream come before them.
type Extent = (usize, usize);

impl<R: Read> Decoder<R> {
    /// Of a stream that begins here, with the default limits.
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, Limits::default())
    }

    /// Of a stream that begins here.
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self { reader, messages: Messages::new(limits), buffer: Vec::new(), front: 0, end: 0, before: 0 }
    }

    /// Reads the next value. `serde::de::IgnoredAny` leaves it out.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Eof`] at the end of the stream, and where it breaks off inside a value.
    /// - [`ErrorKind::Mismatch`], [`ErrorKind::OutOfRange`] and others that are about this value: the next call
    ///   reads the next one.
    /// - [`ErrorKind::Io`] from the reader.
    pub fn decode<T: DeserializeOwned>(&mut self) -> Result<T> {
        let (start, end) = self.find()?;
        let value = self.buffer.get(start..end).unwrap_or_default();
        let before = self.before + start;
        self.messages.types().decode(value).map_err(|error| error.after_bytes(before))
    }

    /// Reads the next value without a Rust type for it.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`].
    pub fn decode_value(&mut self) -> Result<Value> {
        let (start, end) = self.find()?;
        let value = self.buffer.get(start..end).unwrap_or_default();
        let before = self.before + start;
        self.messages.types().decode_value(value).map_err(|error| error.after_bytes(before))
    }

    /// What the peer has defined so far.
    pub fn types(&self) -> &Arc<Types> {
        self.messages.types()
    }

    /// Gives the reader back; bytes that were read ahead are lost.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// Reads until a whole value is in the buffer.
    fn find(&mut self) -> Result<Extent> {
        loop {
            let front = self.front;
            let bytes = self.buffer.get(front..self.end).unwrap_or_default();
            let before = self.before + front;
            match self.messages.next(bytes).map_err(|error| error.after_bytes(before))? {
                Next::Value { start, end, .. } => {
                    self.front = front + end;
                    return Ok((front + start, front + end));
                }
                Next::Damaged { end, error } => {
                    self.front = front + end;
                    return Err(error.after_bytes(before));
                }
                Next::End { end } => {
                    self.front = front + end;
                    return Err(end_of_stream(false));
                }
                Next::More { used, want } => {
                    self.front = front + used;
                    self.fill(want, used > 0)?;
                }
            }
        }
    }

    /// Reads at least a byte behind what is there.
    fn fill(&mut self, want: usize, after_definition: bool) -> Result<()> {
        self.buffer.copy_within(self.front..self.end, 0);
        self.before += self.front;
        (self.front, self.end) = (0, self.end - self.front);
        let room_end = self.end + want.clamp(*READ_LEN.start(), *READ_LEN.end());
        if self.buffer.len() < room_end {
            self.buffer.resize(room_end, 0);
        } else if self.end == 0 && self.buffer.len() > KEPT_LEN {
            // What a large value has left is given back before the next one.
            self.buffer.truncate(room_end);
            self.buffer.shrink_to(KEPT_LEN);
        }
        let count = loop {
            match self.reader.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if count == 0 {
            return Err(end_of_stream(self.end > 0 || after_definition));
        }
        self.end += count;
        Ok(())
    }
}

impl<R> fmt::Debug for Decoder<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Decoder").field("messages", &self.messages).finish_non_exhaustive()
    }
}

/// Reads values one after the other from bytes in memory; `&str` and `&[u8]` borrow from them.
#[derive(Debug)]
pub struct SliceDecoder<'de> {
    messages: Messages,
    bytes: &'de [u8],
    at: usize,
}

impl<'de> SliceDecoder<'de> {
    /// Of a stream that begins with `bytes`, with the default limits.
    #[must_use]
    pub fn new(bytes: &'de [u8]) -> Self {
        Self::with_limits(bytes, Limits::default())
    }

    /// Of a stream that begins with `bytes`.
    #[must_use]
    pub fn with_limits(bytes: &'de [u8], limits: Limits) -> Self {
        Self { messages: Messages::new(limits), bytes, at: 0 }
    }

    /// Reads the next value.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`].
    pub fn decode<T: Deserialize<'de>>(&mut self) -> Result<T> {
        let (start, end) = self.find()?;
        let value = self.bytes.get(start..end).unwrap_or_default();
        self.messages.types().decode(value).map_err(|error| error.after_bytes(start))
    }

    /// Reads the next value without a Rust type for it.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`].
    pub fn decode_value(&mut self) -> Result<Value> {
        let (start, end) = self.find()?;
        let value = self.bytes.get(start..end).unwrap_or_default();
        self.messages.types().decode_value(value).map_err(|error| error.after_bytes(start))
    }

    /// What the peer has defined so far.
    #[must_use]
    pub fn types(&self) -> &Arc<Types> {
        self.messages.types()
    }

    /// The bytes that were not read.
    #[must_use]
    pub fn rest(&self) -> &'de [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn find(&mut self) -> Result<Extent> {
        let (at, rest) = (self.at, self.rest());
        match self.messages.next(rest).map_err(|error| error.after_bytes(at))? {
            Next::Value { start, end, .. } => {
                self.at += end;
                Ok((at + start, at + end))
            }
            Next::Damaged { end, error } => {
                self.at += end;
                Err(error.after_bytes(at))
            }
            Next::End { end } => {
                self.at += end;
                Err(end_of_stream(false))
            }
            Next::More { used, .. } => {
                self.at += used;
                Err(end_of_stream(!rest.is_empty()))
            }
        }
    }
}

/// Go's words: `EOF` between two values, `unexpected EOF` inside one.
#[cold]
fn end_of_stream(inside: bool) -> Error {
    let text = if inside { "unexpected EOF: the stream ends inside a value" } else { "EOF" };
    Error::new(ErrorKind::Eof, text)
}
