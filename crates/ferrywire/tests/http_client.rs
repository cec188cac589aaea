//! Plain HTTP as a client: our own server, and servers that a test writes byte by byte.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "http_client/calls.rs"]
mod calls;
#[path = "http_client/canned.rs"]
mod canned;
#[path = "http_client/connections.rs"]
mod connections;
#[path = "http_client/json_rpc.rs"]
mod json_rpc;
#[path = "http_client/replies.rs"]
mod replies;
