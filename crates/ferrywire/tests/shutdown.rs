//! The end of a server: what runs is answered, what is stuck is cut off, and nothing is left.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrywire::protocol::{Native, NetRpc};
use ferrywire::{Client, Code, Limits, Server};
use tokio::time::Instant;

use support::{
    Bench, ProbeClient, ProbeServer, RawClient, Rig, drains, in_time, limits, pipe, settle, until,
};

mod support;

/// Nothing of a server is left: no connection, no call, and its `run` has returned.
async fn is_gone(rig: Rig) {
    in_time("the server has ended", rig.running).await.unwrap().unwrap();
    assert_eq!((rig.handle.connections(), rig.handle.running()), (0, 0));
}

/// Row J1: what was begun is answered, and then the connection is closed in good order.
#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_what_runs() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    for id in 1..=3 {
        raw.ask(id, "Probe.Hold", &(id as i64)).await;
    }
    rig.bench.begun(3).await;

    rig.handle.shutdown();
    drains().await;
    assert!(!rig.running.is_finished());
    rig.bench.let_go(3);

    raw.hears_all(vec![(1, 1_i64), (2, 2), (3, 3)]).await;
    assert_eq!(raw.is_closed().await, b"");
    is_gone(rig).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_calls_is_over_at_once() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Twice", &21_i64).await;
    raw.hears(1, 42_i64).await;
    let silent = rig.raw().await;
    let began = Instant::now();

    rig.handle.shutdown();
    assert_eq!(raw.is_closed().await, b"");
    drop((raw, silent));

    is_gone(rig).await;
    assert!(began.elapsed() < Duration::from_secs(2), "after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_is_shut_down_accepts_nobody() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let (address, handle) = (rig.address.clone(), rig.handle.clone());
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Hold", &1_i64).await;
    rig.bench.begun(1).await;

    handle.shutdown();

    let mut is_refused = false;
    for _ in 0..1000 {
        is_refused = Client::builder().protocol(NetRpc).connect(&address).await.is_err();
        if is_refused {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(is_refused);
    rig.bench.let_go(1);
    raw.hears(1, 1_i64).await;
    is_gone(rig).await;
}

/// Row J1: what comes while the server drains was not accepted, and has not run.
#[tokio::test(start_paused = true)]
async fn a_request_that_comes_during_the_drain_is_not_begun() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Hold", &1_i64).await;
    rig.bench.begun(1).await;
    rig.handle.shutdown();
    drains().await;

    raw.ask(2, "Probe.Hold", &2_i64).await;
    settle().await;
    rig.bench.let_go(2);

    raw.hears(1, 1_i64).await;
    assert_eq!(raw.is_closed().await, b"");
    assert_eq!(rig.bench.begun_so_far(), 1);
    is_gone(rig).await;
}

/// Defect 5, row J1: closing a connection waited for its handlers for ever.
#[tokio::test(start_paused = true)]
async fn a_stuck_handler_does_not_hold_a_closing_connection() {
    let rig = Rig::with(limits(|limits| {
        limits.handler_timeout = Duration::from_secs(3600);
        limits.drain_timeout = Duration::from_secs(5);
    }))
    .await;
    let (client, bench) = (rig.builder().connect(&rig.address).await.unwrap(), rig.bench.clone());
    let stuck = client.start::<_, i64>("Probe.Watched", &1_i64);
    bench.begun(1).await;
    let began = Instant::now();

    rig.handle.shutdown();

    let error = stuck.await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.may_have_run());
    is_gone(rig).await;
    assert!((5..7).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    bench.gone(1).await;
    bench.cancelled(1).await;
}

/// Row J1: a caller that takes nothing of its answer does not hold the server either.
#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_does_not_hold_the_drain() {
    let rig = Rig::with(limits(|limits| limits.drain_timeout = Duration::from_secs(5))).await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Fill", &500_000_u64).await;
    settle().await;
    let began = Instant::now();

    rig.handle.shutdown();

    is_gone(rig).await;
    assert!(began.elapsed() < Duration::from_secs(7), "after {:?}", began.elapsed());
    drop(raw);
}

/// Row J2: at once, however often, in whatever order.
#[tokio::test(start_paused = true)]
async fn a_second_shutdown_changes_nothing() {
    let rig = Rig::new().await;
    let handle = rig.handle.clone();
    let client = rig.builder().connect(&rig.address).await.unwrap();
    let held = client.start::<_, i64>("Probe.Hold", &7_i64);
    rig.bench.begun(1).await;

    for _ in 0..3 {
        handle.shutdown();
        drains().await;
    }
    rig.bench.let_go(1);

    assert_eq!(held.await.unwrap(), 7);
    is_gone(rig).await;
    handle.shutdown();
}

