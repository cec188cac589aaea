//! Any bytes, as a value in etcd.
#![no_main]

#[path = "../values.rs"]
mod values;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| values::etcd_values(bytes));
