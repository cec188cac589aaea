//! Any bytes, as the head of a request on an RPC port.
#![no_main]

use ferrywire_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::tunnel_request(bytes));
