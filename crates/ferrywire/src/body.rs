//! An encoded value together with what is needed to read it, and the place where one is written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::{Format, Preamble, Shape, Types};
use crate::error::Result;
use crate::metadata::Metadata;

/// An encoded value, borrowed from whoever read it off the wire.
#[derive(Clone, Copy, Debug)]
pub struct Body<'b> {
    /// The codec it is in.
    pub format: Format,
    /// Its bytes.
    pub bytes: &'b [u8],
    /// The type definitions that the peer has sent, for codecs that have such.
    pub types: Option<&'b Arc<Types>>,
}

impl<'b> Body<'b> {
    /// The value; it may borrow from the bytes.
    ///
    /// # Errors
    ///
    /// See [`Codec::decode`](crate::codec::Codec::decode).
    #[inline]
    pub fn decode<T: Deserialize<'b>>(&self) -> Result<T> {
        self.format.decode(self.bytes, self.types)
    }
}

/// Where a value is to be written: a format, and the buffer that ends with it.
#[derive(Debug)]
pub struct Sink<'s> {
    /// The codec to write in.
    pub format: Format,
    /// Gets the bytes behind what it holds.
    pub out: &'s mut Vec<u8>,
    /// What must go along with what was written.
    pub written: Written,
}

/// What must go along with a body.
#[derive(Debug, Default)]
pub struct Written {
    /// What the peer must have been sent before it can read the body; `None` if the bytes stand alone.
    pub preamble: Option<&'static Preamble>,
    /// What travels beside the body.
    pub metadata: Option<Box<Metadata>>,
}

impl<'s> Sink<'s> {
    /// A place behind what `out` holds.
    pub fn new(format: Format, out: &'s mut Vec<u8>) -> Self {
        Self { format, out, written: Written::default() }
    }

    /// Appends `value`.
    ///
    /// # Errors
    ///
    /// See [`Codec::encode`](crate::codec::Codec::encode); the buffer is then as it was.
    #[inline]
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T, shape: &Shape) -> Result<()> {
        self.written.preamble = self.format.encode(value, shape, self.out)?;
        Ok(())
    }
}

/// A value that can be written in whatever format the connection speaks.
///
/// Erasure is per value, not per field: one indirect call, then static code.
pub trait Encode {
    /// Appends the value.
    ///
    /// # Errors
    ///
    /// See [`Sink::put`].
    fn encode(&self, sink: &mut Sink<'_>) -> Result<()>;
}

/// A value with the shape of its type.
#[derive(Debug)]
pub struct Shaped<'a, T: ?Sized>(pub &'a T, pub &'a Shape);

impl<T: Serialize + ?Sized> Encode for Shaped<'_, T> {
    #[inline]
    fn encode(&self, sink: &mut Sink<'_>) -> Result<()> {
        sink.put(self.0, self.1)
    }
}
