//! Go's `complex64` and `complex128`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::reserved;

use super::marshaled::Newtype;

/// A complex number; Go's `complex64` and `complex128` are the same on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Serialize for Complex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(reserved::COMPLEX, &(self.re, self.im))
    }
}

impl<'de> Deserialize<'de> for Complex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (re, im) =
            deserializer.deserialize_newtype_struct(reserved::COMPLEX, Newtype::<(f64, f64)>::new())?;
        Ok(Self { re, im })
    }
}
