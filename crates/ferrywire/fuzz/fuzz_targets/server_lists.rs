//! Any bytes, as a list of servers, in a URL and in a file.
#![no_main]

use ferrywire_fuzz::discovery;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| discovery::server_lists(bytes));
