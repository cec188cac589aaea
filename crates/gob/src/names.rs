//! Rust's names meet Go's: `user_id` is `UserId`, and is found as `UserID` too.

use crate::helper::ZERO_TIME;

/// The name that a Rust field or type goes by in Go: `num1` is `Num1`, `user_id` is `UserId`; a name that
/// begins upper case stays. None where no letter can be upper case, which Go would not send.
pub(crate) fn go_name(rust: &str) -> Option<String> {
    if rust.chars().next()?.is_uppercase() {
        return Some(rust.to_owned());
    }
    let mut go = String::with_capacity(rust.len());
    for word in rust.split('_') {
        let mut letters = word.chars();
        go.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        go.push_str(letters.as_str());
    }
    go.chars().next()?.is_uppercase().then_some(go)
}

/// What is left of a name when case and `_` do not count.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}

/// The Rust name of a Go field, for types that learn their names from the sender: `UserID` is `user_id`.
pub(crate) fn rust_name(go: &str) -> String {
    let letters: Vec<char> = go.chars().collect();
    let mut rust = String::with_capacity(go.len() + 4);
    let mut before = None;
    for (at, letter) in letters.iter().enumerate() {
        let next_is_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let begins_word = before.is_some_and(|before: char| !before.is_uppercase() || next_is_lower);
        if letter.is_uppercase() && begins_word && before != Some('_') {
            rust.push('_');
        }
        rust.extend(letter.to_lowercase());
        before = Some(*letter);
    }
    rust
}

/// Whether Go sends and takes a field of this name.
pub(crate) fn is_exported(go: &str) -> bool {
    go.chars().next().is_some_and(char::is_uppercase)
}

/// Names of newtype structs by which the helper types speak to gob's own (de)serializers.
///
/// Other formats see the content only.
pub(crate) mod reserved {
    pub(crate) const GOB_ENCODER: &str = "$gob::GobEncoder";
    pub(crate) const BINARY_MARSHALER: &str = "$gob::BinaryMarshaler";
    pub(crate) const TEXT_MARSHALER: &str = "$gob::TextMarshaler";
    pub(crate) const TIME: &str = "$gob::Time";
    pub(crate) const COMPLEX: &str = "$gob::Complex";
    pub(crate) const AS_IF: &str = "$gob::AsIf";
}

/// The ways in which a Go type can write itself, which gob tells apart and does not look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Marshaler {
    /// `GobEncode` and `GobDecode`, such as `time.Time` and `big.Int`.
    Gob,
    /// `MarshalBinary` and `UnmarshalBinary`, such as `url.URL` and most UUIDs.
    Binary,
    /// `MarshalText`: in the format, but never sent by Go.
    Text,
}

impl Marshaler {
    /// What a newtype struct of this name says: the marshaler, the Go type's name, and what stands for a zero that was
    /// left out.
    pub(crate) fn reserved(newtype: &str) -> Option<(Self, &'static str, &'static [u8])> {
        match newtype {
            reserved::GOB_ENCODER => Some((Self::Gob, "", &[])),
            reserved::TIME => Some((Self::Gob, "Time", &ZERO_TIME)),
            reserved::BINARY_MARSHALER => Some((Self::Binary, "", &[])),
            reserved::TEXT_MARSHALER => Some((Self::Text, "", &[])),
            _ => None,
        }
    }

    pub(crate) fn go_name(self) -> &'static str {
        match self {
            Self::Gob => "GobEncoder",
            Self::Binary => "BinaryMarshaler",
            Self::Text => "TextMarshaler",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_name_becomes_a_go_name() {
        let names = [("num1", "Num1"), ("user_id", "UserId"), ("UserID", "UserID"), ("_x", "X")];

        for (rust, go) in names {
            assert_eq!(go_name(rust).as_deref(), Some(go));
        }
        assert_eq!(go_name("1a"), None);
        assert_eq!(go_name(""), None);
    }

    #[test]
    fn a_go_name_becomes_a_rust_name() {
        for (go, rust) in [("UserID", "user_id"), ("HTTPServer", "http_server"), ("X", "x"), ("A_B", "a_b")] {
            assert_eq!(rust_name(go), rust);
        }
    }
}
