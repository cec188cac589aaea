//! Calls from beginning to end: deadlines, withdrawals, lost servers, and what a method and its caller see.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::time::Duration;

use ferrywire::protocol::NetRpc;
use ferrywire::transport::{Memory, Place, Transport};
use ferrywire::{Client, Code, Error, Format, Limits, Phase, Server};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use support::{
    Args, Bench, Heard, ProbeClient, ProbeServer, RawClient, RawServer, Rig, in_time, limits, pipe, settle,
};

mod support;

/// A folder of its own for sockets, removed with everything in it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferrywire-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self, name: &str) -> String {
        format!("unix://{}", self.0.join(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn client_over(stream: ferrywire::transport::Stream, limits: Limits) -> ProbeClient {
    ProbeClient::new(Client::builder().protocol(NetRpc).limits(limits).over(stream))
}

/// Closes a socket without a farewell.
fn reset(socket: tokio::net::TcpStream) {
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

// ---- what comes back ----

#[tokio::test]
async fn a_call_is_answered_over_memory_and_tcp() {
    for address in ["memory://rig", "tcp://127.0.0.1:0", "http://127.0.0.1:0"] {
        let rig = Rig::at(address, Limits::default()).await;
        let client = rig.client().await;

        assert_eq!(client.twice(21).await.unwrap(), 42, "{address}");
        assert_eq!(client.multiply(Args { a: 6, b: 7 }).await.unwrap(), 42, "{address}");
    }
}

#[tokio::test]
async fn nothing_is_sent_until_a_call_is_awaited() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);

    drop(client.twice(1));
    let call = client.twice(2);
    let mut call = pin!(call.into_future());
    let _ = futures_util::poll!(call.as_mut());

    assert_eq!(server.hear().await, Some(heard(1, "Probe.Twice", 2)));
}

fn heard(id: u64, method: &str, number: i64) -> Heard {
    Heard::Call { id, method: method.to_owned(), number: Some(number) }
}

#[tokio::test(start_paused = true)]
async fn a_started_call_runs_without_being_awaited() {
    let rig = Rig::new().await;
    let client = rig.builder().connect(&rig.address).await.unwrap();

    let started = client.start::<_, i64>("Probe.Hold", &11_i64);

    rig.bench.begun(1).await;
    assert!(!started.is_done());
    rig.bench.let_go(1);
    assert_eq!(in_time("the started call ends", started).await.unwrap(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_started_call_that_is_dropped_is_withdrawn() {
    let rig = Rig::new().await;
    let client = rig.builder().connect(&rig.address).await.unwrap();
    let started = client.start::<_, i64>("Probe.Hold", &11_i64);
    rig.bench.begun(1).await;

    drop(started);

    rig.bench.gone(1).await;
    rig.calls_running(0).await;
}

#[tokio::test(start_paused = true)]
async fn replies_out_of_order_reach_their_own_callers() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let say = |text: &str, after_ms| client.say(text.to_owned(), after_ms);
    let began = Instant::now();

    let (slow, quick, middling) = tokio::join!(say("slow", 300), say("quick", 10), say("middling", 200));

    assert_eq!(
        (slow.unwrap(), quick.unwrap(), middling.unwrap()),
        ("slow".to_owned(), "quick".to_owned(), "middling".to_owned())
    );
    assert!(began.elapsed() < Duration::from_millis(310), "one waited for another");
}

#[tokio::test]
async fn a_thousand_calls_at_once_are_all_answered() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let client = rig.client().await;

    let products = join_all((0..1000).map(|number| client.multiply(Args { a: number, b: 3 }))).await;

    for (number, product) in products.into_iter().enumerate() {
        assert_eq!(product.unwrap(), number as i64 * 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_that_wait_for_each_other_are_all_answered() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let calls: Vec<_> = (0..1000).map(|number| client.hold(number)).collect();

    let answered = join_all(calls.into_iter().map(|call| call.timeout(Duration::from_secs(15))));
    let (answered, ()) = tokio::join!(answered, async {
        // The server runs 256 of them, and reads the others as these are answered.
        rig.bench.begun(256).await;
        settle().await;
        assert_eq!(rig.bench.begun_so_far(), 256);
        rig.bench.let_go(1000);
    });

    let expected: Vec<i64> = (0..1000).collect();
    assert_eq!(answered.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_megabyte_travels_in_both_directions() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let client = rig.client().await;

    assert_eq!(client.len(&vec![7; 1 << 20]).await.unwrap(), 1 << 20);
    assert_eq!(client.fill(1 << 20).await.unwrap().len(), 1 << 20);
}

// ---- errors ----

/// Defect 13: a remote error text was used as a format string.
#[tokio::test]
async fn an_error_text_with_percent_signs_arrives_unchanged() {
    let rig = Rig::new().await;
    let text = "100%d of %s {} {0} \\n\u{2028}%!(EXTRA)\n";

    let error = rig.client().await.fail(text.to_owned()).await.unwrap_err();

    assert_eq!(error.message(), text);
    assert!(error.is_remote() && error.may_have_run());
}

#[tokio::test]
async fn an_error_without_text_is_still_an_error() {
    let rig = Rig::new().await;

    let error = rig.client().await.fail(String::new()).await.unwrap_err();

    assert_eq!(error.message(), "aborted");
}

#[tokio::test]
async fn an_error_of_the_services_own_type_reaches_its_caller_as_text() {
    let rig = Rig::new().await;
    let client = rig.client().await;

    assert_eq!(client.withdraw(60).await.unwrap(), 40);
    assert_eq!(client.withdraw(142).await.unwrap_err().message(), "42 are missing");
}

/// Row D1: a panic is an error for its own caller, without the panic's text.
#[tokio::test]
async fn a_handler_that_panics_is_an_error_for_its_caller_only() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let held = client.hold(5);
    let (held, ()) = tokio::join!(held, async {
        rig.bench.begun(1).await;

        let later = client.panic_later("a secret".to_owned()).await.unwrap_err();
        let at_once = client.panic_at_once("a secret".to_owned()).await.unwrap_err();

        for error in [later, at_once] {
            assert!(error.is_remote());
            assert_eq!(error.message(), "internal error: the method panicked");
        }
        assert_eq!(client.twice(21).await.unwrap(), 42);
        assert_eq!(rig.handle.connections(), 1);
        rig.bench.let_go(1);
    });
    assert_eq!(held.unwrap(), 5);
    assert_eq!(rig.handle.running(), 0);
}

/// A type whose reading goes wrong in the user's own code.
#[derive(Debug, serde::Serialize)]
struct Trap(i64);

impl<'de> serde::Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            13 => panic!("thirteen"),
            number => Ok(Trap(number)),
        }
    }
}

#[ferrywire::service]
trait Traps {
    async fn spring(&self, trap: Trap) -> i64;
    async fn set(&self, number: i64) -> Trap;
}

struct Trapper;

impl Traps for Trapper {
    async fn spring(&self, trap: Trap) -> i64 {
        trap.0
    }

    async fn set(&self, number: i64) -> Trap {
        Trap(number)
    }
}

/// Defect 26, row B14: a panic caught in the decoder was reported as success.
#[tokio::test]
async fn a_frame_whose_decoder_panics_is_an_error() {
    let memory = Memory::new();
    let server = Server::builder().memory(&memory).register(TrapsServer::new(Trapper));
    let server = server.bind("memory://traps").await.unwrap();
    tokio::spawn(server.run());
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://traps").await.unwrap();
    let traps = TrapsClient::new(client);

    let error = traps.spring(Trap(13)).await.unwrap_err();

    assert!(error.is_remote());
    assert_eq!(traps.spring(Trap(14)).await.unwrap(), 14);
}

/// Row B14, on the calling bank: the panic stays with the call that asked for such a value.
#[tokio::test]
async fn a_reply_whose_decoder_panics_leaves_the_connection_usable() {
    let memory = Memory::new();
    let server = Server::builder().memory(&memory).register(TrapsServer::new(Trapper));
    let server = server.bind("memory://traps").await.unwrap();
    let handle = server.handle();
    tokio::spawn(server.run());
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://traps").await.unwrap();

    let error = client.start::<_, Trap>("Traps.Set", &13_i64).await.unwrap_err();

    assert_eq!(error.code(), Code::Internal);
    assert_eq!(TrapsClient::new(client).set(14).await.unwrap().0, 14);
    assert_eq!(handle.connections(), 1);
}

// ---- deadlines ----

/// Row E2: the deadline covers the connecting.
#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_while_connecting_says_so_and_has_not_run() {
    let folder = Folder::new("connecting");
    // It accepts in the kernel, and nobody ever answers the CONNECT.
    let _listener = std::os::unix::net::UnixListener::bind(folder.0.join("mute")).unwrap();
    let address = format!("http+unix://{}", folder.0.join("mute").display());
    let client = Client::builder().protocol(NetRpc).lazy(address.as_str()).unwrap();

    let error =
        client.call::<_, i64>("Probe.Twice", &1_i64).timeout(Duration::from_secs(1)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Connect)));
    assert_eq!(error.peer(), Some(address.as_str()));
    assert!(!error.may_have_run() && !error.is_remote());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_in_the_queue_says_so_and_has_not_run() {
    let rig = Rig::new().await;
    let client = rig.client_with(limits(|limits| limits.calls_pending_max = 1)).await;
    let first = client.hold(1);
    let queued = client.hold(2).timeout(Duration::from_secs(1));

    let (first, error) = tokio::join!(first, async {
        rig.bench.begun(1).await;
        let error = queued.await.unwrap_err();
        rig.bench.let_go(1);
        error
    });

    assert_eq!(first.unwrap(), 1);
    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Queue)));
    assert!(!error.may_have_run());
    assert_eq!(rig.bench.begun_so_far(), 1);
}

