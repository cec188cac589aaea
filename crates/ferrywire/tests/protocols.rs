//! What every protocol must do over every transport: one list of behaviours, run for each pair.
//!
//! A new protocol is one `suite!` line at the foot; a new behaviour is a function and a line in `behaviours!`, or in a list
//! below it if not every wire can say it.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrywire::protocol::{GeeRpc, GomoRpc, Native, NetRpc, Protocol, WgRpc};
#[cfg(feature = "http")]
use ferrywire::protocol::{Http, Post};
#[cfg(feature = "json")]
use ferrywire::protocol::{JsonRpc, JsonRpc1};
use ferrywire::{Client, Code, Limits, Phase};
use futures_util::future::join_all;

use support::{Args, ProbeClient, Rig, in_time, limits};

mod support;

/// A way from a client to a server.
#[derive(Clone, Copy, Debug)]
enum Way {
    Memory,
    Tcp,
    Unix,
    Connect,
    ConnectUnix,
}

impl Way {
    /// An address at which nobody else listens.
    fn address(self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = std::env::temp_dir().join(format!("ferrywire-suite-{}-{number}", std::process::id()));
        match self {
            Way::Memory => "memory://suite".to_owned(),
            Way::Tcp | Way::Connect => "tcp://127.0.0.1:0".to_owned(),
            Way::Unix | Way::ConnectUnix => format!("unix://{}", socket.display()),
        }
    }

    /// Where a client finds what listens at `address`.
    fn asked_at(self, address: &str) -> String {
        match self {
            Way::Connect => address.replacen("tcp://", "http://", 1),
            Way::ConnectUnix => address.replacen("unix://", "http+unix://", 1),
            Way::Memory | Way::Tcp | Way::Unix => address.to_owned(),
        }
    }
}

/// A server, and a client of it.
struct Table {
    rig: Rig,
    client: Client,
    probe: ProbeClient,
}

impl Table {
    async fn laid<P: Protocol>(protocol: P, way: Way, limits: Limits) -> Self {
        let rig = Rig::at(&way.address(), limits).await;
        let address = way.asked_at(&rig.address.to_string());
        let connecting = rig.builder().protocol(protocol).connect(address);
        let client = in_time("a connection stands", connecting).await.unwrap();
        Self { rig, probe: ProbeClient::new(client.clone()), client }
    }

    async fn is_usable(&self) {
        let product = in_time("a call is answered", self.probe.multiply(Args { a: 6, b: 7 })).await;
        assert_eq!(product.unwrap(), 42);
    }
}

// ---- behaviours ----

async fn a_call_is_answered<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    assert_eq!(table.probe.twice(21).await.unwrap(), 42);
    assert_eq!(table.probe.multiply(Args { a: -6, b: 7 }).await.unwrap(), -42);
    assert_eq!(table.probe.say("é 世界 🦀 \0\n".to_owned(), 0).await.unwrap(), "é 世界 🦀 \0\n");
}

async fn bodies_of_every_length_arrive<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    // The longest is just below the limit where bytes become base64.
    for len in [0, 1, 127, 128, 4096, 65_535, 65_536, 271_828, 314_159, (3 << 20) - 3] {
        assert_eq!(table.probe.len(&vec![7; len]).await.unwrap(), len as u64);
        assert_eq!(table.probe.fill(len as u64).await.unwrap().len(), len);
    }
}

async fn an_error_arrives_with_its_text<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    for text in ["no", "100%s \u{2028}\n", "é 世界 🦀"] {
        let error = table.probe.fail(text.to_owned()).await.unwrap_err();

        assert_eq!(error.message(), text);
        assert!(error.is_remote() && error.may_have_run());
    }
    table.is_usable().await;
}

async fn what_is_not_there_has_certainly_not_run<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    for name in ["Nobody.Twice", "Probe.Nothing", "Twice"] {
        let error = table.client.call::<_, i64>(name, &1_i64).await.unwrap_err();

        assert_eq!(error.code(), Code::Unimplemented, "{name}");
        assert!(error.is_remote() && !error.may_have_run(), "{name}");
    }
    table.is_usable().await;
}

async fn an_argument_of_another_type_fails_alone<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    let error = table.client.call::<_, i64>("Probe.Twice", &"text".to_owned()).await.unwrap_err();

    assert!(error.is_remote());
    table.is_usable().await;
    assert_eq!(table.rig.handle.connections(), 1);
}

async fn a_reply_of_another_type_fails_alone<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    let error = table.client.call::<_, String>("Probe.Twice", &21_i64).await.unwrap_err();

    assert_eq!(error.phase(), Some(Phase::Decode));
    assert!(error.may_have_run() && !error.is_remote());
    table.is_usable().await;
    assert_eq!(table.rig.handle.connections(), 1);
}

