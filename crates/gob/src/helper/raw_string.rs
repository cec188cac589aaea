//! Go's strings, which need not be UTF-8.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A Go `string` whose bytes may be anything; a `String` takes UTF-8 only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RawString(
    /// The bytes.
    pub Vec<u8>,
);

impl RawString {
    /// The text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<String> for RawString {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for RawString {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for RawString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for RawString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = RawString;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<RawString, E> {
                Ok(text.into())
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<RawString, E> {
                Ok(RawString(bytes.to_vec()))
            }
        }

        deserializer.deserialize_string(Text)
    }
}
