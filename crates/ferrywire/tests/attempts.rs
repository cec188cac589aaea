//! A call that is tried again says so, and only one layer of callers tries again.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ferrywire::balance::RoundRobin;
use ferrywire::client::FailMode;
use ferrywire::discovery::{Endpoint, Fixed};
#[cfg(feature = "http")]
use ferrywire::protocol::Http;
use ferrywire::protocol::{Native, NetRpc, Protocol};
use ferrywire::transport::Memory;
use ferrywire::{Client, Code, Context, Error, Result, Server, service};

/// What both layers offer: `needed` is how often a call must have been tried before it succeeds.
#[service]
trait Layer {
    /// How often the call had been tried.
    async fn attempts(&self, context: &Context, needed: u32) -> Result<u32>;
    /// Asks the layer behind for what it never does, as often as a client does that by itself.
    async fn insist(&self, context: &Context, needed: u32) -> Result<u32>;
    /// The same, after it has held its thread for a while.
    async fn grind(&self, context: &Context, needed: u32) -> Result<u32>;
    /// How often the layer behind takes its call to have been tried.
    async fn hand_on(&self, context: &Context, needed: u32) -> Result<u32>;
    /// Asks a server that is not there, and passes on what comes of it.
    async fn pass_on(&self) -> Result<u32>;
    /// The same of all servers of the layer behind.
    async fn spread(&self, context: &Context, needed: u32) -> Result<Vec<u32>>;
    /// Asks the layer behind for what takes it a second.
    async fn dawdle(&self, context: &Context, needed: u32) -> Result<u32>;
    /// Takes a second, `always` or the first time; how often it was tried.
    async fn slowly(&self, context: &Context, always: bool) -> u32;
}

#[derive(Clone)]
struct Tier {
    behind: Option<LayerClient>,
    calls: Arc<AtomicU32>,
}

fn not_yet() -> Error {
    Error::new(Code::Unavailable, "not yet")
}

impl Tier {
    /// The last of the layers.
    fn last() -> Self {
        Self { behind: None, calls: Arc::default() }
    }

    fn before(behind: &Client) -> Self {
        Self { behind: Some(LayerClient::new(behind.clone())), ..Self::last() }
    }

    fn behind(&self) -> &LayerClient {
        self.behind.as_ref().unwrap()
    }

    /// Three servers of this layer, and a client of them.
    async fn client<P: Protocol>(&self, memory: &Memory, name: &str, protocol: P, mode: FailMode) -> Client {
        let mut endpoints = Vec::new();
        for number in 0..3 {
            let address = format!("memory://{name}-{number}");
            endpoints.push(Endpoint::new(address.parse().unwrap()));
            let server = Server::builder().memory(memory).register(LayerServer::new(self.clone()));
            tokio::spawn(server.bind(address).await.unwrap().run());
        }
        let builder = Client::builder().memory(memory).protocol(protocol).balance(RoundRobin).fail_mode(mode);
        builder.discover_from(Fixed::new(endpoints)).await.unwrap()
    }

    /// How many calls came since this was asked last.
    fn calls(&self) -> u32 {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

fn once_tried(context: &Context, needed: u32) -> Result<u32> {
    match context.previous_attempts() {
        attempts if attempts < needed => Err(not_yet()),
        attempts => Ok(attempts),
    }
}

impl Layer for Tier {
    async fn attempts(&self, context: &Context, needed: u32) -> Result<u32> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        once_tried(context, needed)
    }

    async fn insist(&self, context: &Context, needed: u32) -> Result<u32> {
        // What is handed on must be so after a pause too.
        tokio::task::yield_now().await;
        self.behind().attempts(u32::MAX).idempotent().await.unwrap_err();
        once_tried(context, needed)
    }

    async fn grind(&self, context: &Context, needed: u32) -> Result<u32> {
        std::thread::sleep(Duration::from_millis(3));
        self.insist(context, needed).await
    }

    async fn hand_on(&self, context: &Context, needed: u32) -> Result<u32> {
        let said = self.behind().attempts(0).await?;
        once_tried(context, needed)?;
        Ok(said)
    }

    async fn pass_on(&self) -> Result<u32> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let nobody = Client::builder().memory(&Memory::new()).lazy("memory://nobody")?;
        LayerClient::new(nobody).pass_on().await
    }

    async fn spread(&self, context: &Context, needed: u32) -> Result<Vec<u32>> {
        let said = self.behind().attempts(0).broadcast().await?;
        once_tried(context, needed)?;
        Ok(said.into_iter().map(|(_, attempts)| attempts).collect())
    }

    async fn dawdle(&self, context: &Context, needed: u32) -> Result<u32> {
        self.behind().slowly(true).await?;
        once_tried(context, needed)
    }

    async fn slowly(&self, context: &Context, always: bool) -> u32 {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let attempts = context.previous_attempts();
        if always || attempts == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        attempts
    }
}

