//! gomorpc: what it says beyond what every protocol must (`tests/protocols.rs`), and what becomes of peers that keep to nothing.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "gomorpc/bad_input.rs"]
mod bad_input;
#[path = "gomorpc/bytes.rs"]
mod bytes;
#[path = "gomorpc/recorded.rs"]
mod recorded;
#[path = "gomorpc/to_client.rs"]
mod to_client;
#[path = "gomorpc/to_server.rs"]
mod to_server;
