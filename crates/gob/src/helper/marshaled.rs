//! What a Go type wrote of itself, as bytes that only that type understands.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::reserved;

macro_rules! marshaled {
    ($($(#[$about:meta])* $name:ident $reserved:ident;)*) => {
        $($(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(
            /// What the type wrote; empty stands for its zero value.
            pub Vec<u8>,
        );

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(reserved::$reserved, &Lent(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let Owned(bytes) = deserializer.deserialize_newtype_struct(reserved::$reserved, Newtype::new())?;
                Ok(Self(bytes))
            }
        })*
    };
}

marshaled! {
    /// A value of a type with `GobEncode`, such as `big.Float`.
    GobEncoded GOB_ENCODER;
    /// A value of a type with `MarshalBinary`, such as `url.URL`, `netip.Addr` and most UUIDs.
    BinaryMarshaled BINARY_MARSHALER;
    /// A value of a type with `MarshalText`; the format has it, Go does not send it.
    TextMarshaled TEXT_MARSHALER;
}

/// Bytes as bytes, not as a sequence.
pub(super) struct Lent<'a>(pub(super) &'a [u8]);

impl Serialize for Lent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Bytes from whatever a format has for them.
pub(super) struct Owned(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Owned;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Owned, E> {
                Ok(Owned(bytes.to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Owned, A::Error> {
                let mut owned = Vec::new();
                while let Some(byte) = bytes.next_element()? {
                    owned.push(byte);
                }
                Ok(Owned(owned))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// Takes the content of a newtype struct.
pub(super) struct Newtype<T>(PhantomData<T>);

impl<T> Newtype<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Newtype<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the content of a newtype")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<T, D::Error> {
        T::deserialize(content)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut content: A) -> Result<T, A::Error> {
        content.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))
    }
}