/// Two layers of three servers each, and a client of the first.
async fn two_layers<P: Protocol + Clone>(protocol: P, mode: FailMode) -> (LayerClient, Tier) {
    let (memory, last) = (Memory::new(), Tier::last());
    let behind = last.client(&memory, "behind", protocol.clone(), mode).await;
    let first = Tier::before(&behind);
    (LayerClient::new(first.client(&memory, "before", protocol, FailMode::FailOver).await), last)
}

async fn a_call_says_how_often_it_was_tried<P: Protocol>(protocol: P) {
    let tier = Tier::last();
    let client = LayerClient::new(tier.client(&Memory::new(), "one", protocol, FailMode::FailOver).await);

    for needed in 0..3 {
        assert_eq!(client.attempts(needed).idempotent().await.unwrap(), needed);
        assert_eq!(tier.calls(), needed + 1);
    }
}

#[tokio::test]
async fn a_call_says_how_often_it_was_tried_over_the_native_protocol() {
    a_call_says_how_often_it_was_tried(Native).await;
}

#[cfg(feature = "http")]
#[tokio::test]
async fn a_call_says_how_often_it_was_tried_over_http() {
    a_call_says_how_often_it_was_tried(Http).await;
}

/// Go's programs know nothing of it, and are not told.
#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_said_of_it_every_attempt_is_the_first() {
    let tier = Tier::last();
    let mode = FailMode::Backup(Duration::from_millis(30));
    let client = LayerClient::new(tier.client(&Memory::new(), "go", NetRpc, mode).await);

    assert_eq!(client.slowly(false).await.unwrap(), 0);

    assert_eq!(tier.calls(), 2);
}

#[tokio::test]
async fn a_call_for_which_metadata_leave_no_room_is_tried_again_all_the_same() {
    let tier = Tier::last();
    let client = LayerClient::new(tier.client(&Memory::new(), "full", Native, FailMode::FailOver).await);

    let error = client.attempts(1).idempotent().metadata("much", vec![b'x'; 8_180]).await.unwrap_err();

    assert_eq!((error.message(), tier.calls()), ("not yet", 3));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_whoever_calls_is_said_in_place_of_what_was_given() {
    let tier = Tier::last();
    let client = LayerClient::new(tier.client(&Memory::new(), "one", Native, FailMode::FailOver).await);

    let call = client.attempts(8).idempotent().metadata("grpc-previous-rpc-attempts", "7");

    assert_eq!(call.await.unwrap_err().message(), "not yet");
    assert_eq!(tier.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_backup_request_is_another_attempt() {
    let tier = Tier::last();
    let mode = FailMode::Backup(Duration::from_millis(30));
    let client = LayerClient::new(tier.client(&Memory::new(), "one", Native, mode).await);

    assert_eq!(client.slowly(false).await.unwrap(), 1);
}

/// Row E6: three layers that try three times each would ask 27 times for what nobody does.
#[tokio::test]
async fn what_a_repeated_call_calls_is_tried_once() {
    let (client, last) = two_layers(Native, FailMode::FailOver).await;

    client.insist(0).await.unwrap();
    assert_eq!(last.calls(), 3);
    client.insist(1).idempotent().await.unwrap();
    assert_eq!(last.calls(), 3 + 1);
    client.insist(2).idempotent().await.unwrap();
    assert_eq!(last.calls(), 3 + 1 + 1);
    client.insist(0).await.unwrap();
    assert_eq!(last.calls(), 3, "what follows a repeated call in its place is not one");
}

#[tokio::test]
async fn what_a_repeated_call_calls_is_tried_once_from_a_task_too() {
    let (client, last) = two_layers(Native, FailMode::FailOver).await;
    for _ in 0..10 {
        // By then it is known that the method holds its thread; and the budget for repetitions is not spent.
        client.grind(0).await.unwrap();
    }
    last.calls();

    client.grind(2).idempotent().await.unwrap();

    assert_eq!(last.calls(), 3 + 1 + 1);
}

#[tokio::test]
async fn what_a_repeated_call_calls_has_its_number() {
    let (client, last) = two_layers(Native, FailMode::FailOver).await;

    for needed in 0..3 {
        assert_eq!(client.hand_on(needed).idempotent().await.unwrap(), needed);
        assert_eq!(client.spread(needed).idempotent().await.unwrap(), [needed; 3]);
    }

    assert_eq!(last.calls(), (1 + 2 + 3) * 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_repeated_call_calls_gets_no_backup_request() {
    let (client, last) = two_layers(Native, FailMode::Backup(Duration::from_millis(30))).await;

    client.dawdle(0).await.unwrap();
    assert_eq!(last.calls(), 2);
    client.dawdle(1).idempotent().await.unwrap();

    assert_eq!(last.calls(), 2 + 1);
}

/// Row V3: the call that the method made has not run, the method has.
#[tokio::test]
async fn a_method_that_passes_on_an_error_of_a_call_that_has_not_run_has_run() {
    let tier = Tier::last();
    let client = LayerClient::new(tier.client(&Memory::new(), "one", Native, FailMode::FailOver).await);

    let error = client.pass_on().await.unwrap_err();

    assert!(error.code() == Code::Unavailable && error.is_remote() && error.may_have_run(), "{error:?}");
    assert_eq!(tier.calls(), 1);
}
