//! Any bytes, as a stream of HTTP's responses.
#![no_main]

#[path = "../http.rs"]
mod http;
#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http::http_replies(bytes));
