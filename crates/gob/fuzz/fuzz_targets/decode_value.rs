//! Any bytes, read without a type: what is read is the same after it was written again.
#![no_main]

use ferrywire_gob_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::decode_value(bytes));
