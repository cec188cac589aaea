//! A place answers what it was told to speak: everything else is a stranger there.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use ferrywire::protocol::{GeeRpc, Native, NetRpc, Protocol, WgRpc};
#[cfg(feature = "json")]
use ferrywire::protocol::{JsonRpc, JsonRpc1};
use ferrywire::server::{Builder, Speaks};
use ferrywire::transport::{Address, Memory};
use ferrywire::{Client, Code, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use support::{Bench, ProbeClient, ProbeServer, in_time, pipe, raw};

mod support;

const ALL: [Speaks; 6] =
    [Speaks::Native, Speaks::NetRpc, Speaks::GomoRpc, Speaks::WgRpc, Speaks::JsonRpc, Speaks::Http];

/// The end of the line of a request, and all of its head.
const LOCAL: &str = "HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn probe(memory: &Memory) -> Builder {
    Server::builder().register(ProbeServer::new(Bench::new())).memory(memory)
}

/// A client's greeting and its first call, of MyService.Func.
const GOMORPC: &[u8] = b"{\"MagicNumber\":21913,\"CodeType\":0}\
    \x00\x00\x00\x17\x0a\x09MyService\x12\x04Func\x28\x80\x94\xeb\xdc\x03\x00\x00\x00\x07\x0a\x05hello";

/// What comes back for `bytes` until the server closes, or has said its first words.
async fn answer(memory: &Memory, address: &str, bytes: &[u8]) -> String {
    let mut stream = raw::dial(&address.parse::<Address>().unwrap(), memory).await;
    stream.writer.write_all(bytes).await.unwrap();
    stream.writer.flush().await.unwrap();
    let mut said = vec![0; 4096];
    let len = in_time("the server answers or closes", stream.reader.read(&mut said)).await.unwrap();
    String::from_utf8_lossy(&said[..len]).into_owned()
}

async fn is_answered<P: Protocol>(protocol: P, memory: &Memory, address: &str) -> bool {
    let client = Client::builder().protocol(protocol).memory(memory).connect(address).await;
    let Ok(client) = client else { return false };
    match in_time("the call ends", ProbeClient::new(client).twice(21)).await {
        Ok(twice) => {
            assert_eq!(twice, 42);
            true
        }
        Err(error) => {
            assert_eq!(error.code(), Code::Unavailable, "{error}");
            false
        }
    }
}

/// Tries everything at a place, and says what of it is spoken there.
async fn spoken_at(memory: &Memory, address: &str) -> Vec<Speaks> {
    let tunnel = async |path: &str| {
        let answer = answer(memory, address, format!("CONNECT {path} HTTP/1.0\n\n").as_bytes()).await;
        // Whoever asks for what is not there is told so, as by any server of HTTP.
        assert!(answer.starts_with("HTTP/1.0 200 ") || answer.starts_with("HTTP/1.1 404 "), "{answer}");
        answer.starts_with("HTTP/1.0 200 ")
    };
    let http = async |request: &str| {
        let answer = answer(memory, address, format!("{request} {LOCAL}").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
        !answer.is_empty()
    };
    let mut found = Vec::new();
    let mut note = |speaks: Speaks, answers: &[bool]| {
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{address}: {speaks:?} {answers:?}");
        found.extend(answers[0].then_some(speaks));
    };
    note(Speaks::Native, &[is_answered(Native, memory, address).await]);
    note(Speaks::NetRpc, &[is_answered(NetRpc, memory, address).await, tunnel("/_goRPC_").await]);
    note(Speaks::GomoRpc, &[!answer(memory, address, GOMORPC).await.is_empty()]);
    note(
        Speaks::WgRpc,
        &[
            is_answered(WgRpc, memory, address).await,
            is_answered(GeeRpc, memory, address).await,
            tunnel("/wgrpc").await,
            tunnel("/_geeprc_").await,
        ],
    );
    #[cfg(feature = "json")]
    note(
        Speaks::JsonRpc,
        &[is_answered(JsonRpc, memory, address).await, is_answered(JsonRpc1, memory, address).await],
    );
    note(
        Speaks::Http,
        &[
            http("GET /debug/rpc").await,
            http("GET /").await,
            http("POST /Probe.Twice").await,
            http("GET /_goRPC_").await,
        ],
    );
    found
}

/// Those of `these` that are built in.
fn built(these: &[Speaks]) -> Vec<Speaks> {
    these.iter().copied().filter(|one| cfg!(feature = "json") || *one != Speaks::JsonRpc).collect()
}

#[tokio::test(start_paused = true)]
async fn a_place_answers_what_it_was_told_to_and_nothing_else() {
    let memory = Memory::new();
    let mut builder = probe(&memory);
    for one in ALL {
        builder = builder.listen_with(format!("memory://{one:?}"), [one]);
    }
    let server = builder.bind("memory://all").await.unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());

    for one in ALL {
        assert_eq!(spoken_at(&memory, &format!("memory://{one:?}")).await, built(&[one]));
    }
    assert_eq!(spoken_at(&memory, "memory://all").await, built(&ALL));

    handle.shutdown();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_server_speaks_is_spoken_where_nothing_else_was_said() {
    let memory = Memory::new();
    let server = probe(&memory)
        .listen("memory://second")
        .listen_with("memory://own", [Speaks::NetRpc, Speaks::Http])
        .speaks([Speaks::Native, Speaks::WgRpc])
        .bind("memory://first")
        .await
        .unwrap();
    let (client, served) = pipe(1 << 16);
    let serving = tokio::spawn(server.serve(served));
    let _running = tokio::spawn(server.run());

    for place in ["memory://first", "memory://second"] {
        assert_eq!(spoken_at(&memory, place).await, [Speaks::Native, Speaks::WgRpc]);
    }
    assert_eq!(spoken_at(&memory, "memory://own").await, [Speaks::NetRpc, Speaks::Http]);
    let stranger = ProbeClient::new(Client::builder().protocol(NetRpc).over(client));
    let error = in_time("the call ends", stranger.twice(21)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    in_time("the stream was given up", serving).await.unwrap();
}

/// Whether the system deals out those who come, or the acceptor does.
#[tokio::test]
async fn a_place_keeps_to_it_on_threads_of_its_own() {
    let memory = Memory::new();
    let server = probe(&memory)
        .listen_with("tcp://127.0.0.1:0", [Speaks::Native])
        .listen_with("memory://http", [Speaks::Http])
        .bind("memory://all")
        .await
        .unwrap();
    let tcp = server.addresses()[1].to_string();
    let handle = server.handle();
    let running = tokio::spawn(server.serve_on_threads(2));

    for _ in 0..4 {
        assert!(is_answered(Native, &memory, &tcp).await && !is_answered(NetRpc, &memory, &tcp).await);
    }
    assert_eq!(spoken_at(&memory, "memory://http").await, [Speaks::Http]);
    assert!(is_answered(NetRpc, &memory, "memory://all").await);

    handle.shutdown();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_place_that_speaks_nothing_is_none() {
    let memory = Memory::new();
    for builder in [probe(&memory).speaks([]), probe(&memory).listen_with("memory://mute", [])] {
        let error = builder.bind("memory://all").await.unwrap_err();

        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    assert_eq!(probe(&memory).speaks([]).build().unwrap_err().code(), Code::InvalidArgument);
}
