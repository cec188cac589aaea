//! JSON-RPC, both versions: what it says beyond what every protocol must (`tests/protocols.rs`), and what becomes of
//! peers that keep to nothing.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "jsonrpc/bad_input.rs"]
mod bad_input;
#[path = "jsonrpc/first.rs"]
mod first;
#[path = "jsonrpc/ledger.rs"]
mod ledger;
#[path = "jsonrpc/lines.rs"]
mod lines;
#[path = "jsonrpc/recorded.rs"]
mod recorded;
#[path = "jsonrpc/second.rs"]
mod second;
#[path = "jsonrpc/to_client.rs"]
mod to_client;
