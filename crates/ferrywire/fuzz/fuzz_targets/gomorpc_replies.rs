//! Any bytes, as a stream of gomorpc's replies.
#![no_main]

#[path = "../gomorpc.rs"]
mod gomorpc;
#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gomorpc::gomorpc_replies(bytes));
