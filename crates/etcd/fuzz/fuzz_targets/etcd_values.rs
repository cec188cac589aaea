//! Any bytes, as a value in etcd.
#![no_main]

use ferrywire_etcd_fuzz::values;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| values::etcd_values(bytes));
