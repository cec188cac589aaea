//! What a call says over HTTP, and what comes back: to our own server, and as others would see it.

use std::time::Duration;

use ferrywire::protocol::Http;
use ferrywire::transport::{Memory, Stream};
use ferrywire::{Client, Code, Context, Error, Format, Result, Server, Trace, service};

use crate::canned::{Canned, ok};
use crate::support::{Args, ProbeClient, Rig, in_time, pipe};

#[tokio::test(start_paused = true)]
async fn a_request_says_what_a_server_has_to_know() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let call = async {
        let args = &Args { a: 6, b: 7 };
        client
            .call::<_, i64>("Arith.Multiply", args)
            .timeout(Duration::from_millis(1500))
            .metadata("X-Tenant", "a")
            .metadata("authorization", "Bearer x")
            .trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse::<Trace>().unwrap())
            .await
    };
    let (product, request) = tokio::join!(call, async { canned.accept().await.answer(ok("42")).await });

    assert_eq!(product.unwrap(), 42);
    assert!(
        request.head.starts_with("POST /Arith.Multiply HTTP/1.1\r\nHost: localhost\r\n"),
        "{}",
        request.head
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("timeout", "1500ms"),
        ("x-tenant", "a"),
        ("authorization", "Bearer x"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(request.text(), r#"{"a":6,"b":7}"#);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_is_no_header_is_not_sent() {
    let canned = Canned::new().await;
    let client = canned.client(Http);
    let stands = client.call::<_, i64>("Arith.Twice", &1).metadata("x", "a\r\nInjected: b");

    let error = stands.await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(!error.may_have_run());
}

#[tokio::test]
async fn arguments_and_replies_are_in_the_codec_that_was_chosen() {
    let rig = Rig::new().await;
    for format in [Format::Json, Format::MessagePack, Format::Gob] {
        let client = rig.builder().protocol(Http).codec(format).connect(&rig.address).await.unwrap();
        let probe = ProbeClient::new(client);

        assert_eq!(probe.multiply(Args { a: 6, b: 7 }).await.unwrap(), 42, "{format:?}");
        assert_eq!(probe.say("é 世界".to_owned(), 0).await.unwrap(), "é 世界");
        assert_eq!(probe.fill(100_000).await.unwrap().len(), 100_000);
        let error = probe.fail("no".to_owned()).await.unwrap_err();
        assert_eq!((error.code(), error.message(), error.is_remote()), (Code::Aborted, "no", true));
    }
    let error = rig.builder().protocol(Http).codec(Format::Postcard).connect(&rig.address).await.unwrap_err();
    assert_eq!(error.message(), "HTTP carries json, not postcard");
}

#[tokio::test]
async fn bytes_are_called_with_as_they_stand() {
    let rig = Rig::new().await;
    let client = rig.builder().protocol(Http).codec(Format::Raw).connect(&rig.address).await.unwrap();

    let error =
        client.call::<_, u64>("Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 9])).await.unwrap_err();

    // The method has been reached, and its reply is no bytes.
    assert!(error.is_remote(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_learns_how_long_its_caller_waits() {
    let rig = Rig::new().await;
    let client = rig.builder().protocol(Http).connect(&rig.address).await.unwrap();
    let probe = ProbeClient::new(client);

    let (usual, _) = probe.terms().await.unwrap();
    let (asked, _) = probe.terms().timeout(Duration::from_millis(1500)).await.unwrap();

    assert!((9_000..=10_000).contains(&usual), "{usual} ms");
    assert!((1_000..=1_500).contains(&asked), "{asked} ms");
}

struct Mirror;

/// What travels beside an argument, sent back.
#[service]
impl Mirror {
    pub async fn reflect(&self, context: &Context) -> Result<String> {
        for (name, value) in context.metadata().iter() {
            context.add_reply_metadata(name, value);
        }
        Ok(context.metadata().trace().map(|trace| trace.to_string()).unwrap_or_default())
    }

    pub async fn fail(&self, details: String) -> Result<()> {
        Err(Error::new(Code::OutOfRange, "too far").with_details(details.into_bytes()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_travels_beside_a_call_comes_back_beside_its_reply() {
    let memory = Memory::new();
    let server = Server::builder().register(Mirror).memory(&memory).bind("memory://mirror").await.unwrap();
    tokio::spawn(server.run());
    let client = Client::builder().memory(&memory).protocol(Http).connect("memory://mirror").await.unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    let call =
        client.call::<_, String>("Mirror.Reflect", &()).metadata("X-Tenant", "a").metadata("x-tenant", "b");
    let (said, beside) = call.trace(trace.parse().unwrap()).with_metadata().await.unwrap();

    assert_eq!(said, trace);
    let beside: Vec<_> = beside.iter().collect();
    assert_eq!(beside, [("x-tenant", &b"a"[..]), ("x-tenant", b"b")]);
    for details in ["{\"a\":[1]}", "\"text\"", "no JSON"] {
        let error = client.call::<_, ()>("Mirror.Fail", &details.to_owned()).await.unwrap_err();

        assert_eq!((error.code(), error.message()), (Code::OutOfRange, "too far"));
        assert_eq!(error.details(), Some(details.as_bytes()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_in_the_address_stands_before_the_method() {
    for (path, target) in [("", "/A.B"), ("/", "/A.B"), ("/rpc", "/rpc/A.B"), ("/rpc/v1/", "/rpc/v1/A.B")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = Client::builder().protocol(Http).lazy(format!("http://{address}{path}")).unwrap();
        let call = client.start::<_, i64>("A.B", &1);
        let (mut stream, _) = in_time("the client connects", listener.accept()).await.unwrap();

        let mut request = vec![0; 4096];
        let came = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, ok("2").as_bytes()).await.unwrap();

        let request = String::from_utf8_lossy(&request[..came]).into_owned();
        assert!(request.starts_with(&format!("POST {target} HTTP/1.1\r\nHost: {address}\r\n")), "{request}");
        assert_eq!(in_time("the call ends", call).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_exists_is_spoken_over_until_it_ends() {
    let (ours, theirs): (Stream, Stream) = pipe(1 << 16);
    let memory = Memory::new();
    let server = Server::builder().register(Mirror).memory(&memory).bind("memory://unused").await.unwrap();
    let serving = tokio::spawn(server.serve(theirs));
    let client = Client::builder().protocol(Http).over(ours);

    for _ in 0..3 {
        assert_eq!(client.call::<_, String>("Mirror.Reflect", &()).await.unwrap(), "");
    }
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());

    let error = client.call::<_, String>("Mirror.Reflect", &()).await.unwrap_err();
    assert_eq!(error.message(), "the stream has ended and cannot be made again");
    assert!(!error.may_have_run());
}
