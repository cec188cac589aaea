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
const CASES_MIN: usize = 188;

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
    we_call_old_go_over_tcp: older over Tcp;
    we_call_old_go_over_unix: older over Unix;
    we_call_old_go_over_connect: older over Connect;
    we_call_old_go_over_connect_at_another_path: older over ConnectPath;
    we_call_old_go_over_connect_over_unix: older over ConnectUnix;
    we_call_new_go_over_tcp: newer over Tcp;
    we_call_new_go_over_unix: newer over Unix;
    we_call_new_go_over_connect: newer over Connect;
    we_call_new_go_over_connect_at_another_path: newer over ConnectPath;
    we_call_new_go_over_connect_over_unix: newer over ConnectUnix;
}
