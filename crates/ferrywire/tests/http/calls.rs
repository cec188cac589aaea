//! Calls: arguments and replies in every form, errors with their statuses, times, what travels beside them.

use std::time::Duration;

use ferrywire::Limits;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::caller::{Caller, JSON, ask, curl, post};
use crate::support::{Args, Rig, limits, settle};

#[tokio::test(start_paused = true)]
async fn curl_calls_a_method() {
    let rig = Rig::new().await;

    let response = ask(&rig, &curl("/Probe.Multiply", r#"{"a":6,"b":7}"#)).await;

    assert_eq!(response.said(), (200, "42"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(rig.handle.calls().into_iter().find(|(name, _)| name == "Probe.Multiply").unwrap().1, 1);
}

#[tokio::test]
async fn a_method_is_called_over_tcp() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;

    let response = ask(&rig, &post("/Probe.Multiply", &[JSON], br#"{"A": -6, "B": 7}"#)).await;

    assert_eq!(response.said(), (200, "-42"));
}

#[tokio::test(start_paused = true)]
async fn arguments_come_in_every_form_that_they_have() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for (path, body, reply) in [
        ("/Probe.Multiply", r#"{"b":7,"a":6}"#, "42"),
        ("/Probe.Multiply", "[6,7]", "42"),
        ("/Probe.Twice", "21", "42"),
        ("/Probe.Twice", " 21\n", "42"),
        ("/Probe.Say", r#"{"text":"é","after_ms":0}"#, "\"é\""),
        ("/Probe.Say", r#"{"Text":"x","AfterMs":0}"#, "\"x\""),
        ("/Probe.Say", r#"["x",1]"#, "\"x\""),
        ("/Probe.Caller", "", "\"memory:rig\""),
        ("/Probe.Caller", " \r\n", "\"memory:rig\""),
        ("/Probe.Caller", "null", "\"memory:rig\""),
        ("/Probe.Caller", "{}", "\"memory:rig\""),
        ("/Probe%2ETwice?x=1", "21", "42"),
    ] {
        let response = caller.curl(path, body).await;

        match reply {
            // Who calls is said by the transport, in its own words.
            "\"memory:rig\"" => assert_eq!(response.status, 200, "{path} {body}: {response:?}"),
            reply => assert_eq!(response.said(), (200, reply), "{path} {body}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_in_the_codec_of_its_argument() {
    let rig = Rig::new().await;
    let args = rmp_serde::to_vec_named(&Args { a: 6, b: 7 }).unwrap();

    for (kind, reply) in [
        ("application/msgpack", "application/msgpack"),
        ("application/x-msgpack; x=y", "application/msgpack"),
    ] {
        let kind = format!("Content-Type: {kind}");
        let response = ask(&rig, &post("/Probe.Multiply", &[&kind], &args)).await;

        assert_eq!((response.status, &response.body[..]), (200, &[42][..]));
        assert_eq!(response.header("content-type"), Some(reply));
    }
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/vnd.ferrywire.postcard",
        "application/jsonp",
        "",
    ] {
        let kind = format!("Content-Type: {kind}");
        let response = ask(&rig, &post("/Probe.Multiply", &[&kind], br#"{"a":6,"b":7}"#)).await;

        assert_eq!((response.status, &response.json()["code"]), (415, &json!("invalid_argument")), "{kind}");
    }
    let compressed = post("/Probe.Multiply", &[JSON, "Content-Encoding: gzip"], b"xx");
    assert_eq!(ask(&rig, &compressed).await.status, 415);
}

#[tokio::test(start_paused = true)]
async fn a_body_in_gob_stands_alone_both_ways() {
    let rig = Rig::new().await;
    let encode = |args: &Args| {
        let mut out = Vec::new();
        ferrywire_gob::Encoder::new(&mut out).encode(args).unwrap();
        out
    };

    let request =
        post("/Probe.Multiply", &["Content-Type: application/x-gob"], &encode(&Args { a: 6, b: 7 }));
    let mut caller = Caller::of(&rig).await;
    for _ in 0..2 {
        let response = caller.ask(&request).await;

        assert_eq!((response.status, &response.body[..]), (200, &b"\x03\x04\x00\x54"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_has_the_status_of_its_code() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for (path, body, status, error) in [
        ("/Probe.Fail", "\"no\\r\\nway\"", 409, json!({"code": "aborted", "message": "no\r\nway"})),
        ("/Probe.Withdraw", "107", 400, json!({"code": "failed_precondition", "message": "7 are missing"})),
        (
            "/Probe.PanicAtOnce",
            "\"secret\"",
            500,
            json!({"code": "internal", "message": "internal error: the method panicked"}),
        ),
        (
            "/Probe.PanicLater",
            "\"secret\"",
            500,
            json!({"code": "internal", "message": "internal error: the method panicked"}),
        ),
    ] {
        let response = caller.curl(path, body).await;

        assert_eq!((response.status, response.json()), (status, error), "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_decode_is_refused_with_its_place() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for (path, body, place) in [
        ("/Probe.Multiply", r#"{"a":6,"b":"x"}"#, "line 1 column 14"),
        ("/Probe.Multiply", r#"{"a":6}"#, "missing field `b`"),
        ("/Probe.Multiply", r#"{"a":6,"b":7} {"#, "column 15"),
        ("/Probe.Multiply", "", "missing field `a`"),
        ("/Probe.Twice", "{\"a\":", "expected i64"),
        ("/Probe.Twice", "a=6&b=7", "column 1"),
    ] {
        let response = caller.curl(path, body).await;

        let error = response.json();
        assert_eq!((response.status, &error["code"]), (400, &json!("invalid_argument")), "{body}");
        assert!(error["message"].as_str().unwrap().contains(place), "{body}: {error}");
    }
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_answered_with_what_is() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    let service = caller.curl("/Arith.Multiply", "{}").await;
    let method = caller.curl("/Probe.Divide", "{}").await;
    let neither = caller.curl("/favicon.ico", "{}").await;

    assert_eq!((service.status, method.status, neither.status), (404, 404, 404));
    assert_eq!(
        service.json(),
        json!({
            "code": "unimplemented",
            "message": "no service answers Arith.Multiply",
            "details": {"services": ["Probe"]},
            "executed": false,
        })
    );
    let methods = &method.json()["details"]["methods"];
    assert!(methods.as_array().unwrap().contains(&json!("Multiply")), "{methods}");
    assert_eq!(method.json()["message"], "the service has no method Probe.Divide");
    assert_eq!(neither.json()["details"], json!({"services": ["Probe"]}));
}

#[tokio::test(start_paused = true)]
async fn a_method_is_only_called_by_post() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for (method, path, status, allow) in [
        ("GET", "/Probe.Twice", 405, Some("POST")),
        ("PUT", "/Probe.Twice", 405, Some("POST")),
        ("OPTIONS", "/Probe.Twice", 405, Some("POST")),
        ("DELETE", "/", 405, Some("GET, HEAD, POST")),
        ("GET", "/jsonrpc", 405, Some("POST")),
        ("PUT", "/debug/rpc", 405, Some("GET, HEAD")),
        ("GET", "/Probe.Nothing", 404, None),
        ("GET", "/robots.txt", 404, None),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let response = caller.ask(request.as_bytes()).await;

        assert_eq!((response.status, response.header("allow")), (status, allow), "{method} {path}");
    }
    assert_eq!(rig.handle.calls().iter().map(|(_, calls)| calls).sum::<u64>(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_ends_a_call_and_its_method() {
    let rig = Rig::new().await;
    for header in ["Timeout: 250ms", "timeout: 0.25", "Grpc-Timeout: 250m"] {
        let mut caller = Caller::of(&rig).await;
        let (began, gone) = (Instant::now(), rig.bench.begun_so_far());

        let response = caller.ask(&post("/Probe.Hold", &[JSON, header], b"7")).await;

        let after = began.elapsed();
        assert!((250..300).contains(&after.as_millis()), "{header}: after {after:?}");
        assert_eq!((response.status, &response.json()["code"]), (504, &json!("deadline_exceeded")));
        rig.bench.gone(gone + 1).await;
        assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
    }
    for header in ["Timeout: soon", "Timeout: -1s", "Grpc-Timeout: 1"] {
        let response = ask(&rig, &post("/Probe.Twice", &[JSON, header], b"7")).await;

        assert_eq!(
            (response.status, &response.json()["code"]),
            (400, &json!("invalid_argument")),
            "{header}"
        );
    }
    let response = ask(&rig, &post("/Probe.Terms", &[JSON, "Timeout: 9s"], b"")).await;
    let [millis, 0] = serde_json::from_slice::<[u64; 2]>(&response.body).unwrap() else { panic!() };
    assert!((8900..=9000).contains(&millis), "{millis} ms are left");
}

/// The time that a body takes is the caller's.
#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_late_is_not_run() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    let request = post("/Probe.Twice", &[JSON, "Timeout: 1s"], b"21");
    let (first, last) = request.split_at(request.len() - 1);

    caller.send(first).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    caller.send(last).await;

    let response = caller.response().await;
    assert_eq!((response.status, &response.json()["executed"]), (504, &json!(false)));
    assert!(rig.handle.calls().iter().all(|(_, calls)| *calls == 0));
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_callers_own_are_metadata() {
    let rig = Rig::new().await;
    let headers = [
        JSON,
        "User-Agent: curl",
        "Accept: */*",
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Authorization: Bearer x",
        "X-Tenant: a",
        "X-Tenant: b",
    ];

    let response = ask(&rig, &post("/Probe.Terms", &headers, b"")).await;

    assert_eq!(response.json()[1], Value::from(3));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_has_withdrawn_its_call() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    caller.send(&curl("/Probe.Watched", "7")).await;
    rig.bench.begun(1).await;
    let began = Instant::now();

    drop(caller);

    rig.bench.cancelled(1).await;
    rig.bench.gone(1).await;
    assert!(began.elapsed() <= Duration::from_millis(1100), "after {:?}", began.elapsed());
    rig.connections(0).await;
}

/// `nc -N` ends its direction as soon as it has said everything.
#[tokio::test(start_paused = true)]
async fn a_caller_that_has_only_ended_its_direction_is_answered() {
    let rig = Rig::new().await;
    for (path, body, reply) in [
        ("/Probe.Twice", "21", "42"),
        ("/Probe.Say", "[\"x\",900]", "\"x\""),
        ("/Probe.Multiply", "[6,7]", "42"),
    ] {
        let mut caller = Caller::of(&rig).await;
        caller.send(&curl(path, body)).await;
        caller.half_close().await;

        assert_eq!(caller.response().await.said(), (200, reply));
        caller.is_closed().await;
    }
}

#[tokio::test]
async fn a_method_that_holds_up_its_connection_is_run_as_a_task() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    for _ in 0..4 {
        assert_eq!(caller.curl("/Probe.Block", "[21, 15]").await.said(), (200, "21"));
    }

    settle().await;
    assert_eq!(rig.handle.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_runs_as_much_as_it_may_says_so() {
    let rig = Rig::with(limits(|limits| limits.calls_max = 1)).await;
    let mut first = Caller::of(&rig).await;
    first.send(&curl("/Probe.Hold", "7")).await;
    rig.bench.begun(1).await;

    let refused = ask(&rig, &curl("/Probe.Hold", "8")).await;

    assert_eq!((refused.status, &refused.json()["executed"]), (429, &json!(false)));
    rig.bench.let_go(1);
    assert_eq!(first.response().await.said(), (200, "7"));
}
