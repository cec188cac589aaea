//! A server on threads of its own: connections are spread over them, and all of it ends together.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::BTreeSet;
use std::time::Duration;

use ferrywire::transport::{Address, Memory};
use ferrywire::{Client, Code, Limits, Server, ServerHandle, service};
use tokio::task::JoinHandle;

use support::{Bench, ProbeClient, ProbeServer, in_time, limits, until};

mod support;

/// Says on which thread it runs.
#[service]
trait Where {
    async fn thread(&self) -> String;
}

#[derive(Debug)]
struct Here;

impl Where for Here {
    async fn thread(&self) -> String {
        // Wherever the call is woken, it is on the same thread.
        let before = std::thread::current().name().unwrap_or_default().to_owned();
        tokio::task::yield_now().await;
        assert_eq!(std::thread::current().name(), Some(before.as_str()));
        before
    }
}

/// A server that runs on threads of its own.
struct Running {
    address: Address,
    memory: Memory,
    bench: Bench,
    handle: ServerHandle,
    running: JoinHandle<ferrywire::Result<()>>,
}

impl Running {
    async fn at(address: &str, threads: usize, limits: Limits) -> Self {
        let (bench, memory) = (Bench::new(), Memory::new());
        let builder =
            Server::builder().register(WhereServer::new(Here)).register(ProbeServer::new(bench.clone()));
        let server = builder.memory(&memory).limits(limits).bind(address).await.unwrap();
        let (address, handle) = (server.address(), server.handle());
        Self { address, memory, bench, handle, running: tokio::spawn(server.serve_on_threads(threads)) }
    }

    async fn client(&self) -> Client {
        Client::builder().memory(&self.memory).connect(&self.address).await.unwrap()
    }

    /// Connects until connections are served by so many threads; the clients and the threads' names.
    async fn spread_over(&self, threads: usize) -> (Vec<WhereClient>, BTreeSet<String>) {
        let (mut clients, mut names) = (Vec::new(), BTreeSet::new());
        while names.len() < threads {
            assert!(clients.len() < 200, "200 connections are served by {names:?}");
            let client = WhereClient::new(self.client().await);
            names.insert(in_time("a thread answers", client.thread()).await.unwrap());
            clients.push(client);
        }
        (clients, names)
    }

    async fn has_ended(self) {
        in_time("the server has ended", self.running).await.unwrap().unwrap();
        assert_eq!((self.handle.connections(), self.handle.running()), (0, 0));
    }
}

/// How many sockets listen at a port of 127.0.0.1, by the kernel's list of them.
fn listeners_at(address: &Address) -> usize {
    let port: u16 = host(address).rsplit(':').next().unwrap().parse().unwrap();
    let (place, listens) = (format!("0100007F:{port:04X}"), "0A");
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields.get(1) == Some(&&*place) && fields.get(3) == Some(&listens)).count()
}

