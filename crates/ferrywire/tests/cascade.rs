//! Calls that a method makes: they end with it, and no later than it must.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is the report")]

use std::sync::Arc;
use std::time::Duration;

use ferrywire::protocol::NetRpc;
use ferrywire::transport::Memory;
use ferrywire::{Client, Code, Context, Limits, Result, Server, service};
use tokio::sync::Notify;

#[service]
trait Hop {
    /// Asks the next server, or waits for ever; answers with how long it was given.
    async fn pass(&self, context: &Context, ends: bool) -> Result<u64>;
}

struct Link {
    next: Option<HopClient>,
    began: Arc<Notify>,
    stopped: Arc<Notify>,
}

struct Stopped(Arc<Notify>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Hop for Link {
    async fn pass(&self, context: &Context, ends: bool) -> Result<u64> {
        let _stopped = Stopped(self.stopped.clone());
        match &self.next {
            Some(next) => next.pass(ends).await,
            None if ends => Ok(context.remaining().as_secs()),
            None => {
                self.began.notify_one();
                std::future::pending().await
            }
        }
    }
}

/// A chain of three servers, of which the methods may run for so many seconds.
struct Chain {
    first: HopClient,
    began: Arc<Notify>,
    stopped: [Arc<Notify>; 3],
}

async fn chain(seconds: [u64; 3]) -> Chain {
    let memory = Memory::new();
    let (began, stopped): (Arc<Notify>, [Arc<Notify>; 3]) = Default::default();
    let mut next = None;
    for place in (0..3).rev() {
        let mut limits = Limits::default();
        limits.handler_timeout = Duration::from_secs(seconds[place]);
        limits.call_timeout = Duration::from_secs(1000);
        let link = Link { next, began: began.clone(), stopped: stopped[place].clone() };
        let address = format!("memory://hop{place}");
        let builder = Server::builder().limits(limits.clone()).memory(&memory).register(HopServer::new(link));
        tokio::spawn(builder.bind(&address).await.unwrap().run());
        let client = Client::builder()
            .protocol(NetRpc)
            .limits(limits)
            .memory(&memory)
            .connect(&address)
            .await
            .unwrap();
        next = Some(HopClient::new(client));
    }
    Chain { first: next.unwrap(), began, stopped }
}

#[tokio::test]
async fn dropping_the_first_call_stops_the_third_method() {
    let chain = chain([30, 30, 30]).await;
    let call = tokio::spawn(async move { chain.first.pass(false).await });
    chain.began.notified().await;

    call.abort();

    for stopped in &chain.stopped {
        tokio::time::timeout(Duration::from_secs(5), stopped.notified()).await.expect("it is told to stop");
    }
}

#[tokio::test(start_paused = true)]
async fn a_methods_deadline_holds_for_the_calls_that_it_makes() {
    let chain = chain([2, 1000, 1000]).await;
    let began = tokio::time::Instant::now();
    let call = tokio::spawn(async move { chain.first.pass(false).await });
    chain.began.notified().await;

    for stopped in &chain.stopped {
        stopped.notified().await;
    }

    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(call.await.unwrap().unwrap_err().message(), "deadline exceeded while the method was running");
}

#[tokio::test(start_paused = true)]
async fn a_call_outside_any_method_has_its_own_deadline() {
    let chain = chain([30, 20, 10]).await;

    assert_eq!(chain.first.pass(true).await.unwrap(), 10);
    let error = chain.first.pass(false).timeout(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

/// A method that calls a service which answers with another type than is said.
#[service]
trait Relay {
    async fn ask(&self, number: i64) -> Result<String>;
}

struct Asking(Client);

impl Relay for Asking {
    async fn ask(&self, number: i64) -> Result<String> {
        self.0.call("Number.Same", &number).await
    }
}

struct Number;

#[service]
impl Number {
    pub fn same(&self, number: i64) -> i64 {
        number
    }
}

/// Such errors were counted as arguments that do not decode, of which sixteen close a connection.
#[tokio::test]
async fn a_reply_that_a_method_cannot_read_is_not_held_against_its_caller() {
    let memory = Memory::new();
    let number = Server::builder().memory(&memory).register(Number).bind("memory://number").await.unwrap();
    tokio::spawn(number.run());
    let upstream =
        Client::builder().protocol(NetRpc).memory(&memory).connect("memory://number").await.unwrap();
    let relay = Server::builder().memory(&memory).register(RelayServer::new(Asking(upstream)));
    let relay = relay.bind("memory://relay").await.unwrap();
    let handle = relay.handle();
    tokio::spawn(relay.run());
    let client = RelayClient::new(
        Client::builder().protocol(NetRpc).memory(&memory).connect("memory://relay").await.unwrap(),
    );

    for _ in 0..40 {
        assert!(client.ask(7).await.unwrap_err().is_remote());
    }

    assert_eq!((handle.limit_hits(), handle.connections()), (vec![], 1));
}
