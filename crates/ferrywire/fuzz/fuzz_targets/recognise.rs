//! Any bytes, as the first of a stream.
#![no_main]

use ferrywire_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::recognise(bytes));
