//! Our clients and servers against real programs in other languages.
//!
//! [`zoo`] is the Rust half of README.md: the types, their known values, the services. [`harness`] builds and
//! starts the Go half.

pub mod harness;
pub mod zoo;
