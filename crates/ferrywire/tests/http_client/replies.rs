//! What a server may answer, and what no server may.

use ferrywire::protocol::Http;
use ferrywire::{Client, Code, Limits, Phase};

use crate::canned::{Canned, Line, ok};
use crate::support::{in_time, limits, settle};

/// What a call comes to whose server answers so, and then ends the stream.
async fn answered(client: &Client, line: &mut Line, response: &str) -> ferrywire::Result<i64> {
    let call = client.start::<_, i64>("Arith.Twice", &21);
    line.answer(response).await;
    line.end().await;
    in_time("the call ends", call).await
}

async fn outcome(response: &str, limits: Limits) -> ferrywire::Result<i64> {
    let mut canned = Canned::new().await;
    let client = canned.client_with(Http, limits);
    let (outcome, _line) = tokio::join!(
        async { in_time("the call ends", async { client.call("Arith.Twice", &21).await }).await },
        async {
            let mut line = canned.accept().await;
            line.answer(response).await;
            line.end().await;
            line
        }
    );
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_the_same_however_it_is_cut() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let warm = client.start::<_, i64>("Arith.Twice", &21);
    let mut line = canned.accept().await;
    line.answer(ok("42")).await;
    assert_eq!(warm.await.unwrap(), 42);

    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42".to_owned(),
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n2\r\n0\r\n\r\n".to_owned(),
    ] {
        for cut in 0..=response.len() {
            let call = client.start::<_, i64>("Arith.Twice", &21);
            let (first, last) = response.split_at(cut);

            line.answer(first).await;
            settle().await;
            line.say(last).await;

            assert_eq!(in_time("the call ends", call).await.unwrap(), 42, "cut at {cut}");
        }
    }
    canned.is_left_alone().await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_may_end_with_its_stream() {
    for response in [
        "HTTP/1.1 200 OK\r\n\r\n42",
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n42",
        "HTTP/1.0 200 OK\r\nServer: old\r\nContent-Length: 2\r\n\r\n42",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n\r\n42",
    ] {
        assert_eq!(outcome(response, Limits::default()).await.unwrap(), 42, "{response:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_come_to_its_end_is_an_error() {
    for response in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n42",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let error = outcome(response, Limits::default()).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Wait)), "{response:?}");
        assert!(error.may_have_run() && !error.is_remote());
        assert_eq!(error.message(), "the server closed the connection");
    }
}

/// Row E12.
#[tokio::test(start_paused = true)]
async fn what_is_no_reply_ends_the_call_with_words() {
    let small = limits(|limits| (limits.frame_len_max, limits.http_head_len_max) = (10, 100));
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200));
    for (response, code, words) in [
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            Code::Unavailable,
            "expected an HTTP/1.1 response, the server said `SSH-2.0-OpenSSH_9.2\\r\\n`",
        ),
        ("\u{1}\u{2}\u{3}", Code::Unavailable, "expected an HTTP/1.1 response"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Code::Unavailable, "nothing of the kind was asked for"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
            Code::ResourceExhausted,
            "a body of 11 bytes is over the limit of 10",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n12345678901", Code::ResourceExhausted, "over the limit of 10"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n",
            Code::ResourceExhausted,
            "over the limit of 10",
        ),
        (&long, Code::ResourceExhausted, "an HTTP head over the limit of 100 bytes"),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\u{1f}x",
            Code::Internal,
            "which was not asked for",
        ),
    ] {
        let error = outcome(response, small.clone()).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (code, Some(Phase::Decode)), "{response:?}");
        assert!(error.message().contains(words), "{error}");
        assert!(error.may_have_run() && !error.is_remote());
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_of_others_is_an_error_and_leaves_the_connection() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let mut calls = Vec::new();
    for (status, code) in [
        ("404 Not Found", Code::NotFound),
        ("503 Busy", Code::Unavailable),
        ("302 Found", Code::FailedPrecondition),
    ] {
        calls.push((format!("HTTP/1.1 {status}\r\nLocation: /x\r\nContent-Length: 3\r\n\r\nno\n"), code));
    }
    let first = client.start::<_, i64>("Arith.Twice", &21);
    let mut line = canned.accept().await;
    line.answer(ok("42")).await;
    assert_eq!(first.await.unwrap(), 42);

    for (response, code) in calls {
        let call = client.start::<_, i64>("Arith.Twice", &21);
        line.answer(response).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.is_remote() && error.may_have_run());
    }
    canned.is_left_alone().await;
    assert_eq!(answered(&client, &mut line, &ok("42")).await.unwrap(), 42);
}
