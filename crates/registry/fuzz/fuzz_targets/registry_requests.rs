//! Any bytes, as requests to a registry.
#![no_main]

use ferrywire_registry_fuzz::requests;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| requests::registry_requests(bytes));