/// Row E2: timeout while blocked in a write.
#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_while_it_is_written_says_so() {
    let (ours, _theirs) = pipe(64);
    let client = client_over(ours, Limits::default());

    let error = client.len(&[7; 4096]).timeout(Duration::from_secs(1)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Write)));
    // The writer owns the bytes, and may still hand them over.
    assert!(error.may_have_run());
}

/// Defect 21, row V2: the timer was looked at only after the reply had come.
#[tokio::test(start_paused = true)]
async fn a_deadline_passes_while_the_server_is_silent() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);
    let began = Instant::now();

    let call = client.twice(21).timeout(Duration::from_millis(700));
    let (error, _) = tokio::join!(call, server.hear_call());

    let error = error.unwrap_err();
    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Wait)));
    assert!(error.may_have_run());
    assert!((700..750).contains(&began.elapsed().as_millis()), "after {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_a_moment_for_however_many_calls() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let began = Instant::now();
    let deadline = (began + Duration::from_secs(2)).into_std();

    let (first, second) = tokio::join!(client.hold(1).deadline(deadline), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.hold(2).deadline(deadline).await
    });

    assert_eq!(first.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(second.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_millis(2050));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_already_is_an_error_at_once() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let deadline = std::time::Instant::now() - Duration::from_secs(1);

    let error = in_time("the call ends", client.hold(1).deadline(deadline)).await.unwrap_err();

    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(client.twice(21).await.unwrap(), 42);
}

