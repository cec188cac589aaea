//! Go's own client puts our server through all of its cases, of each version of Go and over each transport.

use std::process::Stdio;
use std::time::Duration;

use ferrywire_interop::harness::{Go, Ours, Tally, Transport};

static TALLY: Tally = Tally::new("Go calls us", 2 * Transport::ALL.len());

/// How many cases Go's client had when this was written; over HTTP it has three more.
const CASES_MIN: usize = 172;

static JSON: Tally = Tally::new("Go calls us in JSON", 4);

/// How many of the cases there are in JSON.
const JSON_CASES_MIN: usize = 95;

async fn every_case_in_json_passes(go: &Go, transport: Transport) {
    let server = Ours::start(transport).await;

    let passed = go.cases("client", &["-dial", server.address(), "-json"]).await;

    assert!(passed.len() >= JSON_CASES_MIN, "{} cases, expected {JSON_CASES_MIN} or more", passed.len());
    JSON.add(go.run(transport, passed));
}

async fn every_case_passes(go: &Go, transport: Transport) {
    let server = Ours::start(transport).await;

    let passed = go.cases("client", &["-dial", server.address(), "-cancels"]).await;

    let expected = CASES_MIN + if transport.is_http() { 3 } else { 0 };
    assert!(passed.len() >= expected, "{} cases, expected {expected} or more", passed.len());
    TALLY.add(go.run(transport, passed));
}

macro_rules! tests {
    ($every_case_passes:ident; $($name:ident: $go:ident over $transport:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $every_case_passes(Go::$go(), Transport::$transport).await;
        })*
    };
}

tests! {
    every_case_passes;
    old_go_calls_us_over_tcp: older over Tcp;
    old_go_calls_us_over_unix: older over Unix;
    old_go_calls_us_over_connect: older over Connect;
    old_go_calls_us_over_connect_at_another_path: older over ConnectPath;
    old_go_calls_us_over_connect_over_unix: older over ConnectUnix;
    new_go_calls_us_over_tcp: newer over Tcp;
    new_go_calls_us_over_unix: newer over Unix;
    new_go_calls_us_over_connect: newer over Connect;
    new_go_calls_us_over_connect_at_another_path: newer over ConnectPath;
    new_go_calls_us_over_connect_over_unix: newer over ConnectUnix;
}

tests! {
    every_case_in_json_passes;
    old_go_calls_us_in_json_over_tcp: older over Json;
    old_go_calls_us_in_json_over_unix: older over JsonUnix;
    new_go_calls_us_in_json_over_tcp: newer over Json;
    new_go_calls_us_in_json_over_unix: newer over JsonUnix;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_client_that_is_killed_leaves_nothing_behind() {
    let server = Ours::start(Transport::Tcp).await;
    let mut client = Go::newer().program("client");
    client.args(["-dial", server.address(), "-only", "many/10_slow_calls_run_side_by_side"]);
    let mut client = client.stdout(Stdio::null()).spawn().expect("a program that was built starts");
    becomes("10 calls running", || server.handle.running() == 10).await;

    client.kill().await.expect("a child that was not waited for can be killed");

    becomes("no call running", || server.handle.running() == 0).await;
    becomes("no connection", || server.handle.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_answers_what_go_has_asked() {
    let server = Ours::start(Transport::Tcp).await;
    let words = ["-dial", server.address(), "-only", "many/10_slow_calls_run_side_by_side"];
    let shut_down = async {
        becomes("10 calls running", || server.handle.running() == 10).await;
        server.handle.shutdown();
    };

    let (passed, ()) = tokio::join!(Go::newer().cases("client", &words), shut_down);

    assert_eq!(passed, ["many/10_slow_calls_run_side_by_side"]);
    becomes("no connection", || server.handle.connections() == 0).await;
}

/// Looks until it is so, for at most ten seconds.
async fn becomes(what: &str, holds: impl Fn() -> bool) {
    let looked = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), looked).await.is_ok(), "expected {what}");
}
