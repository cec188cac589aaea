//! Go's gob as a codec: the value in its message, its type definitions beside it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Codec, Preamble, Shape, Types};
use crate::error::{Code, Error, Phase, Result};

/// Go's `encoding/gob`.
#[derive(Clone, Copy, Debug)]
pub struct Gob;

impl Codec for Gob {
    const NAME: &'static str = "gob";

    #[inline]
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        let plan = shape.plan()?;
        match plan.encode(value, out) {
            Ok(()) => Ok(Some(plan)),
            Err(source) => Err(Error::new(Code::InvalidArgument, source.to_string()).caused_by(source)),
        }
    }

    #[inline]
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], types: Option<&Arc<Types>>) -> Result<T> {
        let Some(types) = types else {
            return Err(Error::new(Code::Internal, "a gob body came without its type definitions")
                .in_phase(Phase::Decode));
        };
        Ok(types.decode(bytes)?)
    }
}