/// Row E1: what a caller has given up is not worked on.
#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_tells_the_server_to_stop() {
    let rig = Rig::new().await;
    let client = rig.client().await;

    let error = client.hold(1).timeout(Duration::from_secs(1)).await.unwrap_err();

    assert_eq!(error.code(), Code::DeadlineExceeded);
    rig.bench.gone(1).await;
    rig.calls_running(0).await;
}

/// Defect 3, row D2: after a handler's timeout its task waited for ever to hand over its reply.
#[tokio::test(start_paused = true)]
async fn a_handler_past_its_deadline_leaves_no_task() {
    let rig = Rig::with(limits(|limits| limits.handler_timeout = Duration::from_secs(2))).await;
    let client = rig.client().await;
    client.twice(1).await.unwrap();
    let before = tasks();

    let errors = join_all((0..50).map(|number| client.hold(number))).await;

    for error in errors {
        let error = error.unwrap_err();
        assert!(error.is_remote());
        assert_eq!(error.message(), "deadline exceeded while the method was running");
    }
    rig.bench.gone(50).await;
    assert_eq!((rig.handle.running(), tasks()), (0, before));
}

// ---- withdrawals ----

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_the_connection_usable() {
    let rig = Rig::new().await;
    let client = rig.client().await;

    let slow = client.say("slow".to_owned(), 60_000);
    assert!(timeout(Duration::from_millis(10), slow).await.is_err());

    assert_eq!(client.say("next".to_owned(), 1).await.unwrap(), "next");
    assert_eq!(rig.handle.connections(), 1);
}

/// Row E1: the wire's word for a withdrawal is the fork's, `_goRPC_.Cancel`.
#[tokio::test(start_paused = true)]
async fn a_dropped_call_sends_gos_word_for_a_withdrawal() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);

    let call = client.hold(7);
    assert!(timeout(Duration::from_secs(1), call).await.is_err());

    let id = server.hear_call().await;
    let Some(Heard::Cancel { target, reply_to }) = server.hear().await else {
        panic!("expected a withdrawal")
    };
    assert_eq!(target, id);
    // A stock server answers that it does not know the word; that answer is nobody's.
    server.send(&[]).await;
    let refusal = Error::new(Code::Unimplemented, "rpc: can't find service _goRPC_.Cancel");
    let refusal = server.refusal(reply_to.unwrap(), "_goRPC_.Cancel", &refusal);
    let late = server.reply(id, "Probe.Hold", &7_i64);
    server.send(&[refusal, late].concat()).await;
    let (doubled, ()) = tokio::join!(client.twice(21), async {
        let id = server.hear_call().await;
        server.answer(id, "Probe.Twice", &42_i64).await;
    });
    assert_eq!(doubled.unwrap(), 42);
}

/// With every seat taken the word was not read, and the calls ran on.
#[tokio::test(start_paused = true)]
async fn gos_word_for_a_withdrawal_is_heard_while_every_seat_is_taken() {
    let rig = Rig::with(limits(|limits| limits.calls_per_connection_max = 2)).await;
    let mut raw = rig.raw().await;
    for id in 1..=2 {
        raw.ask(id, "Probe.Hold", &7_i64).await;
    }
    rig.bench.begun(2).await;

    // However it is cut: header and body of a withdrawal come apart too.
    for target in 1..=2 {
        for byte in raw.cancel(target) {
            raw.send(&[byte]).await;
            settle().await;
        }
    }

    rig.bench.gone(2).await;
    raw.ask(3, "Probe.Twice", &21_i64).await;
    // Behind the ends of the calls and of their withdrawals.
    let doubled = loop {
        match raw.reply::<i64>().await.unwrap() {
            (3, doubled) => break doubled,
            (id, ended) => assert!(ended.is_err(), "{id}"),
        }
    };
    assert_eq!(doubled.unwrap(), 42);
}

