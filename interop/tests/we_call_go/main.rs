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

static JSON: Tally = Tally::new("we call Go in JSON", 4);

/// How many of the cases there are in JSON.
const JSON_CASES_MIN: usize = 90;

/// Cases about gob itself, or with types that Go's JSON does not know, writes in another form than serde does, or does
/// not tell apart.
const GOBS_OWN: [&str; 19] = [
    "scalars",
    "zeros",
    "raw",
    "floats",
    "conjugate",
    "maps",
    "shapes",
    "any_",
    "times",
    "pause",
    "big_ints",
    "embedded",
    "marshalers",
    "links",
    "definitions",
    "not_utf_8",
    "new_types_late",
    "discard",
    "a_value_that_is_not",
];

async fn every_case_in_json_passes(go: &'static Go, transport: Transport) {
    let is_gobs = |case: &Case| GOBS_OWN.iter().any(|name| case.name().contains(name));
    let cases = [round_trips::cases(), refusals::cases(), many::cases()];
    let cases: Vec<Case> = cases.into_iter().flatten().filter(|case| !is_gobs(case)).collect();
    assert!(cases.len() >= JSON_CASES_MIN, "{} cases, expected {JSON_CASES_MIN} or more", cases.len());

    let (passed, failed) = Suite::start(go, transport).await.run(cases).await;

    assert!(failed.is_empty(), "{} over {transport}:\n{}", go.version, failed.join("\n"));
    JSON.add(go.run(transport, passed));
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

tests! {
    every_case_in_json_passes;
    we_call_old_go_in_json_over_tcp: older over Json;
    we_call_old_go_in_json_over_unix: older over JsonUnix;
    we_call_new_go_in_json_over_tcp: newer over Json;
    we_call_new_go_in_json_over_unix: newer over JsonUnix;
}
