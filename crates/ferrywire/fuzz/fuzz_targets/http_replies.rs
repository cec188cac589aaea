//! Any bytes, as a stream of HTTP's responses.
#![no_main]

#[path = "../http_replies.rs"]
mod http_replies;
#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_replies::http_replies(bytes));