/// Row C7.
#[tokio::test(start_paused = true)]
async fn a_withdrawal_behind_a_request_too_many_waits_with_it() {
    let rig = Rig::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let mut raw = rig.raw().await;
    for id in 1..=2 {
        raw.ask(id, "Probe.Hold", &7_i64).await;
    }
    let cancel = raw.cancel(1);
    raw.send(&cancel).await;
    settle().await;
    assert_eq!((rig.bench.begun_so_far(), rig.handle.running()), (1, 1));

    rig.bench.let_go(2);

    raw.hears_all(vec![(1, 7_i64), (2, 7)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ended_by_itself_sends_no_withdrawal() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);

    for number in [1, 2] {
        let (doubled, ()) = tokio::join!(client.twice(number), async {
            let id = match server.hear().await {
                Some(Heard::Call { id, number: Some(asked), .. }) if asked == number => id,
                other => panic!("expected a call with {number}, heard {other:?}"),
            };
            server.answer(id, "Probe.Twice", &(2 * number)).await;
        });
        assert_eq!(doubled.unwrap(), 2 * number);
    }
}

/// Defect 17, row E2: a call could not be cancelled while it was being sent.
#[tokio::test(start_paused = true)]
async fn a_call_can_be_dropped_while_the_peer_does_not_read() {
    let (ours, theirs) = pipe(64);
    let client = client_over(ours, Limits::default());

    let stuck = client.len(&[7; 4096]);
    assert!(timeout(Duration::from_secs(1), stuck).await.is_err());

    // Row E3: the message that was begun is finished, so that the stream is still in step.
    let mut server = RawServer::over(theirs);
    let id = server.hear_call().await;
    assert_eq!(server.hear().await, Some(Heard::Cancel { target: id, reply_to: Some(id | 1 << 63) }));
    let (doubled, ()) = tokio::join!(client.twice(21), async {
        let id = server.hear_call().await;
        server.answer(id, "Probe.Twice", &42_i64).await;
    });
    assert_eq!(doubled.unwrap(), 42);
}

#[tokio::test(start_paused = true)]
async fn withdrawn_calls_give_their_places_back() {
    let rig = Rig::new().await;
    let client = rig.client_with(limits(|limits| limits.calls_pending_max = 2)).await;

    for round in 1..=20 {
        let both = async { tokio::join!(client.hold(1), client.hold(2)) };
        assert!(timeout(Duration::from_millis(10), both).await.is_err());
        rig.bench.gone(2 * round).await;
    }

    assert_eq!(client.twice(21).timeout(Duration::from_secs(1)).await.unwrap(), 42);
    rig.calls_running(0).await;
}

/// Row E1: a queued call that is dropped leaves nothing either.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_the_queue_takes_no_place() {
    let rig = Rig::new().await;
    let (starter, client) = rig.clients(limits(|limits| limits.calls_pending_max = 1)).await;
    let held = starter.start::<_, i64>("Probe.Hold", &1_i64);
    rig.bench.begun(1).await;
    for _ in 0..10 {
        assert!(timeout(Duration::from_millis(1), client.hold(2)).await.is_err());
    }

    rig.bench.let_go(1);

    assert_eq!(held.await.unwrap(), 1);
    assert_eq!(client.twice(21).timeout(Duration::from_secs(1)).await.unwrap(), 42);
    assert_eq!(rig.bench.begun_so_far(), 1);
}

// ---- the server is lost ----

/// Defect 15, row C9: a failed connection stayed open and its calls stayed pending.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_leaves_nothing_pending() {
    let rig = Rig::new().await;
    let before = tasks();
    let client = rig.client().await;
    let began = Instant::now();
    let calls = join_all((0..100).map(|number| client.hold(number)));

    let (errors, ()) = tokio::join!(calls, async {
        rig.bench.begun(100).await;
        rig.running.abort();
    });

    for error in errors {
        let error = error.unwrap_err();
        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Wait)));
        assert!(error.may_have_run() && !error.is_remote());
    }
    assert!(began.elapsed() < Duration::from_millis(10), "ended only after {:?}", began.elapsed());
    settle().await;
    assert!(tasks() < before, "{} tasks, {before} before, among them the server's", tasks());
}

/// Row C9: what was not yet written has certainly not run.
#[tokio::test(start_paused = true)]
async fn calls_that_were_not_written_when_the_server_died_have_not_run() {
    let (ours, theirs) = pipe(64);
    let client = client_over(ours, Limits::default());
    let argument = [7; 4096];
    let (begun, queued) = (client.len(&argument), async {
        settle().await;
        client.twice(1).await
    });

    let (begun, queued, ()) = tokio::join!(begun, queued, async {
        for _ in 0..3 {
            settle().await;
        }
        drop(theirs);
    });

    assert!(begun.unwrap_err().may_have_run(), "some of its bytes were taken");
    let queued = queued.unwrap_err();
    assert_eq!(queued.code(), Code::Unavailable);
    assert!(!queued.may_have_run());
}

