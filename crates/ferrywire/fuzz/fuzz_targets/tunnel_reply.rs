//! Any bytes, as the head of a server's reply to a CONNECT.
#![no_main]

#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::tunnel_reply(bytes));
