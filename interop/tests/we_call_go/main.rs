//! Our client puts Go's own server through named cases, of each version of Go and over each transport.

mod connect;
mod end;
mod evolution;
mod local;
mod many;
mod raw;
mod refusals;
mod round_trips;
mod suite;

use ferrywire_interop::harness::{Go, Tally, Transport};

use suite::{Case, Suite};

static TALLY: Tally = Tally::new("we call Go", 2 * Transport::ALL.len());

/// How many cases there were when this was written; over HTTP there is one more.
const CASES_MIN: usize = 186;

async fn every_case_passes(go: &'static Go, transport: Transport) {
    let cases = [
        round_trips::cases(),
        evolution::cases(),
        local::cases(),
        refusals::cases(),
        many::cases(),
        raw::cases(),
        connect::cases(transport),
        end::cases(),
    ];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    let expected = CASES_MIN + if transport.is_http() { 1 } else { 0 };
    assert!(cases.len() >= expected, "{} cases, expected {expected} or more", cases.len());

    let (passed, failed) = Suite::start(go, transport).await.run(cases).await;

    assert!(failed.is_empty(), "{} over {transport}:\n{}", go.version, failed.join("\n"));
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
    we_call_old_go_over_tcp: old over Tcp;
    we_call_old_go_over_unix: old over Unix;
    we_call_old_go_over_connect: old over Connect;
    we_call_old_go_over_connect_at_another_path: old over ConnectPath;
    we_call_old_go_over_connect_over_unix: old over ConnectUnix;
    we_call_new_go_over_tcp: new over Tcp;
    we_call_new_go_over_unix: new over Unix;
    we_call_new_go_over_connect: new over Connect;
    we_call_new_go_over_connect_at_another_path: new over ConnectPath;
    we_call_new_go_over_connect_over_unix: new over ConnectUnix;
}
