//! Every limit does what it says: one module for each field of `Limits`, by the field's name.
//!
//! What is over a limit is refused or closed; a bystander on a connection of its own never notices.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::protocol::{Native, NetRpc};
use ferrywire::server::{Announce, Served};
use ferrywire::transport::{BoxFuture, Memory};
use ferrywire::{Cancellation, Client, Code, Limits, Phase, Server};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use support::{
    Bench, Heard, ProbeClient, ProbeServer, RawClient, RawServer, Rig, in_time, limits, pipe, settle,
};

mod support;

const SOURCE: &str = include_str!("../src/limits.rs");

/// Limits that no wire of today lets a peer reach: the test beside their code.
const ELSEWHERE: [(&str, &str); 1] = [("handler_timeout_max", "a_wire_timeout_of_zero_is_clamped")];

/// The fields of a struct as it stands in a source file.
fn fields(source: &str, name: &str) -> Vec<String> {
    let body = source.split_once(&format!("pub struct {name} {{")).expect("the struct stands there").1;
    let body = body.split_once("\n}").expect("the struct ends").0;
    let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
    fields.map(|(field, _)| field.to_owned()).collect()
}

/// Whether a file of tests has a module of this name with a test in it.
fn has_test_of(tests: &str, field: &str) -> bool {
    let Some((_, module)) = tests.split_once(&format!("\nmod {field} {{")) else { return false };
    module.split_once("\n}").is_some_and(|(module, _)| module.contains("#[tokio::test"))
}

#[test]
fn every_limit_has_a_test_of_its_name() {
    let fields = fields(SOURCE, "Limits");
    assert!(fields.len() >= 27, "{fields:?}");

    for field in fields {
        let is_elsewhere = ELSEWHERE.iter().any(|(name, test)| {
            *name == field && SOURCE.contains(&format!("fn {test}()")) && SOURCE.contains(&field)
        });
        assert!(is_elsewhere || has_test_of(include_str!("limits.rs"), &field), "no test of {field}");
    }
}

#[test]
fn a_limit_without_a_test_is_found() {
    let planted =
        "pub struct Limits {\n    /// Words.\n    pub guests_max: usize,\n\n    pub rest: Duration,\n}";

    assert_eq!(fields(planted, "Limits"), ["guests_max", "rest"]);
    assert!(!has_test_of("\nmod other {\n    #[tokio::test]\n}", "guests_max"));
    assert!(!has_test_of("\nmod guests_max {\n}\nmod x {\n    #[tokio::test]\n}", "guests_max"));
    assert!(has_test_of("\nmod guests_max {\n    #[tokio::test]\n}", "guests_max"));
}

/// The server has counted that this limit was reached.
fn was_counted(rig: &Rig, limit: &str) {
    let hits = rig.handle.limit_hits();
    assert!(hits.iter().any(|(name, count)| *name == limit && *count > 0), "{limit} is not in {hits:?}");
}

/// A server that serves one stream of a pipe that holds so little, and its caller.
fn served_in_a_pipe(
    limits: Limits,
    held_len: usize,
) -> (RawClient, ferrywire::ServerHandle, tokio::task::JoinHandle<()>) {
    let (ours, theirs) = pipe(held_len);
    let server = Server::builder().register(ProbeServer::new(Bench::new())).limits(limits).build().unwrap();
    let handle = server.handle();
    (RawClient::over(ours), handle, tokio::spawn(server.serve(theirs)))
}

/// A client, and the other end of its only connection.
fn client_in_a_pipe(limits: Limits) -> (ProbeClient, RawServer) {
    let (ours, theirs) = pipe(4096);
    (ProbeClient::new(Client::builder().protocol(NetRpc).limits(limits).over(ours)), RawServer::over(theirs))
}

mod frame_len_max {
    use super::*;

    /// Row A6: refused by its claimed length, before the bytes come.
    #[tokio::test(start_paused = true)]
    async fn a_longer_request_closes_its_connection() {
        let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;

        let mut request = raw.request_of(2, "Probe.Len", b"\xfe\x03\xe9");
        request.extend_from_slice(b"\x0a\x00");
        raw.send(&request).await;

        raw.is_closed().await;
        rig.connections(1).await;
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_of_just_that_length_is_answered() {
        let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
        let bytes = vec![7; 1000 - b"\x0a\x00\xfe\x03\xe4".len()];

        assert_eq!(rig.client().await.len(&bytes).await.unwrap(), bytes.len() as u64);
    }

    /// Row D4: the header does not go out without its body.
    #[tokio::test(start_paused = true)]
    async fn a_longer_reply_becomes_an_error_reply() {
        let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
        let client = rig.client().await;

        let error = client.fill(2000).await.unwrap_err();

        assert!(error.is_remote() && error.message().contains("over the limit of 1000"), "{error}");
        assert_eq!(client.fill(900).await.unwrap().len(), 900);
        assert_eq!(rig.handle.connections(), 1);
        was_counted(&rig, "frame_len_max");
    }

    /// A text just below the limit made a header above it, which cost the client its connection.
    #[tokio::test(start_paused = true)]
    async fn a_longer_error_text_is_replaced_and_the_connection_lives() {
        let rig = Rig::with(limits(|limits| limits.frame_len_max = 2000)).await;
        let client = rig.client().await;

        for len in [1900, 1960, 1970] {
            let error = client.fail("x".repeat(len)).await.unwrap_err();
            assert!(error.is_remote(), "{len}: {error}");
        }

        assert_eq!(client.twice(21).await.unwrap(), 42);
        was_counted(&rig, "frame_len_max");
    }

    #[tokio::test(start_paused = true)]
    async fn four_mebibytes_are_the_default_of_both_banks() {
        let rig = Rig::new().await;
        let client = rig.client().await;
        let bystander = rig.bystander().await;

        let error = client.len(&vec![7; 4 << 20]).await.unwrap_err();
        assert_eq!(error.code(), Code::ResourceExhausted);
        assert!(!error.may_have_run() && !error.is_remote());
        assert_eq!(client.len(&vec![7; (4 << 20) - 100]).await.unwrap(), (4 << 20) - 100);

        assert!(client.fill(4 << 20).await.unwrap_err().is_remote());
        assert_eq!(client.fill((4 << 20) - 100).await.unwrap().len(), (4 << 20) - 100);
        bystander.is_unaffected().await;
    }

    /// Row E12: a server's reply is bounded as a request is.
    #[tokio::test(start_paused = true)]
    async fn a_longer_reply_of_a_hostile_server_ends_its_connection() {
        let (client, mut server) = client_in_a_pipe(limits(|limits| limits.frame_len_max = 1000));

        let (error, ()) = tokio::join!(client.fill(1), async {
            let id = server.hear_call().await;
            let mut reply = server.reply(id, "Probe.Fill", &0_i64);
            reply.truncate(reply.len() - b"\x03\x04\x00\x00".len());
            server.send(&[&reply[..], b"\xfe\x03\xe9\x0a\x00"].concat()).await;
            assert_eq!(server.hear().await, None);
        });

        let error = error.unwrap_err();
        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Decode)));
        assert!(error.message().contains("over the limit of 1000"), "{error}");
    }
}

mod bytes_in_flight_max {
    use super::*;

