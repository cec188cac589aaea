//! Any bytes, read into fixed Rust types.
#![no_main]

#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::decode_typed(bytes));
