//! What every Rust peer of the benchmark shares, so that all do the same work: `../README.md` says what that is.
//!
//! A peer implements [`Peer`] and [`Connection`], and its `main` is [`run`]. One whose callers cannot be `Send`, or
//! that has no callers at all, drives its connections itself with the parts below.

mod caller;
mod client;
mod latency;
mod orders;
mod payload;
mod peer;
mod process;
mod program;
mod shape;

pub use caller::{Caller, Done, Work};
pub use latency::Latencies;
pub use orders::{orders, say};
pub use payload::Payload;
pub use peer::{Connection, Peer, drive};
pub use process::{cpu_ns, heap_bytes, runtime};
pub use program::{run, run_words};
pub use shape::Shape;

/// Whatever goes wrong ends the program; the sentence is all that matters of it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with any error.
pub type Result<T> = std::result::Result<T, Error>;
