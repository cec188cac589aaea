//! JSON as a codec: serde_json, held to our bounds, with bytes as Go's `encoding/json` has them.

use std::cell::Cell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Codec, DEPTH_MAX, Form, Preamble, Shape, Types};
use crate::error::{Code, Error, Phase, Result};

mod form;
mod keys;
mod read;
mod write;
mod zero;

/// JSON.
///
/// Bytes (`serde_bytes`, `bytes::Bytes`) are a string of standard base64 with padding, as Go writes a `[]byte`; they
/// are read from a list of numbers too, and a list of numbers from such a string. `null`, which is what Go writes for
/// nil, is read as no bytes, an empty list or an empty map. A float that is not finite is an error, for JSON has no
/// word for it. `Some(None)` arrives as `None`.
///
/// Fields are written by their names as serde has them. A key is read as the field of just that name, else as one that
/// differs from it only in case and underscores, as Go reads keys: `UserName` is `user_name`. Nothing at all, as a
/// struct without fields and `()` are, is read from `null`, `{}` and `[]`.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Codec for Json {
    const NAME: &'static str = "json";

    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        _shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        let start = out.len();
        let depth = Depth::whole();
        let written = {
            let mut writer = serde_json::Serializer::new(&mut *out);
            value.serialize(write::Bounded { inner: &mut writer, depth: &depth })
        };
        match written {
            Ok(()) => Ok(None),
            Err(source) => {
                out.truncate(start);
                Err(Error::new(Code::InvalidArgument, source.to_string()))
            }
        }
    }

    // Out of the way of the formats that most calls are in.
    #[inline(never)]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], _types: Option<&Arc<Types>>) -> Result<T> {
        let depth = Depth::whole();
        if bytes == Self::ZERO {
            return T::deserialize(zero::Zero::<serde_json::Error>::new(&depth)).map_err(|source| {
                Error::new(Code::InvalidArgument, source.to_string())
                    .in_phase(Phase::Decode)
                    .caused_by(source)
            });
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        T::deserialize(read::Bounded { inner: &mut reader, depth: &depth })
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|source| {
                let text = format!("{source} of a json body of {} bytes", bytes.len());
                Error::new(Code::InvalidArgument, text).in_phase(Phase::Decode).caused_by(source)
            })
    }
}

impl Json {
    /// A body that stands for zeros and empty texts, whatever the type: a space, which no value is written as.
    pub const ZERO: &[u8] = b" ";

    /// What a value is that was written as `bytes`.
    #[inline]
    pub(crate) fn form<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> Form {
        match bytes.first() {
            // Only `null` and a list leave a doubt.
            Some(b'n' | b'[') => form::of(value),
            _ => Form::Other,
        }
    }
}

/// How many levels are left below. Shared by what reads or writes the parts of one value.
struct Depth(Cell<u32>);

impl Depth {
    fn whole() -> Self {
        Self(Cell::new(DEPTH_MAX))
    }

    /// Does something one level down.
    #[inline]
    fn below<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
        refuse: impl FnOnce(String) -> E,
    ) -> Result<T, E> {
        self.enter(refuse)?;
        let value = work()?;
        self.leave();
        Ok(value)
    }

    #[inline]
    fn enter<E>(&self, refuse: impl FnOnce(String) -> E) -> Result<(), E> {
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(refuse(format!("values nest deeper than {DEPTH_MAX}"))),
        }
    }

    #[inline]
    fn leave(&self) {
        self.0.set(self.0.get() + 1);
    }
}