async fn replies_reach_their_own_callers_in_any_order<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let held = table.client.start::<_, i64>("Probe.Hold", &5_i64);
    table.rig.bench.begun(1).await;

    let doubled = join_all((0..100).map(|number| table.probe.twice(number))).await;
    assert!(!held.is_done());
    table.rig.bench.let_go(1);

    for (number, doubled) in doubled.into_iter().enumerate() {
        assert_eq!(doubled.unwrap(), 2 * number as i64);
    }
    assert_eq!(in_time("the first call ends", held).await.unwrap(), 5);
}

/// Row R2: what comes back belongs to what was asked.
async fn many_callers_share_one_connection<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let callers = (0..16).map(|caller| {
        let probe = table.probe.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let nonce = format!("{caller}/{round}");
                assert_eq!(probe.say(nonce.clone(), 0).await.unwrap(), nonce);
            }
        })
    });

    for caller in join_all(callers).await {
        caller.unwrap();
    }

    assert_eq!(table.rig.handle.connections(), 1);
    assert_eq!(table.rig.handle.running(), 0);
}

/// Where a call needs a connection for itself, there are few all the same.
async fn many_callers_share_few_connections<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let callers = (0..100).map(|number| table.probe.say(number.to_string(), 1));

    for (number, said) in join_all(callers).await.into_iter().enumerate() {
        assert_eq!(said.unwrap(), number.to_string());
    }

    let connections = table.rig.handle.connections();
    assert!((2..=8).contains(&connections), "{connections}");
    assert_eq!(table.rig.handle.running(), 0);
}

async fn a_dropped_call_is_withdrawn<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let held = table.client.start::<_, i64>("Probe.Watched", &5_i64);
    table.rig.bench.begun(1).await;

    drop(held);

    table.rig.bench.gone(1).await;
    table.rig.bench.cancelled(1).await;
    table.is_usable().await;
}

async fn a_deadline_ends_a_call_and_its_method<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    let error = table.probe.hold(5).timeout(Duration::from_millis(20)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Wait)));
    assert!(error.may_have_run());
    table.rig.bench.gone(1).await;
    table.is_usable().await;
}

/// Where a wire has no word for a withdrawal, this is what is left of one.
async fn a_dropped_call_is_forgotten_and_its_reply_thrown_away<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let held = table.client.start::<_, i64>("Probe.Hold", &5_i64);
    table.rig.bench.begun(1).await;

    drop(held);

    table.is_usable().await;
    table.rig.bench.let_go(1);
    table.rig.bench.gone(1).await;
    table.is_usable().await;
    assert_eq!(table.rig.handle.connections(), 1);
}

async fn a_deadline_ends_a_call_for_its_caller<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    let error = table.probe.hold(5).timeout(Duration::from_millis(20)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Wait)));
    assert!(error.may_have_run());
    table.is_usable().await;
}

async fn a_method_that_panics_fails_alone<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    for error in [
        table.probe.panic_later("secret".to_owned()).await,
        table.probe.panic_at_once("secret".to_owned()).await,
    ] {
        let error = error.unwrap_err();
        assert!(error.is_remote() && !error.message().contains("secret"), "{error}");
    }

    table.is_usable().await;
    assert_eq!(table.rig.handle.connections(), 1);
}

async fn what_is_too_long_fails_alone<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, limits(|limits| limits.frame_len_max = 10_000)).await;

    assert!(table.probe.fill(20_000).await.unwrap_err().is_remote());
    table.is_usable().await;
    let error = table.probe.len(&vec![7; 5 << 20]).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(!error.may_have_run());
    table.is_usable().await;
}

async fn a_method_sees_its_caller_and_its_time<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;

    let (remaining_ms, metadata) = table.probe.terms().await.unwrap();

    assert!((1..=30_000).contains(&remaining_ms), "{remaining_ms} ms");
    assert_eq!(metadata, 0);
    assert!(!table.probe.caller().await.unwrap().is_empty());
    let spoken = table.probe.spoken().await.unwrap();
    // What is posted is not told apart before it is read.
    let expected = if P::IS_HTTP { "HTTP" } else { P::NAME };
    assert!(!spoken.is_empty() && expected.contains(&spoken), "{spoken}, and not {expected}");
}

