//! The types that Go and Rust exchange, their known values and the services that answer them: the Rust half
//! of README.md, table by table.
//!
//! `go/zoo` is the Go half. A change in one is a change in the other, and in README.md.

pub mod answer;
mod service;
mod types;
pub mod value;

pub use service::{Arith, ArithClient, ArithServer, Calculator, Keeper, Zoo, ZooClient, ZooServer, server};
pub use types::*;

/// Compares as gob can: floats by their bits with all NaN as one, moments with their offset.
///
/// # Errors
///
/// Both values, if they differ.
pub fn same<T: std::fmt::Debug>(got: &T, expected: &T) -> Result<(), String> {
    // Debug tells -0.0 from 0.0, and shows all NaN alike.
    let (has, wants) = (format!("{got:?}"), format!("{expected:?}"));
    if has == wants {
        return Ok(());
    }
    Err(format!("got {}, expected {}", shortened(&has), shortened(&wants)))
}

fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 600;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
