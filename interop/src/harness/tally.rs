//! Counts what passed, and says it in one line once everything that was planned has run.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::{Transport, folder};

/// What all tests of one file passed.
#[derive(Debug)]
pub struct Tally {
    what: &'static str,
    planned: usize,
    runs: Mutex<Vec<Run>>,
}

/// Cases that passed with one version over one transport.
#[derive(Debug)]
pub struct Run {
    /// Such as `go1.26.8`.
    pub version: String,
    /// Such as `tcp`.
    pub transport: String,
    /// The names of the cases.
    pub cases: Vec<String>,
}

impl Tally {
    /// Of `planned` runs of `what`.
    pub const fn new(what: &'static str, planned: usize) -> Self {
        Self { what, planned, runs: Mutex::new(Vec::new()) }
    }

    /// Adds a run. The last one prints the summary, and appends it to `summary.txt` in the folder of the
    /// built programs.
    ///
    /// # Panics
    ///
    /// If the summary cannot be written.
    pub fn add(&self, run: Run) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(run);
        if runs.len() < self.planned {
            return;
        }
        let line = summary(self.what, &runs);
        println!("{line}");
        let path = folder().join("summary.txt");
        let _ = std::fs::create_dir_all(folder());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    }
}

fn summary(what: &str, runs: &[Run]) -> String {
    let cases: BTreeSet<&str> = runs.iter().flat_map(|run| &run.cases).map(String::as_str).collect();
    let versions: BTreeSet<&str> = runs.iter().map(|run| run.version.as_str()).collect();
    let mut transports: Vec<&str> = runs.iter().map(|run| run.transport.as_str()).collect();
    // The runs end in any order.
    transports.sort_by_key(|name| Transport::ALL.iter().position(|known| known.to_string() == *name));
    transports.dedup();
    let versions: Vec<&str> = versions.into_iter().collect();
    format!(
        "interop: {} cases passed against {}, {} ({what})",
        cases.len(),
        versions.join(" and "),
        transports.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_passed_in_several_runs_is_counted_once() {
        let run = |version: &str, transport: &str, cases: &[&str]| Run {
            version: version.into(),
            transport: transport.into(),
            cases: cases.iter().map(|name| (*name).to_owned()).collect(),
        };
        let runs = [run("go1.19", "tcp", &["a", "b"]), run("go1.26", "unix", &["b", "c"])];

        let line = summary("Go calls us", &runs);

        assert_eq!(line, "interop: 3 cases passed against go1.19 and go1.26, tcp, unix (Go calls us)");
    }
}
