//! Any bytes, as requests of plain HTTP on one connection.
#![no_main]

use ferrywire_fuzz::http_requests;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_requests::http_requests(bytes));
