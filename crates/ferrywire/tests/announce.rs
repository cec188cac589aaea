//! A server is known while it serves: announcers begin when it listens, and are told first when it is to end.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::server::{Announce, Served};
use ferrywire::transport::{Address, BoxFuture, Memory};
use ferrywire::{Cancellation, Result, Server, ServerHandle};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use support::{Bench, ProbeServer, RawClient, in_time, settle};

mod support;

/// What an announcer has to say.
#[derive(Debug)]
enum Said {
    Here(Served),
    Leaving,
    Gone,
}

/// An announcer that says everything to a test, and leaves in so much time.
struct Herald {
    told: mpsc::Sender<Said>,
    leaves_in: Duration,
}

impl Announce for Herald {
    fn announce(self: Box<Self>, served: Served, leaving: Cancellation) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.told.send(Said::Here(served)).await.unwrap();
            assert!(!leaving.is_cancelled());
            leaving.cancelled().await;
            self.told.send(Said::Leaving).await.unwrap();
            tokio::time::sleep(self.leaves_in).await;
            self.told.send(Said::Gone).await.unwrap();
        })
    }
}

/// An announcer that has better things to do.
struct Broken;

impl Announce for Broken {
    fn announce(self: Box<Self>, _served: Served, _leaving: Cancellation) -> BoxFuture<'static, ()> {
        Box::pin(async { panic!("nobody is announced") })
    }
}

struct Known {
    told: mpsc::Receiver<Said>,
    memory: Memory,
    address: Address,
    handle: ServerHandle,
    running: JoinHandle<Result<()>>,
    bench: Bench,
}

async fn known(leaves_in: Duration) -> Known {
    let (sender, told) = mpsc::channel(8);
    let (memory, bench) = (Memory::new(), Bench::new());
    let server = Server::builder()
        .register(ProbeServer::new(bench.clone()))
        .register_as("Other.Name", ProbeServer::new(bench.clone()))
        .announce(Herald { told: sender, leaves_in })
        .announce(Broken)
        .memory(&memory)
        .listen("memory://second")
        .bind("memory://first")
        .await
        .unwrap();
    let (address, handle) = (server.address(), server.handle());
    Known { told, memory, address, handle, running: tokio::spawn(server.run()), bench }
}

impl Known {
    async fn next(&mut self) -> Option<Said> {
        in_time("the announcer says something", self.told.recv()).await
    }

    async fn answers(&self) {
        let mut raw = RawClient::dial(&self.address, &self.memory).await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_announcer_knows_where_the_server_is_and_what_it_offers() {
    let mut known = known(Duration::ZERO).await;

    let Some(Said::Here(served)) = known.next().await else { panic!("it is announced") };

    let addresses: Vec<String> = served.addresses.iter().map(Address::to_string).collect();
    assert_eq!(addresses, ["memory://first", "memory://second"]);
    assert_eq!(served.services, ["Probe", "Other.Name"]);
    known.answers().await;
}

/// Row F12: off the lists first, then three seconds for those who have an old one, then the end.
#[tokio::test(start_paused = true)]
async fn a_server_leaves_the_lists_before_it_drains() {
    let mut known = known(Duration::from_millis(500)).await;
    assert!(matches!(known.next().await, Some(Said::Here(_))));
    let mut raw = RawClient::dial(&known.address, &known.memory).await;
    raw.ask(1, "Probe.Hold", &7_i64).await;
    known.bench.begun(1).await;
    let began = Instant::now();

    known.handle.shutdown();
    assert!(matches!(known.next().await, Some(Said::Leaving)));
    known.answers().await;
    assert!(matches!(known.next().await, Some(Said::Gone)));
    assert_eq!(began.elapsed().as_millis(), 500);
    known.handle.shutdown();
    tokio::time::sleep(Duration::from_millis(2990)).await;
    known.answers().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!known.running.is_finished());

    known.bench.let_go(1);
    raw.hears(1, 7_i64).await;
    assert_eq!(raw.is_closed().await, b"");
    in_time("the server ends", known.running).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_announcer_that_does_not_leave_is_dropped_after_a_second() {
    let mut known = known(Duration::from_secs(3600)).await;
    assert!(matches!(known.next().await, Some(Said::Here(_))));
    let began = Instant::now();

    known.handle.shutdown();

    assert!(matches!(known.next().await, Some(Said::Leaving)));
    assert!(known.next().await.is_none());
    assert_eq!(began.elapsed().as_secs(), 1);
    in_time("the server ends", known.running).await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_shut_down_before_is_not_announced() {
    let (told, mut heard) = mpsc::channel(8);
    let memory = Memory::new();
    let herald = Herald { told, leaves_in: Duration::ZERO };
    let server = Server::builder().announce(herald).memory(&memory).bind("memory://late").await.unwrap();
    let began = Instant::now();

    server.handle().shutdown();
    server.run().await.unwrap();

    assert!(heard.recv().await.is_none());
    assert!(began.elapsed() < Duration::from_millis(10), "after {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_takes_its_announcers_along() {
    let mut known = known(Duration::ZERO).await;
    assert!(matches!(known.next().await, Some(Said::Here(_))));

    known.running.abort();
    settle().await;

    assert!(known.next().await.is_none());
}

#[tokio::test]
async fn a_server_on_threads_leaves_the_lists_before_it_drains() {
    let (told, mut heard) = mpsc::channel(8);
    let mut limits = ferrywire::Limits::default();
    limits.drain_delay = Duration::from_millis(300);
    let server = Server::builder()
        .register(ProbeServer::new(Bench::new()))
        .limits(limits)
        .announce(Herald { told, leaves_in: Duration::ZERO })
        .bind("tcp://127.0.0.1:0")
        .await
        .unwrap();
    let (address, handle) = (server.address(), server.handle());
    let running = tokio::spawn(server.serve_on_threads(2));
    let Some(Said::Here(served)) = heard.recv().await else { panic!("it is announced") };
    assert_eq!(served.addresses, std::slice::from_ref(&address));
    let began = Instant::now();

    handle.shutdown();
    assert!(matches!(heard.recv().await, Some(Said::Leaving)));
    let mut raw = RawClient::dial(&address, &Memory::new()).await;
    raw.ask(1, "Probe.Twice", &21_i64).await;
    raw.hears(1, 42_i64).await;

    in_time("the server ends", running).await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300), "after {:?}", began.elapsed());
}
