//! An encoded value together with what is needed to read it, and the place where one is written.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use crate::codec::shared::{SPLICE_LEN_MIN, Splice};
use crate::codec::{Form, Format, Json, Preamble, Shape, Told, Types, shared};
use crate::compression::{Compression, PACKED_LEN_MIN, Packed};
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
    /// The storage that all of the bytes lie in, if that can be shared: values may then be parts of it, without
    /// a copy.
    pub shared: Option<&'b Bytes>,
}

impl<'b> Body<'b> {
    /// The value; it may borrow from the bytes.
    ///
    /// # Errors
    ///
    /// See [`Codec::decode`](crate::codec::Codec::decode).
    #[inline]
    pub fn decode<T: Deserialize<'b>>(&self) -> Result<T> {
        match self.shared {
            None => self.format.decode(self.bytes, self.types),
            Some(storage) => self.decode_shared(storage),
        }
    }

    #[cold]
    fn decode_shared<T: Deserialize<'b>>(&self, storage: &Bytes) -> Result<T> {
        shared::decode(self.format, self.bytes, self.types, storage)
    }
}

impl Body<'_> {
    /// The bytes, in a storage of their own if they are only lent.
    pub fn to_shared(&self) -> Bytes {
        match self.shared {
            Some(shared) => shared.slice_ref(self.bytes),
            None => Bytes::copy_from_slice(self.bytes),
        }
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
    /// Whether long byte strings may be left out of the buffer and stand in [`Written::splices`].
    pub may_splice: bool,
}

/// What must go along with a body.
#[derive(Debug, Default)]
pub struct Written {
    /// What the peer must have been sent before it can read the body; `None` if the bytes stand alone.
    pub preamble: Option<&'static Preamble>,
    /// What travels beside the body.
    pub metadata: Option<Box<Metadata>>,
    /// What belongs between the bytes of the buffer, in the order of its places.
    #[allow(clippy::box_collection, reason = "few bodies have any, and all pay for the place")]
    pub splices: Option<Box<Vec<Splice>>>,
    /// How the bytes are compressed, if they are.
    pub packed: Option<Packed>,
    /// What the value is at its outermost, where its bytes leave a doubt.
    pub form: Form,
}

impl Written {
    /// Whether there is nothing in it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.preamble.is_none()
            && self.metadata.is_none()
            && self.splices.is_none()
            && self.packed.is_none()
            && self.form == Form::Other
    }

    /// It has been seen to. Mostly there is nothing in it, and then nothing is dropped either.
    #[inline]
    pub(crate) fn done(self) {
        if self.metadata.is_none() && self.splices.is_none() {
            std::mem::forget(self);
        }
    }

    /// How many bytes are left out of the buffer.
    #[inline]
    pub fn spliced_len(&self) -> usize {
        match &self.splices {
            None => 0,
            Some(splices) => splices.iter().map(|splice| splice.bytes.len()).sum(),
        }
    }

    /// Compresses the body that is behind `from` in `out`, if it is long enough and becomes shorter. It then has no
    /// preamble and no splices any more: they are within it, each body a stream of its own.
    #[cold]
    pub(crate) fn pack(&mut self, algorithm: Compression, out: &mut Vec<u8>, from: usize) {
        let flat = out.get(from..).unwrap_or_default();
        if flat.len() + self.spliced_len() < PACKED_LEN_MIN {
            return;
        }
        let found = match (self.preamble, &self.splices) {
            (None, None) => algorithm.pack(flat),
            (preamble, splices) => {
                let mut whole = Vec::with_capacity(flat.len() + self.spliced_len());
                if let Some(preamble) = preamble {
                    Told::new().tell(preamble, &mut whole);
                }
                join(&mut whole, flat, splices.as_deref().map_or(&[][..], Vec::as_slice));
                algorithm.pack(&whole)
            }
        };
        if let Some((packed, bytes)) = found {
            out.truncate(from);
            out.extend_from_slice(&bytes);
            (self.preamble, self.splices, self.packed) = (None, None, Some(packed));
        }
    }
}

/// Appends a body between whose bytes `splices` belong.
fn join(whole: &mut Vec<u8>, mut flat: &[u8], splices: &[Splice]) {
    let mut at = 0;
    for splice in splices {
        let (before, behind) = flat.split_at_checked(splice.at - at).unwrap_or((flat, &[]));
        whole.extend_from_slice(before);
        whole.extend_from_slice(&splice.bytes);
        (flat, at) = (behind, splice.at);
    }
    whole.extend_from_slice(flat);
}

impl<'s> Sink<'s> {
    /// A place behind what `out` holds.
    pub fn new(format: Format, out: &'s mut Vec<u8>) -> Self {
        Self { format, out, written: Written::default(), may_splice: false }
    }

    /// A place behind what `out` holds, from which long byte strings may be left out.
    pub fn splicing(format: Format, out: &'s mut Vec<u8>) -> Self {
        Self { may_splice: true, ..Self::new(format, out) }
    }

    /// Appends `value`.
    ///
    /// # Errors
    ///
    /// See [`Codec::encode`](crate::codec::Codec::encode); the buffer is then as it was.
    #[inline]
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T, shape: &Shape) -> Result<()> {
        let (splices, start) = (self.may_splice.then_some(&mut self.written.splices), self.out.len());
        self.written.preamble = shared::encode(self.format, value, shape, self.out, splices)?;
        if self.format == Format::Json {
            self.written.form = Json::form(value, self.out.get(start..).unwrap_or_default());
        }
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
