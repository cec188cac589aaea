//! JSON-RPC by `POST`: what a client says, and what it bears of servers of every kind.

use ferrywire::protocol::jsonrpc::ErrorCode;
use ferrywire::protocol::{JsonRpc, JsonRpc1, Post};
use ferrywire::{Code, Result};

use crate::canned::{Canned, ok};
use crate::support::{Args, ProbeClient, Rig, in_time};

/// What a call comes to that is answered so.
async fn answered(status: &str, kind: &str, body: &str) -> Result<i64> {
    let mut canned = Canned::new().await;
    let client = canned.client(Post(JsonRpc));
    let call = client.start::<_, i64>("Arith.Twice", &21);
    let mut line = canned.accept().await;
    let len = body.len();
    line.answer(format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n{body}"))
        .await;
    in_time("the call ends", call).await
}

#[tokio::test(start_paused = true)]
async fn a_request_is_posted_to_the_path() {
    let mut canned = Canned::new().await;
    let client = canned.client(Post(JsonRpc));
    let call = client.start::<_, i64>("Arith.Multiply", &Args { a: 6, b: 7 });

    let request = canned.accept().await.answer(ok(r#"{"jsonrpc":"2.0","id":1,"result":42}"#)).await;

    assert_eq!(in_time("the call ends", call).await.unwrap(), 42);
    assert!(request.head.starts_with("POST / HTTP/1.1\r\n"), "{}", request.head);
    // One widely used server takes nothing else.
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.text().trim_end(),
        r#"{"jsonrpc":"2.0","method":"Arith.Multiply","params":{"a":6,"b":7},"id":1}"#
    );
}

#[tokio::test(start_paused = true)]
async fn the_body_is_read_before_the_status_is_judged() {
    for (status, kind, body) in [
        ("200 OK", "application/json", r#"{"jsonrpc":"2.0","id":1,"result":42}"#),
        ("200 OK", "application/json-rpc", r#"{"jsonrpc":"2.0","id":1.0,"result":42}"#),
        ("200 OK", "text/plain", r#"{"jsonrpc":"2.0","id":"1","result":42}"#),
        ("200 OK", "text/html", r#"{"id":7,"result":42,"error":null}"#),
        ("200 OK", "application/json", " [{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":42}]\n"),
        ("500 Internal Server Error", "application/json", r#"{"jsonrpc":"2.0","id":1,"result":42}"#),
    ] {
        assert_eq!(answered(status, kind, body).await.unwrap(), 42, "{body}");
    }
    for (status, body, code, text, number) in [
        (
            "200 OK",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
            Code::Unimplemented,
            "no",
            -32601,
        ),
        (
            "400 Bad Request",
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#,
            Code::InvalidArgument,
            "parse error",
            -32700,
        ),
        (
            "500 X",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"reverted","data":"0x08"}}"#,
            Code::Unknown,
            "reverted",
            3,
        ),
        (
            "404 Not Found",
            r#"{"result":null,"error":{"code":-1,"message":"busy"},"id":1}"#,
            Code::Unknown,
            "busy",
            -1,
        ),
    ] {
        let error = answered(status, "application/json-rpc", body).await.unwrap_err();

        assert_eq!((error.code(), error.message(), error.is_remote()), (code, text, true));
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        assert_eq!(source, Some(&ErrorCode(number)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_reply_leaves_the_status_to_judge() {
    for (status, body, code, text) in [
        ("503 Busy", "<html>", Code::Unavailable, "the server answered `503 Busy`: `<html>`"),
        (
            "404 Not Found",
            r#"{"error":"none"}"#,
            Code::NotFound,
            "the server answered `404 Not Found`: `{\\\"error\\\":\\\"none\\\"}`",
        ),
        (
            "307 Temporary Redirect",
            "",
            Code::FailedPrecondition,
            "the server answered `307 Temporary Redirect`: it redirects, which is not followed",
        ),
        (
            "403 Forbidden",
            r#"{"code":"permission_denied","message":"not here","executed":false}"#,
            Code::PermissionDenied,
            "not here",
        ),
    ] {
        let error = answered(status, "application/json", body).await.unwrap_err();

        assert_eq!((error.code(), error.message(), error.is_remote()), (code, text, true));
    }
    let error = answered("200 OK", "text/html", "<html>").await.unwrap_err();
    assert_eq!(
        error.message(),
        "expected JSON-RPC 2.0, the server answered `200 OK` with text/html: `<html>`"
    );
    assert!(!error.is_remote());
}

#[tokio::test(start_paused = true)]
async fn both_versions_reach_our_own_server() {
    let rig = Rig::new().await;
    let two = rig.builder().protocol(Post(JsonRpc)).connect(&rig.address).await.unwrap();
    let one = rig.builder().protocol(Post(JsonRpc1)).connect(&rig.address).await.unwrap();

    for client in [two, one] {
        let probe = ProbeClient::new(client);
        assert_eq!(probe.multiply(Args { a: 6, b: 7 }).await.unwrap(), 42);
        let error = probe.fail("no".to_owned()).await.unwrap_err();
        assert_eq!((error.message(), error.is_remote()), ("no", true));
    }
}