/// Row E4: after a short absence the first call succeeds within a second of the server's return.
#[tokio::test(start_paused = true)]
async fn later_calls_find_the_server_that_came_back() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    let (error, ()) = tokio::join!(client.hold(1), async {
        rig.bench.begun(1).await;
        rig.running.abort();
    });
    assert_eq!(error.unwrap_err().code(), Code::Unavailable);
    settle().await;
    let gone = client.twice(1).await.unwrap_err();
    assert_eq!((gone.code(), gone.phase()), (Code::Unavailable, Some(Phase::Connect)));
    assert!(!gone.may_have_run());

    tokio::time::sleep(Duration::from_millis(500)).await;
    let back = Rig::again(rig.bench, rig.memory, "memory://rig", Limits::default()).await;
    let began = Instant::now();

    assert_eq!(client.twice(21).await.unwrap(), 42);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(back.handle.connections(), 1);
}

/// Row E5: many callers that find the connection lost share one dial.
#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_dial() {
    let rig = Rig::new().await;
    let client = ProbeClient::new(rig.builder().lazy(&rig.address).unwrap());

    let doubled = join_all((0..100).map(|number| client.twice(number))).await;

    assert!(doubled.into_iter().all(|doubled| doubled.is_ok()));
    assert_eq!(rig.handle.connections(), 1);
}

/// Defect 19, row C9: any error of a connection ended the process.
#[tokio::test(start_paused = true)]
async fn a_connection_error_ends_calls_and_not_the_process() {
    const PAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Connection: close\r\n\r\n400 Bad Request";
    for garbage in [PAGE, b"\x00", b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff", b""] {
        let (ours, theirs) = pipe(4096);
        let client = client_over(ours, Limits::default());
        let mut server = RawServer::over(theirs);

        let (error, ()) = tokio::join!(client.twice(1), async {
            server.hear_call().await;
            server.send(garbage).await;
            if garbage.is_empty() {
                drop(server);
            } else {
                // The client has closed: nothing that follows can be understood.
                assert_eq!(server.hear().await, None);
            }
        });

        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{garbage:?}: {error}");
        assert!(error.may_have_run());
        let later = client.twice(1).await.unwrap_err();
        assert!(!later.may_have_run(), "a stream cannot be made again: {later}");
    }
}

/// Row E12: a reply of which the rest never comes does not hold a connection for ever.
#[tokio::test(start_paused = true)]
async fn a_reply_that_never_ends_costs_its_connection() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);

    let (error, ()) = tokio::join!(client.twice(1).timeout(Duration::from_secs(15)), async {
        server.hear_call().await;
        // In gob its first letter promises 72 bytes.
        server.send(b"HTTP/1.1 418 \r\n\r\n").await;
        assert_eq!(server.hear().await, None);
    });

    assert_eq!(error.unwrap_err().code(), Code::Unavailable);
}

/// Defect 19, row C4: the client panicked on an unknown id.
#[tokio::test(start_paused = true)]
async fn a_reply_nobody_waits_for_is_dropped() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);

    for id in [0, 5, 1 << 40, (1 << 63) - 1] {
        server.answer(id, "Probe.Twice", &1_i64).await;
    }
    settle().await;

    let (doubled, ()) = tokio::join!(client.twice(21), async {
        let id = server.hear_call().await;
        // Row C5: delivered once, however often it comes.
        server.answer(id, "Probe.Twice", &42_i64).await;
        server.answer(id, "Probe.Twice", &43_i64).await;
    });
    assert_eq!(doubled.unwrap(), 42);
    let (doubled, ()) = tokio::join!(client.twice(4), async {
        let id = server.hear_call().await;
        server.answer(id, "Probe.Twice", &8_i64).await;
    });
    assert_eq!(doubled.unwrap(), 8);
}

/// Defect 20: the call was registered after it was written.
#[tokio::test(start_paused = true)]
async fn a_reply_faster_than_its_caller_finds_it() {
    let (_, theirs) = pipe(1);
    let reply = RawServer::over(theirs).reply(1, "Probe.Twice", &42_i64);
    let client = client_over(Reflex::stream(reply), Limits::default());

    let doubled = in_time("the reply finds its call", client.twice(21)).await;

    assert_eq!(doubled.unwrap(), 42);
}

/// A peer whose answer is there before the write of the question has returned.
struct Reflex {
    answer: Vec<u8>,
    answers: tokio::sync::mpsc::UnboundedSender<Vec<u8>>,
}

struct Answers(tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>);

impl Reflex {
    fn stream(answer: Vec<u8>) -> ferrywire::transport::Stream {
        let (answers, came) = tokio::sync::mpsc::unbounded_channel();
        let peer = ferrywire::transport::Peer::named("test:reflex");
        ferrywire::transport::Stream::new(Answers(came), Reflex { answer, answers }, peer)
    }
}

impl tokio::io::AsyncWrite for Reflex {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let answer = std::mem::take(&mut self.answer);
        let _ = self.answers.send(answer);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Answers {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        room: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        match self.0.poll_recv(cx) {
            std::task::Poll::Ready(answer) => {
                room.put_slice(&answer.unwrap_or_default());
                std::task::Poll::Ready(Ok(()))
            }
            std::task::Poll::Pending => std::task::Poll::Pending,
        }
    }
}

