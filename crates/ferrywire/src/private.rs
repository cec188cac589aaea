//! What generated code may name. Nothing here is for people; it changes without notice.

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

/// Bytes that are borrowed on both banks: encoded as bytes, not one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes<'b>(pub &'b [u8]);

impl serde::Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'b, 'b> serde::Deserialize<'de> for Bytes<'b> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> serde::de::Visitor<'de> for Borrowed {
            type Value = &'de [u8];

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }

        deserializer.deserialize_bytes(Borrowed).map(Bytes)
    }
}

/// The README's example, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
