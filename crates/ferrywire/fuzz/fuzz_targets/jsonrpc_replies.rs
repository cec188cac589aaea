//! Any bytes, as a stream of JSON-RPC replies.
#![no_main]

#[path = "../jsonrpc.rs"]
mod jsonrpc;
#[path = "../promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jsonrpc::jsonrpc_replies(bytes));
