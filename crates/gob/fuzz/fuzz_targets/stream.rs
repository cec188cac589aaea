//! Any bytes, cut anywhere: the cuts do not matter, and what is stepped over is what a type reads.
#![no_main]

use ferrywire_gob_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::stream(bytes));
