//! Any bytes, as requests to a registry.
#![no_main]

#[path = "../requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| requests::registry_requests(bytes));
