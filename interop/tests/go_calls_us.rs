//! Go's own client puts our server through all of its cases, of each version of Go and over each transport.

use ferrywire_interop::harness::{Go, Ours, Tally, Transport};

static TALLY: Tally = Tally::new("Go calls us", 2 * Transport::ALL.len());

/// How many cases Go's client had when this was written; over HTTP it has three more.
const CASES_MIN: usize = 172;

async fn every_case_passes(go: &Go, transport: Transport) {
    let server = Ours::start(transport).await;

    let passed = go.cases("client", &["-dial", server.address(), "-cancels"]).await;

    let expected = CASES_MIN + if transport.is_http() { 3 } else { 0 };
    assert!(passed.len() >= expected, "{} cases, expected {expected} or more", passed.len());
    TALLY.add(go.run(transport, passed));
}

macro_rules! tests {
    ($($name:ident: $go:ident over $transport:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            every_case_passes(Go::$go(), Transport::$transport).await;
        })*
    };
}

tests! {
    old_go_calls_us_over_tcp: old over Tcp;
    old_go_calls_us_over_unix: old over Unix;
    old_go_calls_us_over_connect: old over Connect;
    old_go_calls_us_over_connect_at_another_path: old over ConnectPath;
    old_go_calls_us_over_connect_over_unix: old over ConnectUnix;
    new_go_calls_us_over_tcp: new over Tcp;
    new_go_calls_us_over_unix: new over Unix;
    new_go_calls_us_over_connect: new over Connect;
    new_go_calls_us_over_connect_at_another_path: new over ConnectPath;
    new_go_calls_us_over_connect_over_unix: new over ConnectUnix;
}
