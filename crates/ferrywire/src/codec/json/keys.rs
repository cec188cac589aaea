//! Which field a key means: its own name, else one that differs only in case and underscores, as Go reads keys.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

/// A visitor of a struct, which gets the struct's own names for keys.
pub(super) struct Fields<V> {
    pub(super) visitor: V,
    pub(super) names: &'static [&'static str],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Fields<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Keyed { inner, names: self.names })
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(elements)
    }
}

struct Keyed<A> {
    inner: A,
    names: &'static [&'static str],
}

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for Keyed<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Key { seed, names: self.names })
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The seed of a key, and the visitor of its text.
struct Key<S> {
    seed: S,
    names: &'static [&'static str],
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<S::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Key<S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<S::Value, E> {
        match meant(key, self.names) {
            Some(name) => self.seed.deserialize(BorrowedStrDeserializer::new(name)),
            None => self.seed.deserialize(BorrowedStrDeserializer::new(key)),
        }
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<S::Value, E> {
        match meant(key, self.names) {
            Some(name) => self.seed.deserialize(BorrowedStrDeserializer::new(name)),
            None => self.seed.deserialize(StrDeserializer::new(key)),
        }
    }
}

/// The name that a key means.
#[inline]
fn meant(key: &str, names: &'static [&'static str]) -> Option<&'static str> {
    match names.iter().find(|name| **name == key) {
        Some(name) => Some(name),
        None => names.iter().copied().find(|name| folded(name).eq(folded(key))),
    }
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_its_own_name_before_any_other() {
        let names = &["user_name", "username", "b"];

        assert_eq!(meant("username", names), Some("username"));
        for key in ["user_name", "UserName", "userName", "USER_NAME"] {
            assert_eq!(meant(key, names), Some("user_name"));
        }
        assert_eq!(meant("user-name", names), None);
        assert_eq!(meant("B", names), Some("b"));
        assert_eq!(meant("", names), None);
    }
}
