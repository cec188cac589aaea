//! Go types that have no Rust type of their own.
//!
//! Each speaks to gob through a newtype of a reserved name; other formats see the content, in the form that
//! Go's `encoding/json` has for it where there is one.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod as_if;
mod big_int;
mod complex;
mod marshaled;
mod raw_string;
mod time;

pub use as_if::AsIf;
pub use big_int::BigInt;
pub use complex::Complex;
pub use marshaled::{BinaryMarshaled, GobEncoded, TextMarshaled};
pub use raw_string::RawString;
pub use time::Time;

pub(crate) use time::ZERO_TIME;

/// For `#[serde(with = "ferrywire_gob::time")]`: a `SystemTime` is Go's `time.Time` in UTC.
pub mod as_time {
    pub use super::time::{deserialize, serialize};
}

/// For `#[serde(with = "ferrywire_gob::big_int")]`: an `i128` is Go's `*big.Int`.
pub mod as_big_int {
    pub use super::big_int::{deserialize, serialize};
}
