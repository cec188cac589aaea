//! Limits, as HTTP keeps them.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::caller::{Caller, JSON, ask, curl, post};
use crate::support::{Rig, in_time, limits, settle};

fn was_counted(rig: &Rig, limit: &str) {
    let hits = rig.handle.limit_hits();
    assert!(hits.iter().any(|(name, count)| *name == limit && *count > 0), "{limit} is not in {hits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_refused_by_what_it_claims() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
    let claimed = "POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";

    let response = ask(&rig, claimed.as_bytes()).await;

    assert_eq!((response.status, &response.json()["code"]), (413, &json!("resource_exhausted")));
    assert_eq!(response.header("connection"), Some("close"));
    was_counted(&rig, "frame_len_max");
    let text = "x".repeat(998);
    let fits = ask(&rig, &curl("/Probe.Say", &format!("[\"{}\",0]", &text[..994]))).await;
    assert_eq!(fits.status, 200);
    let endless = b"POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut caller = Caller::of(&rig).await;
    caller.send(endless).await;
    for _ in 0..10 {
        caller.send(format!("64\r\n{}\r\n", " ".repeat(100)).as_bytes()).await;
    }
    settle().await;
    caller.send(b"1\r\n \r\n").await;
    assert_eq!(caller.response().await.status, 413);
    caller.is_closed().await;
    assert!(rig.handle.calls().iter().all(|(name, calls)| *calls == u64::from(name == "Probe.Say")));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_too_long_is_an_error() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 1000)).await;
    let mut caller = Caller::of(&rig).await;

    let response = caller.curl("/Probe.Fill", "1000").await;

    assert_eq!((response.status, &response.json()["code"]), (429, &json!("resource_exhausted")));
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn megabytes_go_both_ways() {
    let rig = Rig::new().await;
    let caller = Caller::of(&rig).await;
    let text = "é".repeat(1_000_000);
    let body = serde_json::to_string(&(&text, 0)).unwrap();

    let request = curl("/Probe.Say", &body);
    let (mut reader, mut writer) = (caller.stream.reader, caller.stream.writer);
    let sending = async {
        tokio::io::AsyncWriteExt::write_all(&mut writer, &request).await.unwrap();
        writer
    };
    let reading = async {
        let mut said = vec![0; 2_000_000];
        reader.read_exact(&mut said).await.unwrap();
        said
    };
    let (_writer, said) = in_time("all of it has come", async { tokio::join!(sending, reading) }).await;

    assert!(said.starts_with(b"HTTP/1.1 200 OK"));
}

/// Row H7.
#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_is_refused() {
    for limit in [8 * 1024, 200] {
        let rig = Rig::with(limits(|limits| limits.http_head_len_max = limit)).await;
        let mut caller = Caller::of(&rig).await;
        assert_eq!(caller.ask(&post("/Probe.Twice", &[JSON], b"21")).await.said(), (200, "42"));

        let long = format!("X: {}", "x".repeat(limit));
        let response = caller.ask(&post("/Probe.Twice", &[JSON, &long], b"21")).await;

        assert_eq!(response.status, 431);
        caller.is_closed().await;
        was_counted(&rig, "http_head_len_max");
    }
}

/// Row H7.
#[tokio::test(start_paused = true)]
async fn a_head_with_too_many_headers_is_refused() {
    let rig = Rig::new().await;
    // Three more are in every request.
    for (headers, status) in [(61, 200), (62, 431)] {
        let lines = vec!["X-Y: z"; headers];
        let response = ask(&rig, &post("/Probe.Twice", &[&[JSON], &lines[..]].concat(), b"21")).await;

        assert_eq!(response.status, status, "{headers}");
    }
}

/// Row A1: one byte a second does not restart the time.
#[tokio::test(start_paused = true)]
async fn a_head_has_its_time() {
    let rig = Rig::new().await;
    for is_first in [true, false] {
        let mut caller = Caller::of(&rig).await;
        if !is_first {
            assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let began = Instant::now();

        for byte in curl("/Probe.Twice", "21").chunks(1) {
            if tokio::io::AsyncWriteExt::write_all(&mut caller.stream.writer, byte).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }

        caller.is_closed().await;
        assert!((4..8).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
        was_counted(&rig, "handshake_timeout");
    }
}

/// Row A2.
#[tokio::test(start_paused = true)]
async fn a_body_has_its_time() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    let began = Instant::now();

    caller.send(b"POST /Probe.Twice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n").await;
    for _ in 0..30 {
        if tokio::io::AsyncWriteExt::write_all(&mut caller.stream.writer, b" ").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    let said = caller.all().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    assert!((10..14).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    was_counted(&rig, "frame_timeout");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
        tokio::time::sleep(Duration::from_secs(290)).await;
    }
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
    let idle_since = began.elapsed();

    // Longer than a test waits by itself.
    let mut chunk = [0; 16];
    assert!(caller.stream.reader.read(&mut chunk).await.is_ok_and(|len| len == 0));

    let idle = (began.elapsed() - idle_since).as_secs();
    assert!((300..302).contains(&idle), "after {idle} s");
    was_counted(&rig, "idle_timeout");
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_longer_than_a_connection_may_idle() {
    let rig = Rig::with(limits(|limits| {
        limits.handler_timeout = Duration::from_secs(3000);
        limits.stall_timeout = Duration::from_secs(7);
    }))
    .await;
    let mut caller = Caller::of(&rig).await;
    caller.send(&curl("/Probe.Hold", "7")).await;
    rig.bench.begun(1).await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    rig.bench.let_go(1);

    assert_eq!(caller.response().await.said(), (200, "7"));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_a_reply_is_left() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    rig.connections(1).await;
    let began = Instant::now();
    caller.send(&curl("/Probe.Fill", "1000000")).await;

    rig.connections(0).await;

    assert!((10..14).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    was_counted(&rig, "stall_timeout");
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_that_there_is_is_left() {
    let rig = Rig::with(limits(|limits| limits.unknown_methods_max = 3)).await;
    let mut caller = Caller::of(&rig).await;
    for _ in 0..3 {
        let response = caller.curl("/Probe.Nothing", "").await;
        assert_eq!((response.status, response.header("connection")), (404, None));
    }

    let last = caller.curl("/Probe.Nothing", "").await;

    assert_eq!((last.status, last.header("connection")), (404, Some("close")));
    caller.is_closed().await;
    was_counted(&rig, "unknown_methods_max");
}
