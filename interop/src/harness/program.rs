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
/// Unless every case passed; the message holds each line that is not `ok`.
pub async fn cases(mut command: Command, about: &str) -> Vec<String> {
    let run = command.stdin(Stdio::null()).output();
    let output = match tokio::time::timeout(RUN_MAX, run).await {
        Ok(output) => output.unwrap_or_else(|cause| panic!("{about}: {cause}")),
        Err(_) => panic!("{about}: not done after {RUN_MAX:?}"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let (passed, other): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("ok "));
    let summary = format!("cases: {} passed, 0 failed", passed.len());
    assert!(output.status.success() && other == [summary.as_str()], "{about}:\n{}", other.join("\n"));
    passed.iter().map(|line| line.trim_start_matches("ok ").to_owned()).collect()
}

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
