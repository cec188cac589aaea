//! Any bytes, as an address.
#![no_main]

use ferrywire_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::address(bytes));
