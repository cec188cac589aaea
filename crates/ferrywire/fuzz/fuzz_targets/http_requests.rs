//! Any bytes, as requests of plain HTTP on one connection.
#![no_main]

#[path = "../http_requests.rs"]
mod http_requests;
#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_requests::http_requests(bytes));
