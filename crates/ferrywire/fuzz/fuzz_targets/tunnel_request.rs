//! Any bytes, as the head of a request on an RPC port.
#![no_main]

#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::tunnel_request(bytes));
