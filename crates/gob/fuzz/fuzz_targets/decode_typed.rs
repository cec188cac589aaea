//! Any bytes, read into fixed Rust types.
#![no_main]

use ferrywire_gob_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::decode_typed(bytes));