    /// Row A12: new calls are refused while arguments of running ones fill the budget.
    #[tokio::test(start_paused = true)]
    async fn calls_are_refused_while_the_budget_is_taken() {
        let rig = Rig::with(limits(|limits| limits.bytes_in_flight_max = 100_000)).await;
        let bystander = rig.bystander().await;
        let mut raws = Vec::new();
        for _ in 0..3 {
            let mut raw = rig.raw().await;
            // The beginning of a message whose rest does not come is held too.
            let request = raw.request(1, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 40_000]));
            raw.send(&request[..32_500]).await;
            settle().await;
            raws.push(raw);
        }

        let client = rig.client().await;
        let error = client.twice(21).await.unwrap_err();

        assert!(error.is_remote() && error.message().contains("as many bytes"), "{error}");
        was_counted(&rig, "bytes_in_flight_max");
        drop(raws);
        rig.connections(2).await;
        assert_eq!(client.twice(21).await.unwrap(), 42);
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_more_than_its_share_is_closed() {
        let rig = Rig::with(limits(|limits| limits.bytes_in_flight_max = 30_000)).await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;

        let request = raw.request(1, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 50_000]));
        raw.send(&request[..40_000]).await;

        raw.is_closed().await;
        rig.connections(1).await;
        bystander.is_unaffected().await;
    }
}

mod method_len_max {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_longer_name_fails_alone_and_is_cut_in_the_reply() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;
        let name = format!("Probe.{}", "x".repeat(250));
        assert_eq!(name.len(), 256);

        raw.ask(1, &name, &1_i64).await;

        let (id, error) = raw.refusal().await;
        assert_eq!((id, error.message()), (1, "a method name of 256 bytes is over the limit of 255"));
        raw.ask(2, "Probe.Twice", &21_i64).await;
        raw.hears(2, 42_i64).await;
        was_counted(&rig, "method_len_max");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_of_just_that_length_is_looked_for() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;
        let name = format!("Probe.{}", "x".repeat(249));

        raw.ask(1, &name, &1_i64).await;

        assert_eq!(raw.refusal().await.1.message(), format!("rpc: can't find method {name}"));
    }
}

mod http_head_len_max {
    use super::*;

    /// Row H7.
    #[tokio::test(start_paused = true)]
    async fn a_longer_head_is_refused() {
        for limit in [8 * 1024, 100] {
            let rig = Rig::with(limits(|limits| limits.http_head_len_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut raw = rig.raw().await;

            let head = format!("CONNECT /_goRPC_ HTTP/1.0\r\nX: {}", "x".repeat(limit));
            raw.send(head.as_bytes()).await;
            raw.half_close().await;

            let said = raw.is_closed().await;
            assert!(said.starts_with(b"HTTP/1.1 431 "), "{limit}: {}", String::from_utf8_lossy(&said));
            bystander.is_unaffected().await;
        }
    }

    /// Row E12: the head of a server's reply is bounded too.
    #[tokio::test(start_paused = true)]
    async fn a_longer_head_of_a_hostile_server_ends_the_dial() {
        let folder = std::env::temp_dir().join(format!("ferrywire-head-{}", std::process::id()));
        let _ = std::fs::remove_file(&folder);
        let listener = tokio::net::UnixListener::bind(&folder).unwrap();
        let address = format!("http+unix://{}", folder.display());
        let endless = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut said = 0;
            while tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.0 200 Connected to Go RPC\nX: ")
                .await
                .is_ok()
            {
                said += 36;
                assert!(said < 10 << 20, "ten mebibytes of a head were read");
                tokio::task::yield_now().await;
            }
        };

        let (client, ()) =
            tokio::join!(Client::builder().protocol(NetRpc).connect(address.as_str()), endless);

        let error = client.unwrap_err();
        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)));
        std::fs::remove_file(&folder).unwrap();
    }
}

mod http_headers_max {
    use super::*;

    /// Row H7.
    #[tokio::test(start_paused = true)]
    async fn a_head_with_more_headers_is_refused() {
        let rig = Rig::new().await;
        for (headers, status) in [(64, &b"HTTP/1.0 200 Connected to Go RPC\n\n"[..]), (65, b"HTTP/1.1 431 ")]
        {
            let mut raw = rig.raw().await;

            let head = format!("CONNECT /_goRPC_ HTTP/1.0\n{}\n", "X: y\n".repeat(headers));
            raw.send(head.as_bytes()).await;
            raw.half_close().await;

            let said = raw.is_closed().await;
            assert!(said.starts_with(status), "{headers}: {}", String::from_utf8_lossy(&said));
        }
    }
}

mod handshake_timeout {
    use super::*;

    /// Row A1: one byte a second of a head does not restart the time.
    #[tokio::test(start_paused = true)]
    async fn progress_does_not_restart_it() {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        let began = Instant::now();

        for byte in b"CONNECT /_goRPC_ HTTP/1.0\n\n".chunks(1) {
            if raw.try_send(byte).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }

        raw.is_closed().await;
        assert!((4..8).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
        was_counted(&rig, "handshake_timeout");
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_with_the_first_byte() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;

        tokio::time::sleep(Duration::from_secs(3600)).await;

        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;
    }

    /// Row A1: the first bytes of a gob stream are under the same time.
    #[tokio::test(start_paused = true)]
    async fn a_single_byte_of_gob_is_not_enough() {
        let rig = Rig::with(limits(|limits| limits.handshake_timeout = Duration::from_secs(2))).await;
        let mut raw = rig.raw().await;
        raw.send(b"\x2e").await;

        assert!(!raw.closes_within(Duration::from_millis(1900)).await);
        assert!(raw.closes_within(Duration::from_millis(200)).await);
    }
}

mod handshakes_max {
    use super::*;

    /// Row A1: the oldest makes room; accepting never waits for anybody.
    #[tokio::test(start_paused = true)]
    async fn the_oldest_makes_room() {
        let rig = Rig::with(limits(|limits| limits.handshakes_max = 3)).await;
        let bystander = rig.bystander().await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(rig.raw().await);
            settle().await;
        }

        assert!(silent[0].closes_within(Duration::from_millis(10)).await);
        for raw in &mut silent[1..] {
            assert!(!raw.closes_within(Duration::from_millis(10)).await);
        }
        was_counted(&rig, "handshakes_max");
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_called_is_not_counted() {
        let rig = Rig::with(limits(|limits| limits.handshakes_max = 2)).await;
        let mut bystanders = Vec::new();
        for _ in 0..10 {
            bystanders.push(rig.bystander().await);
        }

        for bystander in &bystanders {
            bystander.is_unaffected().await;
        }
        assert_eq!(rig.handle.connections(), 10);
    }
}

mod frame_timeout {
    use super::*;

    /// Row A2: one byte a second of a message.
    #[tokio::test(start_paused = true)]
    async fn a_message_that_trickles_in_closes_its_connection() {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        let request = raw.request(1, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 100]));
        let began = Instant::now();

        // Enough at once to be known for what it is; then a byte a second.
        raw.send(&request[..4]).await;
        for byte in request[4..].chunks(1) {
            if raw.try_send(byte).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }

