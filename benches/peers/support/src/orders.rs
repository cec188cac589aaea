//! Lines in, lines out.

use std::io::{BufRead, Write, stdin, stdout};

use crate::Result;

/// Prints a line, and does not keep it back.
pub fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Answers every line with what `answer` makes of its words, until the input ends.
pub fn orders(mut answer: impl FnMut(&[&str]) -> Result<String>) -> Result<()> {
    for line in stdin().lock().lines() {
        say(&answer(&line?.split_whitespace().collect::<Vec<_>>())?)?;
    }
    Ok(())
}
