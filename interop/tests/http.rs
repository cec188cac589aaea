//! Plain HTTP with programs that have nothing but their language's standard library: Python's urllib and Node's `fetch` call
//! our server, and our client calls Python's `http.server` and Node's `node:http`.
#![allow(clippy::unwrap_used, reason = "in a test, a failure is the report")]

use std::path::Path;
use std::process::Stdio;

use ferrywire::protocol::{Http, JsonRpc, Post};
use ferrywire::{Client, Code};
use ferrywire_interop::harness::{Ours, Run, Tally, Transport, cases, listening};
use ferrywire_interop::zoo::Args;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

static CALL_US: Tally = Tally::new("standard libraries call us over HTTP", 2);
static WE_CALL: Tally = Tally::new("we call standard libraries over HTTP", 3);

/// A program of `http/`, not started. It is killed when its handle is dropped.
fn program(interpreter: &str, name: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("http").join(name);
    let mut command = Command::new(interpreter);
    command.args((interpreter == "python3").then_some("-B"));
    command.arg(script).kill_on_drop(true).stderr(Stdio::inherit());
    command
}

/// What an interpreter calls itself, such as `Python 3.11.7`.
async fn version(interpreter: &str) -> String {
    let said = Command::new(interpreter).arg("--version").output().await;
    let said = said
        .unwrap_or_else(|cause| panic!("this test runs `{interpreter}`, which must be on the path: {cause}"));
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if said.starts_with('v') { format!("Node {said}") } else { said }
}

async fn calls_us(interpreter: &str, script: &str, cases_min: usize) {
    let server = Ours::start(Transport::Tcp).await;
    let mut command = program(interpreter, script);
    command.arg(server.address().replacen("tcp://", "http://", 1));

    let passed = cases(command, script).await;

    assert!(passed.len() >= cases_min, "{} cases, expected {cases_min} or more", passed.len());
    CALL_US.add(Run { version: version(interpreter).await, transport: "tcp".to_owned(), cases: passed });
}

/// As those programs spell it.
#[derive(Deserialize, Serialize)]
struct Factors {
    a: i64,
    b: i64,
}

async fn we_call(interpreter: &str, words: &[&str]) {
    let (script, flags) = words.split_first().unwrap();
    let mut command = program(interpreter, script);
    command.args(flags);
    let (_child, address) = listening(command, script).await;
    let (plain, rpc) = (format!("{address}/api/"), format!("{address}/rpc"));
    let plain = Client::builder().protocol(Http).connect(plain).await.unwrap();
    let rpc = Client::builder().protocol(Post(JsonRpc)).connect(rpc).await.unwrap();

    for client in [&plain, &rpc] {
        for round in 0..20 {
            let product: i64 = client.call("Arith.Multiply", &Factors { a: 6, b: round }).await.unwrap();
            assert_eq!(product, 6 * round, "{words:?}");
        }
    }
    let many =
        (0..100).map(|a| plain.start::<_, i64>("Arith.Multiply", &Factors { a, b: 2 })).collect::<Vec<_>>();
    for (a, call) in many.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), 2 * a as i64, "{words:?}");
    }

    let tenant =
        plain.call::<_, String>("Echo.Tenant", &Args { a: 0, b: 0 }).metadata("X-Tenant", "é".as_bytes());
    let (tenant, beside) = tenant.with_metadata().await.unwrap();
    // Both read a header as Latin-1.
    assert_eq!(tenant, "Ã©", "{words:?}");
    let served_by = if interpreter == "node" { "node" } else { "python" };
    assert_eq!(beside.get_text("x-served-by"), Some(served_by));

    let error = plain.call::<_, i64>("Arith.Nothing", &Factors { a: 0, b: 0 }).await.unwrap_err();
    assert_eq!((error.code(), error.is_remote()), (Code::NotFound, true));
    assert!(error.message().starts_with("the server answered `404 Not Found`: `"), "{error}");
    let error = rpc.call::<_, i64>("Arith.Nothing", &Factors { a: 0, b: 0 }).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unimplemented, "no Arith.Nothing"));

    let cases = [
        "twenty_in_a_row",
        "many_at_once",
        "metadata_both_ways",
        "a_status_of_theirs",
        "json_rpc",
        "an_error_with_500",
    ];
    let cases = cases.into_iter().map(|case| format!("{}/{case}", words.join(" "))).collect();
    WE_CALL.add(Run { version: version(interpreter).await, transport: "tcp".to_owned(), cases });
}

#[tokio::test]
async fn pythons_urllib_calls_us() {
    calls_us("python3", "client.py", 7).await;
}

#[tokio::test]
async fn nodes_fetch_calls_us() {
    calls_us("node", "client.mjs", 9).await;
}

#[tokio::test]
async fn we_call_pythons_http_server_of_1_0() {
    we_call("python3", &["server.py", "1.0"]).await;
}

#[tokio::test]
async fn we_call_pythons_http_server_of_1_1() {
    we_call("python3", &["server.py", "1.1"]).await;
}

#[tokio::test]
async fn we_call_nodes_http_server() {
    we_call("node", &["server.mjs"]).await;
}
