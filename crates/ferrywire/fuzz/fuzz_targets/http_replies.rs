//! Any bytes, as a stream of HTTP's responses.
#![no_main]

use ferrywire_fuzz::http_replies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_replies::http_replies(bytes));
