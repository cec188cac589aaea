//! A client that a stranger could have written: the page, Python's standard library, nothing of ours.

use std::process::{Command, Stdio};

use ferrywire::Limits;

use crate::desk::Office;
use crate::support::in_time;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/native/client.py");

#[test]
fn a_client_in_python_is_short_and_needs_nothing_but_the_standard_library() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let imports: Vec<_> = script.lines().filter(|line| line.contains("import ")).collect();

    assert!(script.lines().count() <= 150, "{} lines", script.lines().count());
    assert_eq!(imports, ["import json, socket, struct, sys"]);
}

/// By name and by number, an error, metadata, a cancel, a deadline, a ping.
#[tokio::test]
async fn a_client_in_python_makes_calls_in_json() {
    let office = Office::at("tcp://127.0.0.1:0", Limits::default()).await;
    let address = office.address.to_string();
    let (host, port) = address.strip_prefix("tcp://").unwrap().rsplit_once(':').unwrap();

    let mut python = Command::new("python3");
    python.args(["-B", SCRIPT, host, port]).stdin(Stdio::null());
    let running = tokio::task::spawn_blocking(move || python.output());
    let output = in_time("the script ends", running).await.unwrap();

    let output =
        output.expect("this test runs `python3`, which must be on the path; any version from 3.6 on will do");
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = [
        r#"by name {"metadata": {}, "reply": 42}"#,
        r#"by number {"metadata": {}, "reply": 42}"#,
        r#"an error {"code": 9, "details": "b'[\"because\", 42]'", "error": "100 % \u00e9", "metadata": {}}"#,
        r#"nobody {"code": 12, "error": "the service has no method Desk.Nobody", "metadata": {}}"#,
        r#"metadata {"metadata": {"re-key-bin": "\u0000\u00ff", "re-who": "me"}, "reply": 2}"#,
        r#"meanwhile {"metadata": {}, "reply": 1}"#,
        r#"cancelled {"code": 1, "error": "the caller has withdrawn the call", "metadata": {}}"#,
        r#"too late {"code": 4, "error": "deadline exceeded while the method was running", "metadata": {}}"#,
        r#"ping "anybody there?""#,
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}
