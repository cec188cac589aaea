//! Our side of the benchmarks, each in a process of its own: a server, a client, a loop around the codec.
//!
//! Orders come as lines on standard input, answers go as lines to standard output; the end of the input
//! ends the process. Go's side in `peers/go-netrpc` takes the same orders.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};

pub mod codec;
pub mod echo;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What this process has used so far, user and system, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64
}

/// Prints a line, and waits for nothing.
fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Answers every line with what `answer` makes of its words.
fn orders(mut answer: impl FnMut(&[&str]) -> Result<String>) -> Result<()> {
    for line in stdin().lock().lines() {
        say(&answer(&line?.split_whitespace().collect::<Vec<_>>())?)?;
    }
    Ok(())
}

/// One thread: tokio's `current_thread`. More: its work-stealing runtime, as `#[tokio::main]` makes it.
fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().build()?)
}
