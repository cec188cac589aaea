//! Any bytes, as the head of a server's reply to a CONNECT.
#![no_main]

use ferrywire_fuzz::promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::tunnel_reply(bytes));
