//! Any bytes, as the URL of a source of servers.
#![no_main]

use ferrywire_fuzz::discovery;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| discovery::source_urls(bytes));
