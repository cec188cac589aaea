//! What programs say that are started here, whatever they are written in.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Runs a program that prints `ok NAME` or `FAIL NAME: WHY` for each of its cases, then
/// `cases: N passed, M failed`; `about` says which it is.
///
/// # Panics
///
/// Unless every case passed; the message holds each line that is not `ok`, and what the program complained of.
pub async fn cases(command: Command, about: &str) -> Vec<String> {
    try_cases(command).await.unwrap_or_else(|why| panic!("{about}: {why}"))
}

/// The same of a program that may fail; which cases passed, or why not all did.
///
/// # Errors
///
/// Unless every case passed.
pub(super) async fn try_cases(mut command: Command) -> Result<Vec<String>, String> {
    let run = command.stdin(Stdio::null()).output();
    let output = match tokio::time::timeout(RUN_MAX, run).await {
        Ok(output) => output.map_err(|cause| cause.to_string())?,
        Err(_) => return Err(format!("not done after {RUN_MAX:?}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let (passed, other): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("ok "));
    let summary = format!("cases: {} passed, 0 failed", passed.len());
    if !output.status.success() || other != [summary.as_str()] {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint.lines().take(COMPLAINT_MAX).collect::<Vec<_>>().join("\n");
        return Err(format!(
            "{} after {} cases\n{}\n{complaint}",
            output.status,
            passed.len(),
            other.join("\n")
        ));
    }
    Ok(passed.iter().map(|line| line.trim_start_matches("ok ").to_owned()).collect())
}

/// So many lines of a complaint are shown: one of Go's has all of its goroutines.
const COMPLAINT_MAX: usize = 20;

/// Longer than any healthy run of a program.
const RUN_MAX: Duration = Duration::from_secs(150);

/// Starts a server that prints `listening on ADDRESS` and ends when its input closes; and the address.
///
/// # Panics
///
/// If it does not say where it listens.
pub async fn listening(mut command: Command, about: &str) -> (Child, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|cause| panic!("{about}: {cause}"));
    let said = child.stdout.take().expect("a piped output is there");
    let first = tokio::time::timeout(START_MAX, BufReader::new(said).lines().next_line()).await;
    let line = first.ok().and_then(Result::ok).flatten().unwrap_or_default();
    match line.strip_prefix("listening on ") {
        Some(place) => (child, place.to_owned()),
        None => panic!("{about} said `{line}`, expected `listening on ADDRESS`"),
    }
}

const START_MAX: Duration = Duration::from_secs(10);
