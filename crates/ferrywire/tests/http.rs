//! Plain HTTP, in bytes: requests as programs write them, and responses as they come.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod support;

#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/browsers.rs"]
mod browsers;
#[path = "http/caller.rs"]
mod caller;
#[path = "http/calls.rs"]
mod calls;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/json_rpc.rs"]
mod json_rpc;
#[path = "http/lists.rs"]
mod lists;
#[path = "http/pages.rs"]
mod pages;
