//! What generated code may name. Nothing here is for people; it changes without notice.

use std::borrow::Cow;
pub use std::future::Future;

pub use serde;

pub use crate::body::{Body, Sink};
pub use crate::client::{Call, Client, Stub};
pub use crate::codec::Shape;
pub use crate::context::Context;
pub use crate::description::{Description, Method};
pub use crate::error::{Code, Error};
pub use crate::service::Request;
pub use crate::slot::{Dispatch, Kit};
pub use crate::transport::IntoAddress;

/// Bytes that are encoded as bytes, not one by one, and borrowed from the body where its codec has them as they
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes<'b>(pub Cow<'b, [u8]>);

impl<'b> Bytes<'b> {
    /// What is sent.
    #[inline]
    pub fn of(bytes: &'b [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl serde::Serialize for Bytes<'_> {
    #[inline]
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'b, 'b> serde::Deserialize<'de> for Bytes<'b> {
    #[inline]
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lent;

        impl<'de> serde::de::Visitor<'de> for Lent {
            type Value = Cow<'de, [u8]>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            #[inline]
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(bytes))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Cow::Owned(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
                Ok(Cow::Owned(bytes))
            }
        }

        deserializer.deserialize_bytes(Lent).map(Bytes)
    }
}

/// Text that is borrowed from the body where its codec has it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'b>(pub Cow<'b, str>);

impl<'b> Text<'b> {
    /// What is sent.
    #[inline]
    pub fn of(text: &'b str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl serde::Serialize for Text<'_> {
    #[inline]
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'b, 'b> serde::Deserialize<'de> for Text<'b> {
    #[inline]
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lent;

        impl<'de> serde::de::Visitor<'de> for Lent {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            #[inline]
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text))
            }
        }

        deserializer.deserialize_str(Lent).map(Text)
    }
}

/// The README's example, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
