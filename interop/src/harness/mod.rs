//! Finds Go, builds and starts its programs and ours, and counts what passed.
//!
//! A missing or failing Go is a failed test, never a skipped one. Whatever was started is killed when its
//! handle is dropped.

mod browser;
mod go;
mod nonces;
mod ours;
mod peers;
mod program;
mod tally;
mod transport;

use std::path::PathBuf;

pub use browser::{Browser, Site, until_quiet};
pub use go::{Go, GoServer};
pub use nonces::nonces;
pub use ours::Ours;
pub use peers::Peer;
pub use program::{cases, listening};
pub use tally::{Run, Tally};
pub use transport::{Socket, Transport};

/// What a case ends with: nothing, or what was got and what was expected.
pub type Outcome = Result<(), String>;

/// Where programs are built and summaries written: `interop` in cargo's target folder.
fn folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    // As in target/debug/deps/stdio-1dd94ecb.
    test.ancestors().nth(3).expect("cargo builds tests three folders deep").join("interop")
}
