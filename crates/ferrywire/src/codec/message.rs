//! Messages of prost as serde values: the bytes that they are, in every codec.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use prost::Message;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shared::part_of_body;

/// A message of prost, as an argument, a reply or a part of one.
///
/// In a protobuf body it is the body; in every other codec it is bytes.
///
/// ```
/// # use ferrywire::codec::{Format, Protobuf, Shape};
/// // Any type with prost's derive; a string is the message `google.protobuf.StringValue`.
/// let message = Protobuf("six".to_owned());
///
/// let mut body = Vec::new();
/// Format::Protobuf.encode(&message, &Shape::of::<Protobuf<String>>(), &mut body)?;
///
/// assert_eq!(body, b"\x0a\x03six");
/// assert_eq!(Format::Protobuf.decode::<Protobuf<String>>(&body, None)?, message);
/// # Ok::<(), ferrywire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protobuf<M>(pub M);

impl<M> Deref for Protobuf<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M> DerefMut for Protobuf<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.0
    }
}

impl<M> From<M> for Protobuf<M> {
    fn from(message: M) -> Self {
        Self(message)
    }
}

thread_local! {
    /// Where messages are written before they are copied into bodies: serde takes bytes only whole.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A scratch that grew beyond this is given back, in bytes.
const SCRATCH_KEPT_MAX: usize = 64 << 10;

impl<M: Message> Serialize for Protobuf<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut scratch = SCRATCH.take();
        scratch.clear();
        scratch.reserve(self.0.encoded_len());
        self.0.encode_raw(&mut scratch);
        let outcome = serializer.serialize_bytes(&scratch);
        scratch.shrink_to(SCRATCH_KEPT_MAX);
        SCRATCH.set(scratch);
        outcome
    }
}

impl<'de, M: Message + Default> Deserialize<'de> for Protobuf<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes<M>(PhantomData<M>);

        impl<'de, M: Message + Default> Visitor<'de> for Bytes<M> {
            type Value = Protobuf<M>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a protobuf message")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Protobuf<M>, E> {
                match part_of_body(bytes) {
                    // Its fields of the type `Bytes` share the body.
                    Some(bytes) => M::decode(bytes).map(Protobuf).map_err(E::custom),
                    None => self.visit_bytes(bytes),
                }
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Protobuf<M>, E> {
                M::decode(bytes).map(Protobuf).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(Bytes(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Shape};
    use super::*;

    static SHAPE: Shape = Shape::of::<Protobuf<String>>();

    #[test]
    fn a_message_is_carried_by_every_codec() {
        let message = Protobuf("six".to_owned());
        for format in Format::ALL {
            let mut body = Vec::new();
            let preamble = format.encode(&message, &SHAPE, &mut body).unwrap();
            assert_eq!(preamble.is_some(), format == Format::Gob);

            assert_eq!(format.decode::<Protobuf<String>>(&body, None).unwrap(), message, "{format:?}");
        }
    }

    #[test]
    fn wrong_bytes_are_an_error_that_names_the_codec() {
        let error = Format::Protobuf.decode::<Protobuf<String>>(b"\x0a\x05six", None).unwrap_err();

        assert!(error.message().contains("buffer underflow"), "{error}");
        assert!(error.message().ends_with("of a protobuf body"), "{error}");
    }
}
