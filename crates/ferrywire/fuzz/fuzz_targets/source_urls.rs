//! Any bytes, as the URL of a source of servers.
#![no_main]

#[path = "../discovery.rs"]
mod discovery;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| discovery::source_urls(bytes));