        raw.is_closed().await;
        assert!((10..13).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
        was_counted(&rig, "frame_timeout");
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_is_waited_for_that_long() {
        for (limit, time) in [(None, 10), (Some(2), 2)] {
            let rig = Rig::with(limits(|limits| {
                limits.frame_timeout = limit.map_or(limits.frame_timeout, Duration::from_secs);
            }))
            .await;
            let mut raw = rig.raw().await;
            let request = raw.request(1, "Probe.Twice", &21_i64);
            raw.send(&request[..request.len() - 1]).await;

            assert!(!raw.closes_within(Duration::from_millis(time * 1000 - 100)).await);
            assert!(raw.closes_within(Duration::from_millis(200)).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_completed_in_time_is_answered() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;
        let request = raw.request(1, "Probe.Twice", &21_i64);
        raw.send(&request[..request.len() - 1]).await;
        tokio::time::sleep(Duration::from_millis(9_900)).await;

        raw.send(&request[request.len() - 1..]).await;

        raw.hears(1, 42_i64).await;
        assert!(!raw.closes_within(Duration::from_secs(60)).await);
    }
}

mod frame_rate_min {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_has_come_buys_time_by_its_length() {
        let rig = Rig::with(limits(|limits| {
            limits.frame_timeout = Duration::from_secs(1);
            limits.frame_rate_min = 1000;
        }))
        .await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        let request = raw.request(1, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 10_000]));

        raw.send(&request[..5_000]).await;

        assert!(!raw.closes_within(Duration::from_millis(5_700)).await);
        assert!(raw.closes_within(Duration::from_millis(400)).await);
        bystander.is_unaffected().await;
    }

    /// Row A2: slower than that is too slow, however steady.
    #[tokio::test(start_paused = true)]
    async fn a_steady_sender_below_it_is_closed() {
        let rig = Rig::with(limits(|limits| {
            limits.frame_timeout = Duration::from_secs(1);
            limits.frame_rate_min = 1000;
        }))
        .await;
        let mut raw = rig.raw().await;
        let request = raw.request(1, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 10_000]));
        let began = Instant::now();

        for part in request.chunks(50) {
            if raw.try_send(part).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }

        raw.is_closed().await;
        assert!((1..4).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    }
}

mod idle_timeout {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn two_hours_of_silence_end_a_connection_that_never_spoke() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;

