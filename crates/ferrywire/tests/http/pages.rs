//! Pages of plug-ins: behind the same guards as everything else, and ended with their callers and with the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferrywire::server::{Builder, Pages};
use ferrywire::transport::{Address, BoxFuture, Memory, Peer};
use ferrywire::{Code, Limits, Result, Server, ServerHandle};
use http::{Request, Response, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::caller::{Caller, JSON, curl, post};
use crate::support::{Bench, ProbeServer, in_time, limits, settle};

/// Behaves in every way that pages can.
struct Desk(Arc<Bench>);

impl Pages for Desk {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> {
        let bench = self.0.clone();
        let path = request.uri().path().to_owned();
        assert_ne!(path, "/desk/panic-at-once", "this panics");
        Box::pin(async move {
            let mut response = Response::new(Bytes::new());
            match &*path {
                "/desk/hold" => {
                    bench.held().await;
                    *response.body_mut() = "let go".into();
                }
                "/desk/panic" => panic!("this panics"),
                "/desk/switch" => *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
                "/desk/lie" => {
                    response.headers_mut().insert("content-length", "100".parse().unwrap());
                    response.headers_mut().insert("x-told", "yes".parse().unwrap());
                    *response.body_mut() = "short".into();
                }
                _ => {
                    let peer = request.extensions().get::<Peer>().unwrap();
                    let (method, uri) = (request.method(), request.uri());
                    let body = String::from_utf8_lossy(request.body());
                    *response.body_mut() = format!("{method} {uri} {peer} {body}").into();
                }
            }
            response
        })
    }

    fn body_len_max(&self) -> usize {
        10
    }
}

/// Answers with a name.
struct Named(&'static str);

impl Pages for Named {
    fn answer(&self, _request: Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> {
        let name = self.0;
        Box::pin(async move { Response::new(name.into()) })
    }
}

struct Stand {
    bench: Arc<Bench>,
    memory: Memory,
    address: Address,
    handle: ServerHandle,
    running: JoinHandle<Result<()>>,
}

impl Stand {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let (bench, memory) = (Arc::new(Bench::new()), Memory::new());
        let builder = Server::builder()
            .register(ProbeServer::new(Bench::clone(&bench)))
            .pages("/desk", Desk(bench.clone()))
            .memory(&memory);
        let server = change(builder).bind("memory://stand").await.unwrap();
        let (address, handle) = (server.address(), server.handle());
        Self { bench, memory, address, handle, running: tokio::spawn(server.run()) }
    }

    async fn caller(&self) -> Caller {
        Caller::at(&self.address, &self.memory).await
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn pages_answer_at_their_path_and_below_it() {
    let stand = Stand::new().await;
    let mut caller = stand.caller().await;

    for (request, said) in [
        (get("/desk"), "GET /desk memory: "),
        (get("/desk/a/b?c=d"), "GET /desk/a/b?c=d memory: "),
        (curl("/desk/x", "0123456789"), "POST /desk/x memory: 0123456789"),
        (b"DELETE /desk/x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "DELETE /desk/x memory: "),
    ] {
        let response = caller.ask(&request).await;

        assert_eq!(response.said(), (200, said));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    for path in ["/desks", "/des", "/desk%2fx", "//desk", "/Desk"] {
        assert_eq!(caller.ask(&get(path)).await.status, 404, "{path}");
    }
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn the_longer_path_has_what_is_below_it() {
    let stand = Stand::with(|builder| {
        builder.pages("/a", Named("a")).pages("/a/b", Named("a/b")).pages("/desk/inner", Named("inner"))
    })
    .await;
    let mut caller = stand.caller().await;

    for (path, name) in
        [("/a", "a"), ("/a/c", "a"), ("/a/b", "a/b"), ("/a/b/c", "a/b"), ("/desk/inner/x", "inner")]
    {
        assert_eq!(caller.ask(&get(path)).await.said(), (200, name), "{path}");
    }
}

/// Rows H2 and H3.
#[tokio::test(start_paused = true)]
async fn no_web_page_reaches_pages() {
    let stand = Stand::with(|builder| builder.allow_origin("https://app.example.org")).await;

    for headers in [
        "Host: evil.test",
        "Host: localhost\r\nOrigin: http://evil.test",
        "Host: localhost\r\nOrigin: https://app.example.org",
        "Host: localhost\r\nSec-Fetch-Site: none",
        "Host: localhost\r\nSec-Fetch-Site: same-origin",
        "Host: localhost\r\nReferer: http://localhost/",
        "Host: localhost\r\nCookie: a=b",
        "Host: localhost\r\nUser-Agent: Mozilla/4.0 (old)",
    ] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let request = format!("{method} /desk/x HTTP/1.1\r\n{headers}\r\nContent-Length: 0\r\n\r\n");
            let response = stand.caller().await.ask(request.as_bytes()).await;

            assert_eq!(response.status, 403, "{method} {headers}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_as_long_as_the_pages_say() {
    let stand = Stand::new().await;

    let chunked = "POST /desk HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n678901\r\n0\r\n\r\n";
    for request in [post("/desk", &[JSON], b"01234567890"), chunked.into()] {
        let mut caller = stand.caller().await;
        let response = caller.ask(&request).await;

        assert_eq!(response.status, 413);
        caller.is_closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_break_their_promises_hurt_their_own_request_only() {
    let stand = Stand::new().await;

    for path in ["/desk/panic", "/desk/panic-at-once", "/desk/switch"] {
        let response = stand.caller().await.ask(&get(path)).await;

        assert_eq!((response.status, &response.json()["code"]), (500, &"internal".into()), "{path}");
        assert!(!response.text().contains("this panics"));
    }
    let mut caller = stand.caller().await;
    let response = caller.ask(&get("/desk/lie")).await;
    assert_eq!((response.said(), response.header("x-told")), ((200, "short"), Some("yes")));
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn a_page_may_take_its_time() {
    let stand = Stand::new().await;
    let mut caller = stand.caller().await;
    caller.send(&get("/desk/hold")).await;
    stand.bench.begun(1).await;

    tokio::time::advance(Duration::from_secs(1800)).await;
    settle().await;
    stand.bench.let_go(1);

    assert_eq!(caller.response().await.said(), (200, "let go"));
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_never_answers_is_given_up() {
    let limits = limits(|limits| limits.handler_timeout_max = Duration::from_secs(10));
    let stand = Stand::with(|builder| builder.limits(limits)).await;
    let mut caller = stand.caller().await;
    let began = Instant::now();

    caller.send(&get("/desk/hold")).await;
    stand.bench.begun(1).await;
    stand.bench.gone(1).await;

    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(caller.response().await.status, 504);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_dropped_with_who_asked_for_it() {
    let stand = Stand::new().await;
    let mut caller = stand.caller().await;
    caller.send(&get("/desk/hold")).await;
    stand.bench.begun(1).await;

    drop(caller);

    stand.bench.gone(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_waits_is_ended_when_the_server_drains() {
    let stand = Stand::new().await;
    let mut caller = stand.caller().await;
    caller.send(&get("/desk/hold")).await;
    stand.bench.begun(1).await;
    let began = Instant::now();

    stand.handle.shutdown();

    let response = caller.response().await;
    assert_eq!((response.status, response.header("connection")), (503, Some("close")));
    caller.is_closed().await;
    in_time("the server ends", stand.running).await.unwrap().unwrap();
    stand.bench.gone(1).await;
    assert!(began.elapsed() < Duration::from_secs(2), "after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_path_of_pages_is_one_and_is_free() {
    let refused =
        |path: &str| Server::builder().pages(path, Named("x")).build().map(drop).unwrap_err().code();

    for path in ["", "/", "desk", "/desk/", "/a b", "/a%20b", "/a?b", "/é"] {
        assert_eq!(refused(path), Code::InvalidArgument, "{path}");
    }
    for path in ["/jsonrpc", "/_goRPC_", "/debug/rpc", "/wgrpc"] {
        assert_eq!(refused(path), Code::AlreadyExists, "{path}");
    }
    let twice = Server::builder().limits(Limits::default()).pages("/x", Named("a")).pages("/x", Named("b"));
    assert_eq!(twice.build().map(drop).unwrap_err().code(), Code::AlreadyExists);
}
