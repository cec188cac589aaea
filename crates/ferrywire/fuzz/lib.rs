//! What must hold for any bytes whatever, compiled once for all targets.

pub mod connections;
pub mod discovery;
pub mod gomorpc;
pub mod http_replies;
pub mod http_requests;
pub mod jsonrpc;
pub mod native;
pub mod promises;
pub mod wgrpc;
