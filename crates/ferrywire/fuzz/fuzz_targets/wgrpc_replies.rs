//! Any bytes, as a stream of WgRPC's or GeeRPC's replies.
#![no_main]

#[path = "../promises.rs"]
mod promises;
#[path = "../wgrpc.rs"]
mod wgrpc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wgrpc::wgrpc_replies(bytes));