fn socket(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("ferrywire-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    format!("unix://{}", path.display())
}

#[tokio::test]
async fn connections_are_spread_over_the_threads_and_stay_there() {
    for address in ["tcp://127.0.0.1:0", &socket("spread"), "memory://spread"] {
        let server = Running::at(address, 3, Limits::default()).await;

        let (clients, names) = server.spread_over(3).await;

        assert!(names.iter().eq(["ferrywire-0", "ferrywire-1", "ferrywire-2"]), "{address}: {names:?}");
        for client in &clients {
            let first = client.thread().await.unwrap();
            for _ in 0..3 {
                assert_eq!(client.thread().await.unwrap(), first, "{address}");
            }
        }
        assert_eq!(server.handle.connections(), clients.len());
        if cfg!(target_os = "linux") && address.starts_with("tcp") {
            assert_eq!(listeners_at(&server.address), 3);
        }
        server.handle.shutdown();
        drop(clients);
        server.has_ended().await;
    }
}

#[tokio::test]
async fn a_server_per_core_answers() {
    let server = Server::builder().register(WhereServer::new(Here)).bind("tcp://127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.address(), server.handle());
    let running = tokio::spawn(server.serve_per_core());

    let name = WhereClient::connect(address).await.unwrap().thread().await.unwrap();

    assert!(name.starts_with("ferrywire-"), "{name}");
    handle.shutdown();
    in_time("the server has ended", running).await.unwrap().unwrap();
}

/// Row J1, on every thread.
#[tokio::test]
async fn a_shutdown_answers_what_runs_on_every_thread() {
    let server = Running::at("tcp://127.0.0.1:0", 2, Limits::default()).await;
    let (clients, _) = server.spread_over(2).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let client = ProbeClient::new(server.client().await);
        held.push(tokio::spawn(async move { client.hold(42).await }));
    }
    server.bench.begun(16).await;

    server.handle.shutdown();
    drop(clients);
    until("those without calls are closed", || server.handle.connections() == 16).await;
    assert!(!server.running.is_finished());
    server.bench.let_go(16);

    for call in held {
        assert_eq!(in_time("the call is answered", call).await.unwrap().unwrap(), 42);
    }
    assert!(Client::connect(&server.address).await.is_err());
    server.has_ended().await;
}

#[tokio::test]
async fn calls_that_outlast_the_drain_end_with_their_threads() {
    let limits = limits(|limits| limits.drain_timeout = Duration::from_millis(20));
    let server = Running::at("tcp://127.0.0.1:0", 2, limits).await;
    let client = ProbeClient::new(server.client().await);
    let held = tokio::spawn(async move { client.hold(1).await });
    server.bench.begun(1).await;

    server.handle.shutdown();

    let error = in_time("the call ends", held).await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.may_have_run()), (Code::Unavailable, true));
    server.bench.gone(1).await;
    server.has_ended().await;
}

#[tokio::test]
async fn dropping_the_future_ends_the_threads() {
    let server = Running::at("tcp://127.0.0.1:0", 2, Limits::default()).await;
    let (clients, _) = server.spread_over(2).await;
    let client = ProbeClient::new(server.client().await);
    let held = tokio::spawn(async move { client.hold(1).await });
    server.bench.begun(1).await;

    server.running.abort();

    assert_eq!(in_time("the call ends", held).await.unwrap().unwrap_err().code(), Code::Unavailable);
    server.bench.gone(1).await;
    until("nobody listens", || std::net::TcpStream::connect(host(&server.address)).is_err()).await;
    until("no connection is left", || server.handle.connections() == 0).await;
    drop(clients);
}

/// The limits are those of the server, not of a thread.
#[tokio::test]
async fn limits_hold_for_all_threads_together() {
    let server = Running::at("tcp://127.0.0.1:0", 2, limits(|limits| limits.calls_max = 3)).await;
    let mut held = Vec::new();
    for number in 1..=3 {
        let client = ProbeClient::new(server.client().await);
        held.push(tokio::spawn(async move { client.hold(1).await }));
        server.bench.begun(number).await;
    }

    for _ in 0..8 {
        let error = ProbeClient::new(server.client().await).hold(1).await.unwrap_err();
        assert!(error.message().contains("3 calls are running"), "{error}");
    }

    server.bench.let_go(3);
    for call in held {
        assert_eq!(in_time("the call is answered", call).await.unwrap().unwrap(), 1);
    }
    server.handle.shutdown();
    server.has_ended().await;
}

/// A second program of the same user may join the threads; a server that listens as usual may not be joined.
#[tokio::test]
async fn a_server_that_runs_as_usual_has_its_port_for_itself() {
    let server = Server::builder().register(WhereServer::new(Here)).bind("tcp://127.0.0.1:0").await.unwrap();

    let second = Server::builder().register(WhereServer::new(Here)).bind(server.address()).await;

    assert_eq!(second.unwrap_err().code(), Code::Unavailable);
}

fn host(address: &Address) -> String {
    address.to_string().trim_start_matches("tcp://").to_owned()
}
