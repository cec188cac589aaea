//! Any bytes, as a stream of gomorpc's replies.
#![no_main]

use ferrywire_fuzz::gomorpc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gomorpc::gomorpc_replies(bytes));