/// Row C6: a reply of another type fails its own call, and the connection stays in step.
#[tokio::test(start_paused = true)]
async fn a_reply_of_another_type_fails_its_own_call_only() {
    let (ours, theirs) = pipe(4096);
    let client = client_over(ours, Limits::default());
    let mut server = RawServer::over(theirs);
    let args = Args { a: 6, b: 7 };

    let (wrong, right, ()) = tokio::join!(client.twice(1), client.multiply(args.clone()), async {
        let (first, second) = (server.hear_call().await, server.hear_call().await);
        server.answer(first, "Probe.Twice", &args).await;
        server.answer(second, "Probe.Multiply", &42_i64).await;
    });

    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.phase(), Some(Phase::Decode));
    assert!(wrong.may_have_run());
    assert_eq!(right.unwrap(), 42);
}

/// Row A5: a reset in the middle of a message ends its calls and nothing else.
#[tokio::test]
async fn a_reset_ends_the_calls_of_its_connection_only() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let bystander = rig.bystander().await;
    let Place::Tcp(place) = rig.address.place() else { panic!("{} is not TCP", rig.address) };
    let mut socket = tokio::net::TcpStream::connect(place.as_str()).await.unwrap();
    socket.write_all(b"\x2e\x7f\x03\x01\x01\x07Req").await.unwrap();
    rig.connections(2).await;

    reset(socket);

    rig.connections(1).await;
    bystander.is_unaffected().await;
}

// ---- dialling ----

/// Defect 16, row E1: a dial that timed out leaked a task and a socket.
#[tokio::test(start_paused = true)]
async fn a_dial_that_times_out_leaves_no_task_and_no_socket() {
    let memory = Memory::new();
    // Over memory there is no HTTP; a unix socket of our own accepts and says nothing.
    let folder = Folder::new("dial");
    let listener = tokio::net::UnixListener::bind(folder.0.join("mute")).unwrap();
    let address = format!("http+unix://{}", folder.0.join("mute").display());
    let client = Client::builder().protocol(NetRpc).memory(&memory).lazy(address.as_str()).unwrap();
    let before = tasks();

    let error = client.call::<_, i64>("Probe.Twice", &1_i64).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)));
    assert!(!error.may_have_run());
    assert_eq!(tasks(), before);
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut said = Vec::new();
    socket.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"CONNECT /_goRPC_ HTTP/1.0\n\n");
}

#[tokio::test]
async fn an_address_without_a_server_is_unavailable_and_says_which() {
    let error = Client::builder().protocol(NetRpc).connect("tcp://127.0.0.1:1").await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)));
    assert_eq!(error.peer(), Some("tcp://127.0.0.1:1"));
    assert!(!error.may_have_run());
}

