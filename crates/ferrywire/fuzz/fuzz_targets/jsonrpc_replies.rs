//! Any bytes, as a stream of JSON-RPC replies.
#![no_main]

use ferrywire_fuzz::jsonrpc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jsonrpc::jsonrpc_replies(bytes));
