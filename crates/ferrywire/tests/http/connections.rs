//! Connections: kept, pipelined, cut anywhere, ended in good order.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::caller::{Caller, JSON, ask, curl, post};
use crate::support::{Rig, in_time, limits, settle};

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_until_somebody_wants_to_end_it() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for number in 0..20 {
        let reply = (number * 2).to_string();
        assert_eq!(caller.curl("/Probe.Twice", &number.to_string()).await.said(), (200, &*reply));
    }
    assert_eq!(rig.handle.connections(), 1);
    let last = caller.ask(&post("/Probe.Twice", &[JSON, "Connection: close"], b"21")).await;

    assert_eq!(last.said(), (200, "42"));
    assert_eq!(last.header("connection"), Some("close"));
    caller.is_closed().await;
    let mut old = Caller::of(&rig).await;
    let request = b"POST /Probe.Twice HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n21";
    assert_eq!(old.ask(request).await.said(), (200, "42"));
    old.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_sent_ahead_are_answered_in_their_order() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    let requests = [curl("/Probe.Hold", "1"), curl("/Probe.Twice", "21"), curl("/Probe.Say", "[\"x\",100]")];
    caller.send(&requests.concat()).await;
    rig.bench.begun(1).await;
    settle().await;
    rig.bench.let_go(1);

    for reply in ["1", "42", "\"x\""] {
        assert_eq!(caller.response().await.said(), (200, reply));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_the_same_wherever_it_is_cut() {
    let rig = Rig::new().await;
    let chunked = b"POST /Probe.Multiply HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
        Content-Type: application/json\r\n\r\n3\r\n{\"a\r\nA;x=y\r\n\":6,\"b\":7}\r\n0\r\nTrailer: x\r\n\r\n";
    for request in [&curl("/Probe.Multiply", r#"{"a":6,"b":7}"#)[..], chunked] {
        for cut in 0..request.len() {
            let mut caller = Caller::of(&rig).await;
            caller.send(&request[..cut]).await;
            settle().await;
            caller.send(&request[cut..]).await;

            assert_eq!(caller.response().await.said(), (200, "42"), "cut at {cut}");
        }
        let mut caller = Caller::of(&rig).await;
        for byte in request.chunks(1) {
            caller.send(byte).await;
            settle().await;
        }
        assert_eq!(caller.response().await.said(), (200, "42"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_asked_for_where_its_sender_waits_for_that() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
    let of = |len: usize| {
        format!(
            "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut caller = Caller::of(&rig).await;
    caller.send(of(2).as_bytes()).await;
    assert_eq!(caller.head().await.status, 100);
    caller.send(b"21").await;
    assert_eq!(caller.response().await.said(), (200, "42"));

    let refused = ask(&rig, of(1001).as_bytes()).await;

    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("resource_exhausted")));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_what_runs() {
    let rig = Rig::new().await;
    let mut idle = Caller::of(&rig).await;
    assert_eq!(idle.curl("/Probe.Twice", "21").await.said(), (200, "42"));
    let mut caller = Caller::of(&rig).await;
    caller.send(&curl("/Probe.Hold", "7")).await;
    rig.bench.begun(1).await;

    rig.handle.shutdown();
    idle.is_closed().await;
    rig.bench.let_go(1);

    let response = caller.response().await;
    assert_eq!((response.said(), response.header("connection")), ((200, "7"), Some("close")));
    caller.is_closed().await;
    drop((idle, caller));
    in_time("the server ends", rig.running).await.unwrap().unwrap();
    assert_eq!((rig.handle.connections(), rig.handle.running()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_stuck_is_cut_off_by_a_shutdown() {
    let rig = Rig::with(limits(|limits| limits.drain_timeout = Duration::from_secs(3))).await;
    let mut caller = Caller::of(&rig).await;
    caller.send(&curl("/Probe.Hold", "7")).await;
    rig.bench.begun(1).await;
    let began = Instant::now();

    rig.handle.shutdown();

    caller.is_closed().await;
    rig.bench.gone(1).await;
    assert!((3..5).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
}

/// Row H5: what may mean two things is refused, and nothing behind it is run.
#[tokio::test(start_paused = true)]
async fn an_ambiguous_request_is_refused_and_nothing_behind_it_is_run() {
    let rig = Rig::new().await;
    let behind = curl("/Probe.Twice", "21");
    for head in [
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 1\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nX: y\r\n folded\r\n\r\n",
        "POST /Probe.Twice HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /Probe.Twice HTTP/3.0\r\nHost: localhost\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ] {
        let mut caller = Caller::of(&rig).await;
        caller.send(&[head.as_bytes(), &behind].concat()).await;

        let said = caller.all().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{head:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1").count(), usize::from(!said.is_empty()), "{head:?}: {said}");
    }
    assert!(rig.handle.calls().iter().all(|(_, calls)| *calls == 0));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_begins_its_connection() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));

    let refused = caller.ask(b"CONNECT /_goRPC_ HTTP/1.1\r\nHost: localhost\r\n\r\n").await;

    assert_eq!(refused.status, 400);
    caller.is_closed().await;
    let told = ask(&rig, b"GET /_goRPC_ HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(told.said(), (405, "405 must CONNECT\n"));
    assert_eq!(told.header("content-type"), Some("text/plain; charset=utf-8"));
}