#[tokio::test]
async fn a_memory_address_without_a_memory_says_the_way_out() {
    let error = Client::builder().protocol(NetRpc).connect("memory://rig").await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("hand it to the builder"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_last_clone_closes_the_connection() {
    let rig = Rig::new().await;
    let client = rig.client().await;
    client.twice(1).await.unwrap();
    let clone = client.clone();

    drop(client);
    assert_eq!(clone.twice(21).await.unwrap(), 42);
    assert_eq!(rig.handle.connections(), 1);
    drop(clone);

    rig.connections(0).await;
}

// ---- context ----

#[tokio::test]
async fn a_method_sees_who_calls() {
    for (address, expected) in [("tcp://127.0.0.1:0", "tcp://127.0.0.1:"), ("memory://rig", "memory:")] {
        let rig = Rig::at(address, Limits::default()).await;

        let caller = rig.client().await.caller().await.unwrap();

        assert!(caller.starts_with(expected), "{caller}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_sees_its_deadline_and_no_metadata() {
    let rig = Rig::with(limits(|limits| limits.handler_timeout = Duration::from_secs(7))).await;

    // net/rpc carries neither a deadline nor metadata: the server's own limit holds.
    assert_eq!(rig.client().await.terms().await.unwrap(), (7000, 0));
}

#[tokio::test(start_paused = true)]
async fn cancellation_is_told_when_the_call_is_withdrawn() {
    let rig = Rig::new().await;
    let client = rig.client().await;

    assert!(timeout(Duration::from_secs(1), client.watched(1)).await.is_err());

    rig.bench.cancelled(1).await;
    rig.bench.gone(1).await;
}

/// Row A5. An orderly end of the caller's direction is no loss: what it asked is still answered.
#[tokio::test]
async fn cancellation_is_told_when_the_caller_is_lost() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let Place::Tcp(place) = rig.address.place() else { panic!("{} is not TCP", rig.address) };
    let mut socket = tokio::net::TcpStream::connect(place.as_str()).await.unwrap();
    let request = RawClient::over(pipe(1).0).request(1, "Probe.Watched", &1_i64);
    socket.write_all(&request).await.unwrap();
    rig.bench.begun(1).await;

    reset(socket);

    rig.bench.cancelled(1).await;
    rig.bench.gone(1).await;
    rig.connections(0).await;
}

/// Row E1: what was under way is withdrawn, since nobody is left to hear of it.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_withdraws_its_calls() {
    let rig = Rig::new().await;
    let (starter, client) = rig.clients(Limits::default()).await;
    let call = starter.start::<_, i64>("Probe.Watched", &1_i64);
    rig.bench.begun(1).await;

    drop((starter, client, call));

    rig.bench.cancelled(1).await;
    rig.connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn cancellation_is_told_at_the_end_of_the_drain() {
    let rig = Rig::with(limits(|limits| limits.drain_timeout = Duration::from_secs(3))).await;
    let (starter, _) = rig.clients(Limits::default()).await;
    let call = starter.start::<_, i64>("Probe.Watched", &1_i64);
    rig.bench.begun(1).await;

    rig.handle.shutdown();

    rig.bench.cancelled(1).await;
    assert_eq!(call.await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_by_itself_is_never_cancelled() {
    let rig = Rig::new().await;
    let (starter, client) = rig.clients(Limits::default()).await;
    let call = starter.start::<_, i64>("Probe.Watched", &6_i64);
    rig.bench.begun(1).await;

    rig.bench.let_go(1);

    assert_eq!(call.await.unwrap(), 6);
    // The slot of that call runs another one, which is withdrawn; only that one is told.
    assert!(timeout(Duration::from_secs(1), client.watched(7)).await.is_err());
    rig.bench.cancelled(1).await;
    settle().await;
    assert_eq!(rig.bench.cancelled_so_far(), 1);
}

// ---- servers ----

#[tokio::test]
async fn two_services_of_one_name_are_refused() {
    let probe = || ProbeServer::new(Bench::new());

    let error = Server::builder().register(probe()).register(probe()).build().unwrap_err();

    assert_eq!(error.code(), Code::AlreadyExists);
    assert!(error.message().contains("Probe"), "{error}");
    assert!(Server::builder().register(probe()).register_as("Other", probe()).build().is_ok());
    assert!(Server::builder().register_as("", probe()).build().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_service_may_have_a_name_with_dots() {
    let memory = Memory::new();
    let builder = Server::builder().memory(&memory).register_as("eu.probe", ProbeServer::new(Bench::new()));
    let server = builder.bind("memory://dots").await.unwrap();
    let handle = server.handle();
    tokio::spawn(server.run());
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://dots").await.unwrap();

    let named = ProbeClient::named(client.clone(), "eu.probe");

    assert_eq!(named.twice(21).await.unwrap(), 42);
    let error = ProbeClient::new(client).twice(1).await.unwrap_err();
    assert_eq!(error.message(), "rpc: can't find service Probe.Twice");
    let calls = handle.calls();
    assert!(calls.contains(&("eu.probe.Twice".to_owned(), 1)), "{calls:?}");
}

#[tokio::test]
async fn one_server_listens_at_several_places() {
    let (memory, folder) = (Memory::new(), Folder::new("several"));
    let builder = Server::builder().register(ProbeServer::new(Bench::new())).memory(&memory);
    let builder = builder.listen(folder.socket("probe").as_str()).listen("memory://probe");
    let server = builder.listen("http://127.0.0.1:0/rpc").bind("tcp://127.0.0.1:0").await.unwrap();
    let (addresses, handle) = (server.addresses().to_vec(), server.handle());
    assert_eq!((server.address(), addresses.len()), (addresses[0].clone(), 4));
    tokio::spawn(server.run());

    let mut clients = Vec::new();
    for address in &addresses {
        clients.push(ProbeClient::new(
            Client::builder().protocol(NetRpc).memory(&memory).connect(address).await.unwrap(),
        ));
    }

    for client in &clients {
        assert_eq!(client.twice(21).await.unwrap(), 42);
    }
    assert_eq!(handle.connections(), 4);
}

#[tokio::test]
async fn a_place_that_is_taken_is_refused_with_its_name() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;

    let error = Server::builder().bind(&rig.address).await.unwrap_err();

    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains(&rig.address.to_string()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_listens_nowhere_serves_a_stream() {
    let (ours, theirs) = pipe(4096);
    let server = Server::builder().register(ProbeServer::new(Bench::new())).build().unwrap();
    let client = client_over(ours, Limits::default());

    let (doubled, ()) = tokio::join!(
        async move { client.twice(21).await },
        in_time("the stream ends with its client", server.serve(theirs)),
    );

    assert_eq!(doubled.unwrap(), 42);
    assert_eq!(server.handle().connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_server_serves_several_streams_on_tasks_of_their_own() {
    let server = Server::builder().register(ProbeServer::new(Bench::new())).build().unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (ours, theirs) = pipe(4096);
        tokio::spawn(server.serve(theirs));
        clients.push(client_over(ours, Limits::default()));
    }

    for client in &clients {
        assert_eq!(client.twice(21).await.unwrap(), 42);
    }
    assert_eq!(server.handle().connections(), 3);
}

#[tokio::test]
async fn a_server_that_is_to_listen_nowhere_is_not_given_places() {
    let error = Server::builder().listen("tcp://127.0.0.1:0").build().unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("bind"), "{error}");
}

// ---- unix sockets ----

/// Row A14: nobody but the owner may connect.
#[tokio::test]
async fn a_unix_socket_is_its_owners_alone() {
    let folder = Folder::new("mode");
    let rig = Rig::at(&folder.socket("probe"), Limits::default()).await;

    let mode = std::fs::metadata(folder.0.join("probe")).unwrap().permissions().mode();

    assert_eq!(mode & 0o777, 0o600);
    let caller = rig.client().await.caller().await.unwrap();
    assert!(caller.starts_with("unix:uid="), "{caller}");
}

/// Row A14: a socket on which nobody answers is replaced.
#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let folder = Folder::new("left-behind");
    drop(std::os::unix::net::UnixListener::bind(folder.0.join("probe")).unwrap());
    assert!(folder.0.join("probe").exists());

    let rig = Rig::at(&folder.socket("probe"), Limits::default()).await;

    assert_eq!(rig.client().await.twice(21).await.unwrap(), 42);
}

/// Row A14: a living server's socket stays where it is.
#[tokio::test]
async fn a_living_servers_socket_is_refused() {
    let folder = Folder::new("living");
    let rig = Rig::at(&folder.socket("probe"), Limits::default()).await;

    let error = Server::builder().bind(&rig.address).await.unwrap_err();

    assert!(error.message().contains("another server listens there"), "{error}");
    assert_eq!(rig.client().await.twice(21).await.unwrap(), 42);
}

/// Row A14: only sockets are ever removed.
#[tokio::test]
async fn a_file_in_a_sockets_place_is_left_alone() {
    let folder = Folder::new("file");
    std::fs::write(folder.0.join("probe"), "precious").unwrap();

    let error = Server::builder().bind(folder.socket("probe").as_str()).await.unwrap_err();

    assert!(error.message().contains("not a socket"), "{error}");
    assert_eq!(std::fs::read(folder.0.join("probe")).unwrap(), b"precious");
}

/// Row J4: the socket goes with its server, and a successor's stays.
#[tokio::test]
async fn a_server_that_ends_removes_its_own_socket_only() {
    let folder = Folder::new("own");
    let rig = Rig::at(&folder.socket("probe"), Limits::default()).await;
    std::fs::rename(folder.0.join("probe"), folder.0.join("moved")).unwrap();
    let successor = Rig::at(&folder.socket("probe"), Limits::default()).await;

    rig.handle.shutdown();
    rig.running.await.unwrap().unwrap();

    assert_eq!(successor.client().await.twice(21).await.unwrap(), 42);
    successor.handle.shutdown();
    successor.running.await.unwrap().unwrap();
    assert!(!folder.0.join("probe").exists());
}

/// Row A3: a peer that died without a word is found by the kernel.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn tcp_connections_are_kept_alive_on_both_banks() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let client = rig.client().await;
    client.twice(1).await.unwrap();
    let Place::Tcp(place) = rig.address.place() else { panic!("{} is not TCP", rig.address) };
    let port: u16 = place.rsplit_once(':').unwrap().1.parse().unwrap();
    let port = format!(":{port:04X}");

    // Established (01), and the timer that is set is the one that keeps alive (02).
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let ours: Vec<_> = (table.lines().map(columns))
        .filter(|line| line[3] == "01" && (line[1].ends_with(&port) || line[2].ends_with(&port)))
        .collect();

    assert_eq!(ours.len(), 2, "{table}");
    assert!(ours.iter().all(|line| line[5].starts_with("02:")), "{ours:?}");
}

#[tokio::test(start_paused = true)]
async fn a_transport_refuses_a_place_that_is_not_its_own() {
    let memory = Memory::new();

    let error = memory.dial(&Place::Tcp("127.0.0.1:1".to_owned())).await.unwrap_err();

    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

/// A codec that writes some letters otherwise, and bytes as text, has nothing to lend.
#[tokio::test(start_paused = true)]
async fn borrowed_arguments_arrive_in_every_codec() {
    #[ferrywire::service]
    trait Lender {
        async fn both(&self, text: &str, bytes: &[u8]) -> String;
        fn text(&self, text: &str) -> String;
    }

    struct Library;
    impl Lender for Library {
        async fn both(&self, text: &str, bytes: &[u8]) -> String {
            format!("{text} {bytes:?}")
        }

        fn text(&self, text: &str) -> String {
            text.to_owned()
        }
    }

    let memory = Memory::new();
    let server = Server::builder().memory(&memory).register(LenderServer::new(Library));
    let server = server.bind("memory://library").await.unwrap();
    tokio::spawn(server.run());
    let text = "a \"quoted\"\nline, é 世界";
    for codec in [Format::Postcard, Format::Gob, Format::Json, Format::MessagePack] {
        let client =
            Client::builder().codec(codec).memory(&memory).connect("memory://library").await.unwrap();
        let lender = LenderClient::new(client);

        let both = in_time("a call is answered", lender.both(text, b"\0\xff42")).await.unwrap();

        assert_eq!(both, format!("{text} [0, 255, 52, 50]"), "{codec:?}");
        assert_eq!(lender.text(text).await.unwrap(), text, "{codec:?}");
    }
}
