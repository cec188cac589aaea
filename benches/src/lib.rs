//! What a call and a value cost, as ratios against Go's `net/rpc` and `encoding/gob` measured in one run.
//!
//! Peers are processes of their own that take orders; the table's side only waits while one of them works.
//! How it is measured, and why, stands in docs/benchmarks.md.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

pub mod counts;
pub mod gob;
pub mod machine;
pub mod netrpc;
pub mod peer;
pub mod process;
pub mod ratio;

use peer::Result;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Blocks of every table; each block yields one ratio.
    pub blocks: usize,
    /// How long one peer of `net/rpc` works at a time, and how long before that counts.
    pub call_slice_ms: u64,
    pub call_warm_up_ms: u64,
    /// How long one operation of the codec is repeated at a time.
    pub code_slice_ms: u64,
}

impl Effort {
    /// Both tables within eight minutes.
    pub const DEFAULT: Self =
        Self { blocks: 12, call_slice_ms: 400, call_warm_up_ms: 30, code_slice_ms: 100 };
    /// Both tables within three minutes.
    pub const QUICK: Self = Self { blocks: 6, call_slice_ms: 200, call_warm_up_ms: 20, code_slice_ms: 60 };
}

/// Where results and Go's binary are put: `bench` in the target directory.
pub fn output_directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .parent()
        .and_then(|profile| profile.parent())
        .ok_or("the program lies in no target directory")?;
    let directory = target.join("bench");
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Writes `results` where tools look for them, and says so.
pub fn keep(name: &str, results: &impl Serialize) -> Result<()> {
    let path = output_directory()?.join(name);
    fs::write(&path, serde_json::to_string_pretty(results)?)?;
    println!("written to bench/{name} in the target directory\n");
    Ok(())
}
