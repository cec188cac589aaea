//! WgRPC and GeeRPC: what they say beyond what every protocol must (`tests/protocols.rs`), and what becomes of peers that keep
//! to nothing.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "wgrpc/bytes.rs"]
mod bytes;
#[path = "wgrpc/http.rs"]
mod http;
#[cfg(feature = "json")]
#[path = "wgrpc/json.rs"]
mod json;
#[path = "wgrpc/to_client.rs"]
mod to_client;
#[path = "wgrpc/to_server.rs"]
mod to_server;
