//! Any bytes, as a stream of WgRPC's or GeeRPC's replies.
#![no_main]

use ferrywire_fuzz::wgrpc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wgrpc::wgrpc_replies(bytes));