async fn a_lost_server_ends_its_calls_and_is_found_again<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let held = table.client.start::<_, i64>("Probe.Hold", &5_i64);
    table.rig.bench.begun(1).await;

    table.rig.running.abort();
    let error = in_time("the call ends", held).await.unwrap_err();

    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.may_have_run());
    // With the task its listener is gone.
    assert!(table.rig.running.await.unwrap_err().is_cancelled());
    let (bench, memory, address) = (table.rig.bench, table.rig.memory, table.rig.address.to_string());
    let back = Rig::again(bench, memory, &address, Limits::default()).await;
    in_time("the server is found again", async {
        while table.probe.twice(21).await.ok() != Some(42) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(back.handle.connections(), 1);
}

async fn a_shutdown_answers_what_runs<P: Protocol>(protocol: P, way: Way) {
    let table = Table::laid(protocol, way, Limits::default()).await;
    let held = table.client.start::<_, i64>("Probe.Hold", &5_i64);
    table.rig.bench.begun(1).await;

    table.rig.handle.shutdown();
    table.rig.bench.let_go(1);

    assert_eq!(in_time("the call is answered", held).await.unwrap(), 5);
    in_time("the server ends", table.rig.running).await.unwrap().unwrap();
    assert_eq!((table.rig.handle.connections(), table.rig.handle.running()), (0, 0));
}

// ---- every behaviour, for every pair ----

/// The list. A behaviour that does not stand here is not run, and the compiler says so.
macro_rules! behaviours {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            a_call_is_answered
            bodies_of_every_length_arrive
            what_is_not_there_has_certainly_not_run
            an_argument_of_another_type_fails_alone
            a_reply_of_another_type_fails_alone
            replies_reach_their_own_callers_in_any_order
            a_deadline_ends_a_call_for_its_caller
            a_method_that_panics_fails_alone
            what_is_too_long_fails_alone
            a_method_sees_its_caller_and_its_time
            a_lost_server_ends_its_calls_and_is_found_again
            a_shutdown_answers_what_runs
        }
    };
}

/// What an error says, where it is more than a number.
macro_rules! texts {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            an_error_arrives_with_its_text
        }
    };
}

/// What holds where all calls share a connection, which outlives those that are dropped.
macro_rules! one_connection {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            many_callers_share_one_connection
            a_dropped_call_is_forgotten_and_its_reply_thrown_away
        }
    };
}

/// What holds where a call has a connection for itself.
#[cfg(feature = "http")]
macro_rules! several_connections {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            many_callers_share_few_connections
        }
    };
}

/// What a wire can say that has a word for it, or ends a connection for it.
macro_rules! withdrawals {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            a_dropped_call_is_withdrawn
        }
    };
}

/// The deadline of a single call is said, or its withdrawal once that has passed.
macro_rules! deadlines {
    ($protocol:expr, $way:expr) => {
        tests! { $protocol, $way;
            a_deadline_ends_a_call_and_its_method
        }
    };
}

macro_rules! tests {
    ($protocol:expr, $way:expr; $($behaviour:ident)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            crate::$behaviour($protocol, $way).await;
        })*
    };
}

macro_rules! lists {
    ([$($list:ident),*], $protocol:expr, $way:expr) => {
        $($list! { $protocol, $way })*
    };
}

macro_rules! suite {
    ($name:ident, $protocol:expr, $lists:tt, [$($place:ident: $way:expr),*]) => {
        mod $name {
            $(mod $place {
                lists! { $lists, $protocol, $way }
            })*
        }
    };
}

suite! { netrpc, crate::NetRpc, [behaviours, texts, one_connection, withdrawals, deadlines], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix,
    behind_connect: crate::Way::Connect,
    behind_connect_over_unix: crate::Way::ConnectUnix
] }

// It is not spoken behind an HTTP CONNECT.
suite! { native, crate::Native, [behaviours, texts, one_connection, withdrawals, deadlines], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix
] }

suite! { wgrpc, crate::WgRpc, [behaviours, texts, one_connection], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix,
    behind_connect: crate::Way::Connect,
    behind_connect_over_unix: crate::Way::ConnectUnix
] }

suite! { geerpc, crate::GeeRpc, [behaviours, texts, one_connection], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix,
    behind_connect: crate::Way::Connect,
    behind_connect_over_unix: crate::Way::ConnectUnix
] }

suite! { gomorpc, crate::GomoRpc, [behaviours, one_connection, deadlines], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix
] }

#[cfg(feature = "json")]
suite! { jsonrpc1, crate::JsonRpc1, [behaviours, texts, one_connection], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix
] }

#[cfg(feature = "json")]
suite! { jsonrpc, crate::JsonRpc, [behaviours, texts, one_connection], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix
] }

// Over TCP and unix sockets an address of HTTP is the same place.
#[cfg(feature = "http")]
suite! { http, crate::Http, [behaviours, texts, several_connections, withdrawals, deadlines], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix,
    at_an_http_address: crate::Way::Connect,
    at_an_http_address_over_unix: crate::Way::ConnectUnix
] }

#[cfg(feature = "http")]
suite! { jsonrpc_over_http, crate::Post(crate::JsonRpc), [behaviours, texts, several_connections, withdrawals, deadlines], [
    over_memory: crate::Way::Memory,
    over_tcp: crate::Way::Tcp,
    over_unix: crate::Way::Unix,
    at_an_http_address: crate::Way::Connect,
    at_an_http_address_over_unix: crate::Way::ConnectUnix
] }