        assert!(!raw.closes_within(2 * HOUR - Duration::from_secs(1)).await);
        assert!(raw.closes_within(Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_called_ends_within_twice_that_time() {
        let rig = Rig::with(limits(|limits| limits.idle_timeout = HOUR)).await;
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;

        assert!(!raw.closes_within(HOUR - Duration::from_secs(1)).await);
        assert!(raw.closes_within(HOUR + Duration::from_secs(2)).await);
        was_counted(&rig, "idle_timeout");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_now_and_then_keep_a_connection() {
        let rig = Rig::with(limits(|limits| limits.idle_timeout = HOUR)).await;
        let mut raw = rig.raw().await;

        for id in 1..=10 {
            raw.ask(id, "Probe.Twice", &21_i64).await;
            raw.hears(id, 42_i64).await;
            tokio::time::sleep(HOUR - Duration::from_secs(1)).await;
        }

        assert_eq!(rig.handle.connections(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_runs_is_not_idleness() {
        let rig = Rig::with(limits(|limits| {
            limits.idle_timeout = Duration::from_secs(60);
            limits.handler_timeout = HOUR;
        }))
        .await;
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Hold", &7_i64).await;
        rig.bench.begun(1).await;

        tokio::time::sleep(Duration::from_secs(1800)).await;
        rig.bench.let_go(1);

        raw.hears(1, 7_i64).await;
    }
}

mod idle_timeout_reconnecting {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// The client calls again on a new connection: nobody notices.
    #[tokio::test(start_paused = true)]
    async fn five_minutes_of_silence_end_a_native_connection() {
        let rig = Rig::new().await;
        let client = rig.builder().protocol(Native).connect(&rig.address).await.unwrap();
        let probe = ProbeClient::new(client);
        assert_eq!(probe.twice(21).await.unwrap(), 42);

        tokio::time::sleep(5 * MINUTE - Duration::from_secs(1)).await;
        assert_eq!(rig.handle.connections(), 1);
        tokio::time::sleep(Duration::from_secs(35)).await;

        rig.connections(0).await;
        was_counted(&rig, "idle_timeout");
        assert_eq!(probe.twice(21).await.unwrap(), 42);
    }

    #[tokio::test(start_paused = true)]
    async fn the_shorter_of_both_times_holds() {
        let rig = Rig::with(limits(|limits| limits.idle_timeout = MINUTE)).await;
        let client = rig.builder().protocol(Native).connect(&rig.address).await.unwrap();
        assert_eq!(ProbeClient::new(client.clone()).twice(21).await.unwrap(), 42);

        tokio::time::sleep(2 * MINUTE + Duration::from_secs(2)).await;

        assert_eq!(rig.handle.connections(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_gos_net_rpc_lives_on() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;

        assert!(!raw.closes_within(60 * MINUTE).await);
    }
}

mod connections_max {
    use super::*;

    /// Row A10.
    #[tokio::test(start_paused = true)]
    async fn one_more_is_closed_at_once() {
        let rig = Rig::with(limits(|limits| limits.connections_max = 2)).await;
        let (first, second) = (rig.bystander().await, rig.bystander().await);

        let mut third = rig.raw().await;

        assert!(third.closes_within(Duration::from_millis(10)).await);
        was_counted(&rig, "connections_max");
        first.is_unaffected().await;
        second.is_unaffected().await;
        drop(first);
        rig.connections(1).await;
        rig.bystander().await.is_unaffected().await;
    }

    /// Row A10: a listener needs descriptors for other things too.
    #[tokio::test]
    async fn half_of_the_descriptors_is_the_most() {
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;

        // Whatever is asked for; a flood in a process of its own shows that accepting goes on.
        let rig = Rig::at("tcp://127.0.0.1:0", limits(|limits| limits.connections_max = usize::MAX)).await;

        assert!(descriptors.is_none_or(|most| most > 4));
        rig.bystander().await.is_unaffected().await;
    }
}

mod connections_per_address_max {
    use super::*;

    /// Row A10.
    #[tokio::test]
    async fn one_more_of_an_address_is_closed_at_once() {
        let rig = Rig::at("tcp://127.0.0.1:0", limits(|limits| limits.connections_per_address_max = 2)).await;
        let (first, second) = (rig.bystander().await, rig.bystander().await);

        let mut third = rig.raw().await;
        third.is_closed().await;

        was_counted(&rig, "connections_per_address_max");
        first.is_unaffected().await;
        second.is_unaffected().await;
        drop(first);
        rig.connections(1).await;
        rig.bystander().await.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn peers_without_an_address_are_not_counted() {
        let rig = Rig::with(limits(|limits| limits.connections_per_address_max = 1)).await;

        let (first, second) = (rig.bystander().await, rig.bystander().await);

        first.is_unaffected().await;
        second.is_unaffected().await;
    }
}

mod calls_per_connection_max {
    use super::*;

    /// Row C7: at the limit the connection is not read, and nothing is lost.
    #[tokio::test(start_paused = true)]
    async fn further_calls_wait_unread() {
        let rig = Rig::with(limits(|limits| limits.calls_per_connection_max = 2)).await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        for id in 1..=3 {
            raw.ask(id, "Probe.Hold", &(id as i64)).await;
        }
        rig.bench.begun(2).await;
        settle().await;
        assert_eq!(rig.bench.begun_so_far(), 2);
        bystander.is_unaffected().await;

        rig.bench.let_go(3);

        raw.hears_all(vec![(1, 1_i64), (2, 2), (3, 3)]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_default_is_256() {
        let rig = Rig::new().await;
        let mut raw = rig.raw().await;
        for id in 1..=257 {
            raw.ask(id, "Probe.Hold", &0_i64).await;
        }

        rig.bench.begun(256).await;
        settle().await;

        assert_eq!((rig.bench.begun_so_far(), rig.handle.running()), (256, 256));
    }
}

mod calls_max {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_beyond_is_refused_and_has_not_run() {
        let rig = Rig::with(limits(|limits| limits.calls_max = 2)).await;
        let client = rig.client().await;
        let mut raw = rig.raw().await;
        for id in 1..=2 {
            raw.ask(id, "Probe.Hold", &(id as i64)).await;
        }
        rig.bench.begun(2).await;

        let error = client.hold(3).await.unwrap_err();

        assert_eq!(error.message(), "2 calls are running, the most that this server runs");
        assert_eq!(rig.bench.begun_so_far(), 2);
        was_counted(&rig, "calls_max");
        rig.bench.let_go(2);
        raw.hears_all(vec![(1, 1_i64), (2, 2)]).await;
        assert_eq!(client.twice(21).await.unwrap(), 42);
    }
}

mod outbound_len_max {
    use super::*;

    /// Row A8, defect 22: above it nothing more is read of this connection.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_not_read_either() {
        let (mut raw, handle, _serving) =
            served_in_a_pipe(limits(|limits| limits.outbound_len_max = 10_000), 4096);
        let mut requests = Vec::new();
        for id in 0..500 {
            requests.extend(raw.request(id, "Probe.Fill", &1_000_u64));
        }

        let is_taken = timeout(Duration::from_secs(1), raw.try_send(&requests)).await;

        assert!(is_taken.is_err(), "everything was read of a peer that reads nothing");
        let (_, calls) = handle.calls().into_iter().find(|(name, _)| name == "Probe.Fill").unwrap();
        // Ten replies may wait; methods that run as tasks are begun, and held back before they answer.
        assert!((10..=300).contains(&calls), "{calls} replies of a kilobyte");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_queues_while_its_server_takes_nothing() {
        let (ours, _theirs) = pipe(64);
        let client = ProbeClient::new(
            Client::builder()
                .protocol(NetRpc)
                .limits(limits(|limits| limits.outbound_len_max = 10_000))
                .over(ours),
        );
        let stuck = futures_util::future::join_all(
            (0..40).map(|_| client.len(&[7; 1000]).timeout(Duration::from_secs(1)).into_future()),
        );

        let phases: Vec<_> = stuck.await.into_iter().map(|outcome| outcome.unwrap_err().phase()).collect();

        let queued = phases.iter().filter(|phase| **phase == Some(Phase::Queue)).count();
        let written = phases.iter().filter(|phase| **phase == Some(Phase::Write)).count();
        assert!((9..=22).contains(&written) && queued + written == 40, "{phases:?}");
    }
}

mod stall_timeout {
    use super::*;

    /// Row A8: a peer that takes no byte of its reply.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_closed() {
        for (limit, time) in [(None, 10), (Some(3), 3)] {
            let limits = limits(|limits| {
                limits.stall_timeout = limit.map_or(limits.stall_timeout, Duration::from_secs);
            });
            let (mut raw, handle, serving) = served_in_a_pipe(limits, 4096);
            raw.ask(1, "Probe.Fill", &100_000_u64).await;
            let began = Instant::now();

            in_time("the connection ends", serving).await.unwrap();

            assert_eq!(began.elapsed().as_secs(), time);
            assert_eq!(handle.connections(), 0);
            assert_eq!(handle.limit_hits(), [("stall_timeout", 1)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_little_at_a_time_is_served() {
        let (mut raw, _handle, _serving) = served_in_a_pipe(Limits::default(), 4096);
        raw.ask(1, "Probe.Fill", &20_000_u64).await;

        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            raw.read_some().await;
        }

        let (id, filled) = raw.reply::<serde_bytes::ByteBuf>().await.unwrap();
        assert_eq!((id, filled.unwrap().len()), (1, 20_000));
    }
}

mod outbound_progress_min {
    use super::*;

    /// Row A9: reading just enough to look alive is not enough.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_too_little_of_a_pile_is_closed() {
        let (mut raw, handle, serving) = served_in_a_pipe(Limits::default(), 4096);
        let began = Instant::now();
        raw.ask(1, "Probe.Fill", &3_000_000_u64).await;

        while !serving.is_finished() && began.elapsed() < Duration::from_secs(120) {
            tokio::time::sleep(Duration::from_secs(5)).await;
            raw.read_some().await;
        }

        assert!((30..62).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
        assert_eq!(handle.limit_hits(), [("outbound_progress_min", 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_that_takes_that_much_is_served() {
        let (mut raw, handle, _serving) =
            served_in_a_pipe(limits(|limits| limits.outbound_progress_min = 2_000), 4096);
        raw.ask(1, "Probe.Fill", &1_100_000_u64).await;

        for _ in 0..30 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            raw.read_some().await;
        }

        let (id, filled) = raw.reply::<serde_bytes::ByteBuf>().await.unwrap();
        assert_eq!((id, filled.unwrap().len()), (1, 1_100_000));
        assert_eq!(handle.limit_hits(), []);
    }
}

mod handler_timeout {
    use super::*;

    /// Row D2.
    #[tokio::test(start_paused = true)]
    async fn a_method_past_it_is_dropped_and_its_caller_told() {
        for (limit, time) in [(None, 30), (Some(2), 2)] {
            let rig = Rig::with(limits(|limits| {
                limits.handler_timeout = limit.map_or(limits.handler_timeout, Duration::from_secs);
            }))
            .await;
            let client =
                rig.client_with(limits(|limits| limits.call_timeout = Duration::from_secs(60))).await;
            let began = Instant::now();

            let error = client.hold(1).await.unwrap_err();

            assert!(error.is_remote());
            assert_eq!(error.message(), "deadline exceeded while the method was running");
            assert_eq!(began.elapsed().as_secs(), time);
            rig.bench.gone(1).await;
            assert_eq!(client.twice(21).await.unwrap(), 42);
        }
    }
}

mod drain_delay {
    use super::*;

    /// Row F12: who has an old list of servers meets no closed door.
    #[tokio::test(start_paused = true)]
    async fn a_server_off_the_lists_serves_for_so_long() {
        for (limit, time) in [(None, 3), (Some(7), 7)] {
            let memory = Memory::new();
            let limits = limits(|limits| {
                limits.drain_delay = limit.map_or(limits.drain_delay, Duration::from_secs);
            });
            let builder = Server::builder().register(ProbeServer::new(Bench::new())).limits(limits);
            let server = builder.announce(Silent).memory(&memory).bind("memory://known").await.unwrap();
            let (address, handle) = (server.address(), server.handle());
            let running = tokio::spawn(server.run());
            settle().await;
            let began = Instant::now();

            handle.shutdown();
            tokio::time::sleep(Duration::from_secs(time) - Duration::from_millis(1)).await;

            let mut raw = RawClient::dial(&address, &memory).await;
            raw.ask(1, "Probe.Twice", &21_i64).await;
            raw.hears(1, 42_i64).await;
            drop(raw);
            in_time("the server ends", running).await.unwrap().unwrap();
            assert_eq!(began.elapsed().as_secs(), time);
        }
    }

    /// Says nothing to anybody.
    struct Silent;

    impl Announce for Silent {
        fn announce(self: Box<Self>, _served: Served, leaving: Cancellation) -> BoxFuture<'static, ()> {
            Box::pin(leaving.cancelled())
        }
    }
}

mod drain_timeout {
    use super::*;

    /// Row J1: never later than the timeout and a second, however stuck.
    #[tokio::test(start_paused = true)]
    async fn what_runs_is_cut_off_after_it() {
        for (limit, time) in [(None, 30), (Some(2), 2)] {
            let rig = Rig::with(limits(|limits| {
                limits.handler_timeout = Duration::from_secs(3600);
                limits.drain_timeout = limit.map_or(limits.drain_timeout, Duration::from_secs);
            }))
            .await;
            let mut raw = rig.raw().await;
            raw.ask(1, "Probe.Hold", &1_i64).await;
            rig.bench.begun(1).await;
            let began = Instant::now();

            rig.handle.shutdown();
            tokio::time::timeout(Duration::from_secs(60), rig.running).await.unwrap().unwrap().unwrap();

            assert!((time..=time + 1).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
        }
    }
}

mod unknown_methods_max {
    use super::*;

    /// Row C1: a hundred in ten seconds, then the connection is closed.
    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_methods_closes_its_connection() {
        for limit in [100, 5] {
            let rig = Rig::with(limits(|limits| limits.unknown_methods_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut raw = rig.raw().await;

            for id in 1..=limit as u64 + 1 {
                raw.ask(id, "Nobody.Knows", &1_i64).await;
                assert_eq!(raw.refusal().await.0, id);
            }

            raw.is_closed().await;
            was_counted(&rig, "unknown_methods_max");
            bystander.is_unaffected().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_later_the_count_begins_anew() {
        let rig = Rig::with(limits(|limits| limits.unknown_methods_max = 5)).await;
        let mut raw = rig.raw().await;

        for round in 0..3 {
            for id in round * 5..round * 5 + 5 {
                raw.ask(id, "Nobody.Knows", &1_i64).await;
                assert_eq!(raw.refusal().await.0, id);
            }
            tokio::time::sleep(Duration::from_millis(10_100)).await;
        }

        raw.ask(99, "Probe.Twice", &21_i64).await;
        raw.hears(99, 42_i64).await;
    }
}

mod undecodable_bodies_max {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_in_a_row_close_their_connection() {
        for limit in [16, 3] {
            let rig = Rig::with(limits(|limits| limits.undecodable_bodies_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut raw = rig.raw().await;

            for id in 1..=limit as u64 {
                raw.ask(id, "Probe.Twice", &"not a number".to_owned()).await;
                assert_eq!(raw.refusal().await.0, id);
            }

            raw.is_closed().await;
            was_counted(&rig, "undecodable_bodies_max");
            bystander.is_unaffected().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn also_where_the_method_runs_as_a_task() {
        let rig = Rig::new().await;
        let (client, bystander) = (rig.client().await, rig.bystander().await);
        // A method that has held up its connection is not run on it again.
        for _ in 0..3 {
            assert_eq!(client.block(7, 3).await.unwrap(), 7);
        }
        let mut raw = rig.raw().await;

        for id in 1..=16 {
            raw.ask(id, "Probe.Block", &"no arguments".to_owned()).await;
            assert_eq!(raw.refusal().await.0, id);
        }

        raw.is_closed().await;
        was_counted(&rig, "undecodable_bodies_max");
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_one_in_between_begins_the_count_anew() {
        let rig = Rig::with(limits(|limits| limits.undecodable_bodies_max = 3)).await;
        let mut raw = rig.raw().await;

        for round in 0..5 {
            for id in [3 * round, 3 * round + 1] {
                raw.ask(id, "Probe.Twice", &"not a number".to_owned()).await;
                assert_eq!(raw.refusal().await.0, id);
            }
            raw.ask(3 * round + 2, "Probe.Twice", &21_i64).await;
            raw.hears(3 * round + 2, 42_i64).await;
        }
    }
}

mod duplicate_ids_max {
    use super::*;

    /// Row C3: the first is kept, the others are refused by name; enough of them close the connection.
    #[tokio::test(start_paused = true)]
    async fn ids_of_calls_in_flight_close_their_connection() {
        for limit in [16, 3] {
            let rig = Rig::with(limits(|limits| limits.duplicate_ids_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut raw = rig.raw().await;
            raw.ask(5, "Probe.Hold", &1_i64).await;
            rig.bench.begun(1).await;

            for _ in 0..limit {
                raw.ask(5, "Probe.Twice", &21_i64).await;
                let (id, error) = raw.refusal().await;
                assert_eq!((id, error.message()), (5, "the id 5 belongs to a call that has not finished"));
            }

            // What was begun is still answered.
            rig.bench.let_go(1);
            raw.hears(5, 1_i64).await;
            raw.is_closed().await;
            was_counted(&rig, "duplicate_ids_max");
            bystander.is_unaffected().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_may_be_used_again_once_its_call_has_ended() {
        let rig = Rig::with(limits(|limits| limits.duplicate_ids_max = 1)).await;
        let mut raw = rig.raw().await;

        for _ in 0..3 {
            raw.ask(5, "Probe.Say", &1_i64).await;
            raw.refusal().await;
            raw.ask(5, "Probe.Twice", &21_i64).await;
            raw.hears(5, 42_i64).await;
        }
    }
}

mod unknown_replies_max {
    use super::*;

    /// Row C4.
    #[tokio::test(start_paused = true)]
    async fn a_flood_of_replies_that_nobody_waits_for_ends_the_connection() {
        for limit in [1000, 5] {
            let (client, mut server) = client_in_a_pipe(limits(|limits| limits.unknown_replies_max = limit));
            for id in 0..limit as u64 {
                server.answer(1_000_000 + id, "Probe.Twice", &1_i64).await;
            }
            let (doubled, ()) = tokio::join!(client.twice(21), async {
                let id = server.hear_call().await;
                server.answer(id, "Probe.Twice", &42_i64).await;
            });
            assert_eq!(doubled.unwrap(), 42);

            let (error, ()) = tokio::join!(client.twice(21), async {
                server.hear_call().await;
                server.answer(7_000_000, "Probe.Twice", &1_i64).await;
                assert_eq!(server.hear().await, None);
            });

            let error = error.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable);
            assert!(error.message().contains("no call of ours"), "{error}");
        }
    }
}

mod cancels_max {
    use super::*;

    /// Row C8: open, cancel, open, and nothing ever finished.
    #[tokio::test(start_paused = true)]
    async fn withdrawing_nearly_everything_closes_the_connection() {
        for limit in [1000, 10] {
            let rig = Rig::with(limits(|limits| limits.cancels_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut raw = rig.raw().await;

            for id in 1..=limit as u64 + 1 {
                let both = [raw.request(id, "Probe.Hold", &1_i64), raw.cancel(id)].concat();
                if raw.try_send(&both).await.is_err() {
                    break;
                }
            }

            in_time("the connection ends", raw.is_closed()).await;
            rig.connections(1).await;
            was_counted(&rig, "cancels_max");
            assert_eq!(rig.handle.running(), 0);
            bystander.is_unaffected().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_lets_some_calls_finish_is_served() {
        let rig = Rig::with(limits(|limits| limits.cancels_max = 300)).await;
        let client = rig.client().await;

        for round in 0..500 {
            assert!(timeout(Duration::from_millis(1), client.hold(round)).await.is_err());
            if round % 20 == 0 {
                assert_eq!(client.twice(21).await.unwrap(), 42);
            }
        }

        assert_eq!(rig.handle.connections(), 1);
    }
}

mod call_timeout {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_after_it_unless_it_has_its_own() {
        for (limit, time) in [(None, 10), (Some(2), 2)] {
            let rig = Rig::new().await;
            let client = rig
                .client_with(limits(|limits| {
                    limits.call_timeout = limit.map_or(limits.call_timeout, Duration::from_secs);
                }))
                .await;
            let began = Instant::now();

            let (error, longer) =
                tokio::join!(client.hold(1), client.hold(2).timeout(Duration::from_secs(20)));

            assert_eq!(error.unwrap_err().code(), Code::DeadlineExceeded);
            assert_eq!(longer.unwrap_err().code(), Code::DeadlineExceeded);
            assert_eq!(began.elapsed().as_secs(), 20);
            let began = Instant::now();
            assert!(client.hold(3).await.is_err());
            assert_eq!(began.elapsed().as_secs(), time);
        }
    }
}

mod connect_timeout {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_waited_for_longer() {
        for (limit, time) in [(None, 3), (Some(1), 1)] {
            let socket = std::env::temp_dir().join(format!("ferrywire-mute-{}", std::process::id()));
            let _ = std::fs::remove_file(&socket);
            let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            let address = format!("http+unix://{}", socket.display());
            let builder = Client::builder().protocol(NetRpc).limits(limits(|limits| {
                limits.connect_timeout = limit.map_or(limits.connect_timeout, Duration::from_secs);
            }));
            let began = Instant::now();

            let error = builder.connect(address.as_str()).await.unwrap_err();

            assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)));
            assert_eq!(began.elapsed().as_secs(), time);
            std::fs::remove_file(&socket).unwrap();
        }
    }
}

mod ping_interval {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(3600);

    /// A native client whose calls wait for an hour, and its server: nothing but bytes.
    fn client_of_a_mute_server(change: impl FnOnce(&mut Limits)) -> (Client, ferrywire::transport::Stream) {
        let (ours, theirs) = pipe(1 << 16);
        let limits = limits(|limits| {
            limits.call_timeout = PATIENT;
            change(limits);
        });
        (Client::builder().protocol(Native).limits(limits).over(ours), theirs)
    }

    /// What comes until so long nothing has: how many bytes, and how many of them are a ping's.
    async fn heard_within(stream: &mut ferrywire::transport::Stream, within: Duration) -> (usize, usize) {
        let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
        let reading = async {
            loop {
                match stream.reader.read(&mut chunk).await {
                    Ok(0) | Err(_) => return,
                    Ok(came) => heard.extend_from_slice(&chunk[..came]),
                }
            }
        };
        let _ = timeout(within, reading).await;
        // Kind 5 with a checksum, which everything has before the server's preface.
        let pings = heard.windows(8).filter(|header| *header == b"\x04\0\0\0\0\0\x05\x04").count();
        (heard.len(), pings)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_asked_while_a_call_waits() {
        let (client, mut server) = client_of_a_mute_server(|_| {});
        let _call = client.start::<_, i64>("Probe.Twice", &1_i64);

        assert_eq!(heard_within(&mut server, Duration::from_secs(29)).await.1, 0);
        assert_eq!(heard_within(&mut server, Duration::from_secs(2)).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_while_no_call_waits() {
        let (client, mut server) = client_of_a_mute_server(|_| {});
        let call = client.start::<_, i64>("Probe.Twice", &1_i64);
        settle().await;
        drop(call);
        heard_within(&mut server, Duration::from_secs(1)).await;

        assert_eq!(heard_within(&mut server, 2 * PATIENT).await, (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_one_is_kept() {
        let (client, mut server) = client_of_a_mute_server(|limits| {
            limits.ping_interval = Duration::from_secs(3);
        });
        let _call = client.start::<_, i64>("Probe.Twice", &1_i64);

        assert_eq!(heard_within(&mut server, Duration::from_secs(4)).await.1, 1);
    }

    /// Go's servers would take it for a call of something that is not there.
    #[tokio::test(start_paused = true)]
    async fn a_server_without_a_word_for_it_is_not_asked() {
        let (ours, mut theirs) = pipe(1 << 16);
        let limits = limits(|limits| limits.call_timeout = PATIENT);
        let client = Client::builder().protocol(NetRpc).limits(limits).over(ours);
        let call = client.start::<_, i64>("Probe.Twice", &1_i64);
        heard_within(&mut theirs, Duration::from_secs(1)).await;

        assert_eq!(heard_within(&mut theirs, PATIENT / 2).await, (0, 0));
        assert!(!call.is_done());
    }
}

mod ping_timeout {
    use super::*;

    /// Rows A3 and J5: the host is gone, or its process stands still.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_lost() {
        for (seconds, change) in [(40, None), (33, Some(Duration::from_secs(3)))] {
            let (ours, _theirs) = pipe(1 << 16);
            let limits = limits(|limits| {
                limits.call_timeout = Duration::from_secs(3600);
                limits.ping_timeout = change.unwrap_or(limits.ping_timeout);
            });
            let client = Client::builder().protocol(Native).limits(limits).over(ours);
            let began = Instant::now();

            let error = client.call::<_, i64>("Probe.Twice", &1_i64).await.unwrap_err();

            assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Wait)), "{error}");
            assert!(
                error.may_have_run() && error.message().contains("does not say that it is there"),
                "{error}"
            );
            let waited = began.elapsed();
            assert!(waited >= Duration::from_secs(seconds), "{waited:?}");
            assert!(waited < Duration::from_secs(seconds + 1), "{waited:?}");
        }
    }

    /// Whatever comes is an answer, and answers are no flood at either side.
    #[tokio::test(start_paused = true)]
    async fn a_call_may_run_for_hours_at_a_server_that_answers() {
        let rig = Rig::with(limits(|limits| {
            limits.handler_timeout = Duration::from_secs(24 * 3600);
            limits.handler_timeout_max = Duration::from_secs(24 * 3600);
        }))
        .await;
        let patient = limits(|limits| {
            limits.call_timeout = Duration::from_secs(24 * 3600);
            limits.ping_interval = Duration::from_secs(1);
        });
        let client = rig.builder().protocol(Native).limits(patient).connect(&rig.address).await.unwrap();
        let probe = ProbeClient::new(client);
        let held = tokio::spawn(async move { probe.hold(7).await });
        rig.bench.begun(1).await;

        tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
        rig.bench.let_go(1);

        assert_eq!(in_time("the call is answered", held).await.unwrap().unwrap(), 7);
        assert_eq!(rig.handle.limit_hits(), []);
    }

    /// A server with as many calls as it runs does not read what it is asked.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_too_busy_to_read_is_not_lost() {
        let busy = limits(|limits| {
            limits.calls_per_connection_max = 2;
            limits.handler_timeout = Duration::from_secs(3600);
        });
        let rig = Rig::with(busy).await;
        let patient = limits(|limits| limits.call_timeout = Duration::from_secs(3000));
        let client = rig.builder().protocol(Native).limits(patient).connect(&rig.address).await.unwrap();
        // They go out before the server has said how many it runs: the third waits unread.
        let calls: Vec<_> =
            (0..3).map(|number| client.start::<_, i64>("Probe.Hold", &i64::from(number))).collect();
        rig.bench.begun(2).await;

        tokio::time::sleep(Duration::from_secs(1000)).await;
        rig.bench.let_go(3);

        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(in_time("the call is answered", call).await.unwrap(), number as i64);
        }
        assert_eq!(rig.handle.connections(), 1);
    }
}

mod calls_pending_max {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn further_calls_queue_until_one_is_answered() {
        let (client, mut server) = client_in_a_pipe(limits(|limits| limits.calls_pending_max = 2));
        let calls = futures_util::future::join_all((0..3).map(|number| client.twice(number).into_future()));

        let (doubled, ()) = tokio::join!(calls, async {
            let (first, second) = (server.hear_call().await, server.hear_call().await);
            assert!(timeout(Duration::from_secs(1), server.hear()).await.is_err(), "a third was sent");
            server.answer(first, "Probe.Twice", &0_i64).await;
            let Some(Heard::Call { id: third, number: Some(2), .. }) = server.hear().await else {
                panic!("expected the third call")
            };
            server.answer(third, "Probe.Twice", &4_i64).await;
            server.answer(second, "Probe.Twice", &2_i64).await;
        });

        assert_eq!(doubled.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 2, 4]);
    }
}

mod gob {
    use super::*;

    /// Row B5: what a server's own limits say holds for its connections.
    #[tokio::test(start_paused = true)]
    async fn the_bounds_of_gob_hold_for_every_connection() {
        let rig = Rig::with(limits(|limits| limits.gob.types_max = 1)).await;
        let bystander = rig.bystander_of_numbers().await;
        let mut raw = rig.raw().await;

        // The request's header is the first type, its argument the second.
        raw.ask(1, "Probe.Multiply", &super::support::Args { a: 6, b: 7 }).await;

        raw.is_closed().await;
        assert_eq!(bystander.twice(21).await.unwrap(), 42);
    }

    #[tokio::test(start_paused = true)]
    async fn an_argument_nests_as_deep_as_they_say() {
        for (depth, is_answered) in [(8, true), (3, false)] {
            let rig = Rig::with(limits(|limits| limits.gob.value_depth_max = depth)).await;
            let mut raw = rig.raw().await;
            let deep = vec![vec![vec![vec![vec![7_i64]]]]];

            // An unknown type for the method: whether it was walked over shows in the words.
            raw.ask(1, "Probe.Multiply", &Nested { a: 6, b: 7, deep }).await;

            let answered = raw.reply::<i64>().await.unwrap().1;
            assert_eq!(answered.is_ok(), is_answered, "{depth}: {answered:?}");
        }
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Nested {
        a: i64,
        b: i64,
        deep: Vec<Vec<Vec<Vec<Vec<i64>>>>>,
    }
}

mod pings_max {
    use super::*;

    /// Row A7: a flood of questions whether anybody is there.
    #[tokio::test(start_paused = true)]
    async fn asking_again_and_again_who_is_there_closes_the_connection() {
        for limit in [10, 3] {
            let rig = Rig::with(limits(|limits| limits.pings_max = limit)).await;
            let bystander = rig.bystander().await;
            let mut stream = support::raw::dial(&rig.address, &rig.memory).await;
            let preface = b"\xc1FWR\x01\0\x01\0\0\0\0\0\0\0\0\0";
            let hello = b"\x0e\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\xff\0\0\0\0\0\0\0\0\0";
            let ping = b"\0\0\0\0\0\0\x05\0\x07\0\0\0\0\0\0\0";
            let flood = [&preface[..], hello, &ping.repeat(limit + 1)].concat();

            tokio::io::AsyncWriteExt::write_all(&mut stream.writer, &flood).await.unwrap();

            let mut heard = Vec::new();
            let ended = tokio::io::AsyncReadExt::read_to_end(&mut stream.reader, &mut heard);
            in_time("the connection ends", ended).await.unwrap();
            let pongs =
                heard.windows(16).filter(|bytes| bytes.starts_with(b"\0\0\0\0\0\0\x06\0\x07")).count();
            assert_eq!(pongs, limit + 1);
            was_counted(&rig, "pings_max");
            bystander.is_unaffected().await;
        }
    }
}

/// A server, and the answers to JSON-RPC requests that are sent to it on one connection, until it is closed.
#[cfg(feature = "json")]
async fn answers(rig: &Rig, requests: &[u8]) -> Vec<serde_json::Value> {
    let mut raw = rig.raw().await;
    let _ = raw.try_send(requests).await;
    let _ = raw.try_half_close().await;
    let said = raw.is_closed().await;
    said.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[cfg(feature = "json")]
mod json_depth_max {
    use super::*;

    fn nested(depth: usize) -> Vec<u8> {
        // What is passed over counts as well.
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        let twice = "\"method\":\"Probe.Twice\",\"params\":[21],\"id\":1";
        format!("{{\"jsonrpc\":\"2.0\",\"other\":{open}{close},{twice}}}").into_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deeper_message_closes_its_connection() {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;

        let said = answers(&rig, &[nested(129), nested(2)].concat()).await;

        assert_eq!(said.len(), 1);
        assert_eq!(said[0]["error"]["message"], "values nest deeper than 128");
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_of_just_that_depth_is_answered() {
        let rig = Rig::new().await;

        let said = answers(&rig, &nested(128)).await;

        assert_eq!(said[0]["result"], 42);
    }
}

mod option_len_max {
    use super::support::gob;
    use super::*;

    /// An Option of so many bytes, and what its connection has heard when it is over.
    async fn answered(rig: &Rig, len: usize) -> Vec<u8> {
        let option = "{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\"";
        let mut client = rig.raw().await;
        client.try_send(format!("{option:len$}}}").as_bytes()).await.unwrap();
        // A request, as GeeRPC's clients write it.
        let header = gob::define_struct(
            65,
            "Header",
            &[("ServiceMethod", gob::STRING), ("Seq", gob::UINT), ("Error", gob::STRING)],
        );
        let request = gob::value(65, &[vec![1], gob::text("Probe.Twice"), vec![1, 1, 0]].concat());
        let _ = client.try_send(&[header, request, b"\x03\x04\x00\x2a".to_vec()].concat()).await;
        let _ = client.try_half_close().await;
        client.is_closed().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_longer_one_closes_its_connection() {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;

        assert!(answered(&rig, 4096).await.is_empty());

        assert_eq!(rig.handle.calls().iter().find(|(name, _)| name == "Probe.Twice").unwrap().1, 1);
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_just_that_length_is_taken() {
        let rig = Rig::new().await;

        assert!(answered(&rig, 4095).await.ends_with(b"\x03\x04\x00\x54"));
    }
}

#[cfg(feature = "json")]
mod json_id_len_max {
    use super::*;

    fn request(version: &str, len: usize) -> Vec<u8> {
        let id = "x".repeat(len - 2);
        format!("{{{version}\"method\":\"Probe.Twice\",\"params\":[21],\"id\":\"{id}\"}}").into_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_of_2_0_with_a_longer_one_is_none() {
        let rig = Rig::new().await;
        let two = "\"jsonrpc\":\"2.0\",";

        let said = answers(&rig, &[request(two, 65), request(two, 64)].concat()).await;

        assert_eq!(said.len(), 2);
        assert_eq!(said[0]["error"]["code"], -32600);
        assert!(said[0]["id"].is_null());
        assert_eq!(said[1]["id"].as_str().unwrap().len(), 62);
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_1_0_closes_its_connection() {
        let rig = Rig::new().await;

        let said = answers(&rig, &[request("", 64), request("", 65), request("", 64)].concat()).await;

        assert_eq!(said.len(), 1);
        assert_eq!(said[0]["result"], 42);
    }
}

#[cfg(feature = "json")]
mod batch_len_max {
    use super::*;

    fn list(len: usize) -> Vec<u8> {
        let request =
            |id| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"Probe.Twice\",\"params\":[{id}],\"id\":{id}}}");
        format!("[{}]", (0..len).map(request).collect::<Vec<_>>().join(",")).into_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_a_longer_list_runs() {
        let rig = Rig::new().await;

        let said = answers(&rig, &list(257)).await;

        assert_eq!(said.len(), 1);
        assert_eq!((&said[0]["error"]["code"], &said[0]["id"]), (&(-32600).into(), &serde_json::Value::Null));
        assert_eq!(rig.handle.calls().iter().find(|(name, _)| name == "Probe.Twice").unwrap().1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_of_just_that_length_is_answered() {
        let rig = Rig::new().await;

        let said = answers(&rig, &list(256)).await;

        assert_eq!(said[0].as_array().unwrap().len(), 256);
    }
}

#[cfg(feature = "http")]
mod connections_per_client_max {
    use super::*;
    use ferrywire::protocol::Http;

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_it_wait_until_one_has_ended() {
        let rig = Rig::new().await;
        let limits = limits(|limits| limits.connections_per_client_max = 2);
        let client = rig.builder().protocol(Http).limits(limits).connect(&rig.address).await.unwrap();
        let calls: Vec<_> = (0..5).map(|number| client.start::<_, i64>("Probe.Hold", &number)).collect();
        rig.bench.begun(2).await;
        settle().await;

        assert_eq!((rig.handle.connections(), rig.bench.begun_so_far()), (2, 2));

        rig.bench.let_go(5);
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(in_time("the call ends", call).await.unwrap(), number as i64);
        }
        assert_eq!(rig.handle.connections(), 2);
    }
}

/// A request of gomorpc, for what is not there: its number is 5, and its header is so long.
fn gomorpc_request(header_len: usize) -> Vec<u8> {
    let name = b"\x0a\x01S\x12\x01M\x18\x05";
    let mut header = name.to_vec();
    if header_len > name.len() {
        // A field that nobody knows, with its length in two bytes.
        let len = header_len - name.len() - 3;
        header.extend_from_slice(&[0x32, len as u8 | 0x80, (len >> 7) as u8]);
        header.resize(header_len, 7);
    }
    [&(header.len() as u32).to_be_bytes()[..], &header, &[0; 4]].concat()
}

const GOMORPC: &[u8] = b"{\"MagicNumber\":21913,\"CodeType\":0}";

mod mheader_len_max {
    use super::support::End;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_longer_one_closes_its_connection() {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut client = End::to(&rig).await;

        client.say(&[GOMORPC, &gomorpc_request(4097)].concat()).await;

        assert!(client.rest().await.is_empty());
        bystander.is_unaffected().await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_just_that_length_is_answered() {
        let rig = Rig::new().await;
        let mut client = End::to(&rig).await;

        let request = gomorpc_request(4096);
        client.say(&[GOMORPC, &request].concat()).await;

        // That there is no such service.
        let reply = client.take(4 + 4096 + 2 + 4).await;
        assert_eq!(reply[..4], 4098_u32.to_be_bytes());
        assert_eq!(reply[4..14], [&request[4..12], &[0x20, 2]].concat());
        assert_eq!(reply[14..], request[12..]);
    }
}

mod reply_latency_min {
    use super::support::End;
    use super::*;

    /// How long the reply to a request takes that is answered at once.
    async fn latency(limits: Limits) -> Duration {
        let rig = Rig::with(limits).await;
        let mut client = End::to(&rig).await;
        let began = Instant::now();
        client.say(&[GOMORPC, &gomorpc_request(0)].concat()).await;
        client.take(4 + 10 + 4).await;
        let first = began.elapsed();
        client.say(&gomorpc_request(0)).await;
        client.take(4 + 10 + 4).await;
        assert_eq!(began.elapsed(), first * 2);
        first
    }

    #[tokio::test(start_paused = true)]
    async fn no_reply_comes_sooner() {
        assert_eq!(latency(Limits::default()).await, Duration::from_millis(1));
        let longer = limits(|limits| limits.reply_latency_min = Duration::from_millis(250));
        assert_eq!(latency(longer).await, Duration::from_millis(250));
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_none() {
        let none = limits(|limits| limits.reply_latency_min = Duration::ZERO);

        assert_eq!(latency(none).await, Duration::ZERO);
    }

    /// Other wires have no need of it.
    #[tokio::test(start_paused = true)]
    async fn others_are_answered_at_once() {
        let rig = Rig::with(limits(|limits| limits.reply_latency_min = Duration::from_secs(3))).await;
        let client = rig.client().await;
        let began = Instant::now();

        assert_eq!(client.twice(21).await.unwrap(), 42);

        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

mod attempts_max {
    use ferrywire::balance::RoundRobin;

    use super::support::fleet::{Fleet, NodeClient, limits, told};

    #[tokio::test(start_paused = true)]
    async fn so_often_a_call_is_sent_that_no_server_takes() {
        for attempts in [1, 2, 4] {
            let mut fleet = Fleet::of(0).await;
            for number in 0..6 {
                let full = limits(|limits| limits.calls_max = 0);
                fleet.start_with(number, |builder| builder.limits(full)).await;
            }
            let (teller, source) = told();
            let with = limits(|limits| limits.attempts_max = attempts);
            let discovering = fleet.builder().balance(RoundRobin).limits(with).discover_from(source);
            let (client, ()) = tokio::join!(discovering, teller.says(fleet.endpoints()));
            let client = client.unwrap();

            NodeClient::new(client.clone()).who().await.unwrap_err();

            let asked: u64 = client.servers().unwrap().servers.iter().map(|server| server.calls).sum();
            assert_eq!(asked, attempts as u64);
        }
    }
}