/// Row J2: stopped before it was started.
#[tokio::test(start_paused = true)]
async fn a_shutdown_before_the_run_ends_it_at_once() {
    let server = Server::builder().register(ProbeServer::new(Bench::new())).bind("tcp://127.0.0.1:0").await;
    let server = server.unwrap();

    server.handle().shutdown();

    in_time("the run ends", server.run()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_signal_shuts_down_as_a_handle_does() {
    let memory = ferrywire::transport::Memory::new();
    let bench = Bench::new();
    let builder = Server::builder().memory(&memory).register(ProbeServer::new(bench.clone()));
    let server = builder.bind("memory://signal").await.unwrap();
    let (signal, signalled) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run_until(async {
        let _ = signalled.await;
    }));
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://signal").await.unwrap();
    let held = client.start::<_, i64>("Probe.Hold", &7_i64);
    bench.begun(1).await;

    signal.send(()).unwrap();
    settle().await;
    bench.let_go(1);

    assert_eq!(held.await.unwrap(), 7);
    in_time("the run ends", running).await.unwrap().unwrap();
}

/// The server is dropped with its `run`: nobody is left to wait for.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_closes_everything() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Watched", &1_i64).await;
    rig.bench.begun(1).await;
    let mut silent = rig.raw().await;

    rig.running.abort();

    assert_eq!(raw.is_closed().await, b"");
    assert_eq!(silent.is_closed().await, b"");
    rig.bench.gone(1).await;
    rig.bench.cancelled(1).await;
    rig.connections(0).await;
    assert_eq!(rig.handle.running(), 0);
    assert!(rig.builder().connect(&rig.address).await.is_err());
}

/// What `serve` was given ends with the server, also where nothing is listened at.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_served_alone_is_shut_down_too() {
    let (ours, theirs) = pipe(4096);
    let bench = Bench::new();
    let server = Server::builder().register(ProbeServer::new(bench.clone())).build().unwrap();
    let serving = tokio::spawn(server.serve(theirs));
    let mut raw = RawClient::over(ours);
    raw.ask(1, "Probe.Hold", &7_i64).await;
    bench.begun(1).await;

    server.handle().shutdown();
    drains().await;
    bench.let_go(1);

    raw.hears(1, 7_i64).await;
    assert_eq!(raw.is_closed().await, b"");
    drop(raw);
    in_time("the stream is done with", serving).await.unwrap();
    assert_eq!((server.handle().connections(), server.handle().running()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_serve_that_is_dropped_drops_its_calls() {
    let (ours, theirs) = pipe(4096);
    let bench = Bench::new();
    let server = Server::builder().register(ProbeServer::new(bench.clone())).build().unwrap();
    let serving = tokio::spawn(server.serve(theirs));
    let mut raw = RawClient::over(ours);
    raw.ask(1, "Probe.Watched", &7_i64).await;
    bench.begun(1).await;

    serving.abort();

    bench.cancelled(1).await;
    assert_eq!(raw.is_closed().await, b"");
    assert_eq!((server.handle().connections(), server.handle().running()), (0, 0));
}

/// Row J1: under load, every call that was answered was answered rightly, and none that was begun is lost.
#[tokio::test]
async fn a_shutdown_under_load_loses_no_call_that_was_begun() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let mut callers = Vec::new();
    for caller in 0..8_u64 {
        let client: ProbeClient = rig.client().await;
        callers.push(tokio::spawn(async move {
            for round in 0..u64::MAX {
                match client.say(format!("{caller}:{round}"), 1).await {
                    Ok(said) => assert_eq!(said, format!("{caller}:{round}")),
                    Err(error) => return (round, error),
                }
            }
            unreachable!("the server is shut down before")
        }));
    }
    let begun = || rig.handle.calls().into_iter().find(|(name, _)| name == "Probe.Say").unwrap().1;
    until("the load is on", || begun() > 200).await;

    rig.handle.shutdown();

    let (mut answered, mut failed) = (0, 0);
    for caller in callers {
        let (rounds, error) = in_time("the caller ends", caller).await.unwrap();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        (answered, failed) = (answered + rounds, failed + 1);
    }
    assert_eq!(begun(), answered, "{failed} callers ended with an error");
    is_gone(rig).await;
}

/// Row C13: every call knows whether it has run, also those that were sent on a connection that had only just been made.
/// One of them was in doubt when the server closed on it before it had been asked what it wants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_in_doubt_when_a_server_ends_in_good_order() {
    const ROUNDS: u64 = 25;
    for round in 0..ROUNDS {
        let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
        let client = rig.builder().protocol(Native).connect(&rig.address).await.unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8_u64)
            .map(|caller| {
                let (probe, is_over) = (ProbeClient::new(client.clone()), is_over.clone());
                tokio::spawn(async move {
                    let (mut answered, mut doubts) = (0, Vec::new());
                    while !is_over.load(Ordering::Relaxed) {
                        match probe.say(format!("{caller}:{answered}"), 1).await {
                            Ok(said) => {
                                assert_eq!(said, format!("{caller}:{answered}"));
                                answered += 1;
                            }
                            Err(error) if error.may_have_run() => doubts.push(error),
                            Err(error) => assert_eq!(error.code(), Code::Unavailable, "{error}"),
                        }
                    }
                    (answered, doubts)
                })
            })
            .collect();
        // From the first dial to the middle of many calls.
        tokio::time::sleep(Duration::from_micros(round * 400)).await;

        rig.handle.shutdown();
        in_time("the server has ended", rig.running).await.unwrap().unwrap();

        is_over.store(true, Ordering::Relaxed);
        let mut answered = 0;
        for caller in callers {
            let (answers, doubts) = in_time("the caller ends", caller).await.unwrap();
            assert!(doubts.is_empty(), "round {round}: {doubts:?}");
            answered += answers;
        }
        let begun = rig.handle.calls().into_iter().find(|(name, _)| name == "Probe.Say").unwrap().1;
        assert_eq!(begun, answered, "round {round}");
    }
}
