//! What stands in for a codec that this program was built without.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Codec, Form, Preamble, Shape, Types};
use crate::error::{Code, Error, Result};

/// JSON, which this program was built without: every body in it is an error that says so.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Codec for Json {
    const NAME: &'static str = "json";

    fn encode<T: Serialize + ?Sized>(
        _value: &T,
        _shape: &Shape,
        _out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        Err(absent())
    }

    fn decode<'b, T: Deserialize<'b>>(_bytes: &'b [u8], _types: Option<&Arc<Types>>) -> Result<T> {
        Err(absent())
    }
}

impl Json {
    /// A body that stands for zeros and empty texts, whatever the type.
    pub const ZERO: &[u8] = b" ";

    /// Nothing was written.
    pub(crate) fn form<T: Serialize + ?Sized>(_value: &T, _bytes: &[u8]) -> Form {
        Form::Other
    }
}

#[cold]
fn absent() -> Error {
    Error::new(Code::Unimplemented, "built without the codec json: switch the feature `json` on")
}
