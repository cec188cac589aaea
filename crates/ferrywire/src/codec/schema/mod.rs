//! What a type looks like to a codec, as text: so that two programs can tell where their types differ.
//!
//! A schema has a line for every place where a value can be, outer places first, in the order in which they are
//! sent. A line is a path, a colon, a blank and what stands there:
//!
//! ```text
//! argument: struct
//! argument.a: i64
//! argument.list: list
//! argument.list[]: struct
//! argument.list[].x: f32
//! argument.shape: enum
//! argument.shape::Circle: f64
//! argument.shape::Nothing: unit
//! argument.next: option
//! argument.next?: the type 2 levels up
//! reply: i64
//! ```
//!
//! | path | is |
//! | --- | --- |
//! | `.a` | a field of a struct, by its name in serde; `.0` an element of a tuple |
//! | `[]` | the elements of a list; `{key}`, `{value}` those of a map |
//! | `?` | what an option holds if it holds something |
//! | `::Circle` | what the variant holds |
//!
//! | word | is |
//! | --- | --- |
//! | `bool` `char` `str` `bytes` `unit` | themselves; a list of `u8` is `bytes` too, and a unit struct `unit` |
//! | `i8` to `i128`, `u8` to `u128`, `f32`, `f64` | numbers; `usize` is `u64` |
//! | `struct` `tuple` `enum` `option` `list` `map` | made of the places that follow |
//! | `the type N levels up` | a type that contains itself: N parts of this path before it ends |
//! | `any` | whatever comes: only self-describing codecs carry it |
//! | `unknown` | hidden, because the type refuses every trial value: equal to everything |
//!
//! Names of types are not part of a schema, and newtypes are what they contain: neither is sent. Control characters
//! in names are written as in Rust, such as `\n`.
//!
//! # Fingerprints
//!
//! Numbers of 64 bits that differ where schemas do. `FNV(bytes)` is FNV-1a: begin with `0xcbf29ce484222325`; for every
//! byte, xor it in and multiply by `0x100000001b3`, modulo 2^64; at last, 0 becomes 1.
//!
//! - Of a type: `FNV` of its lines without the leading `argument` or `reply`, each with a newline behind it; 0 if all
//!   that is known of it is the one line `: unknown`.
//! - Of a method: `FNV` of the argument's and the reply's fingerprint, 8 bytes each, little end first; 0 if both are 0.
//! - Of a service: `FNV` of its methods, sorted by name: each one's name, a zero byte, and its fingerprint, little end
//!   first.

mod access;
mod difference;
mod text;
mod trace;
mod trial;

pub use difference::difference;

pub(super) use text::text_of;

/// The fingerprint of a text, which may come in parts.
pub(crate) fn hashed(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.as_ref() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_fnv_1a() {
        assert_eq!(hashed([""]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hashed(["foo", "bar"]), 0x8594_4171_f739_67e8);
    }
}
