//! What a call and a value cost, beside what they cost with others, measured in one run.
//!
//! Peers are processes of their own that take orders (`peers/README.md`); the table's side only waits while one
//! of them works. How it is measured, and why, stands in docs/benchmarks.md.

use std::fs;
use std::path::PathBuf;

use peer_support::Result;
use serde::Serialize;

pub mod balance;
pub mod calls;
mod chart;
pub mod codec;
pub mod counts;
pub mod effort;
pub mod gob;
pub mod http;
pub mod idle;
pub mod machine;
pub mod netrpc;
pub mod opening;
pub mod ours;
pub mod peers;
pub mod placement;
pub mod process;
pub mod ratio;
pub mod session;
pub mod tail;

/// Where results and peers are put: `bench` in the target directory.
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
