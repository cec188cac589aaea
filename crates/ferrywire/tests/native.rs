//! The native protocol, held against its page (`docs/native-protocol.md`): what it says beyond what every protocol
//! must (`tests/protocols.rs`), and what becomes of peers that keep to nothing.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "native/bodies.rs"]
mod bodies;
#[path = "native/checksums.rs"]
mod checksums;
#[path = "native/compression.rs"]
mod compression;
#[path = "native/desk.rs"]
mod desk;
#[path = "native/frames.rs"]
mod frames;
#[path = "native/full.rs"]
mod full;
#[path = "native/pulse.rs"]
mod pulse;
#[path = "native/python.rs"]
mod python;
#[path = "native/recorded.rs"]
mod recorded;
#[path = "native/to_client.rs"]
mod to_client;
#[path = "native/to_server.rs"]
mod to_server;
#[path = "native/truths.rs"]
mod truths;
