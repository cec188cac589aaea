//! Heartbeats: a server is registered while it serves, whatever becomes of its registries.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ferrywire::{Client, Limits, Server, ServerHandle, service};
use ferrywire_registry::{Announcer, Registry, Scheme, Settings};
use serde_json::json;
use tokio::task::JoinHandle;

use support::fake::{Fake, wrong_replies};
use support::{Stand, here, until};

mod support;

/// Doubles.
#[service]
trait Double {
    fn double(&self, number: i64) -> i64;
}

struct Two;

impl Double for Two {
    fn double(&self, number: i64) -> i64 {
        number * 2
    }
}

struct Announced {
    address: String,
    handle: ServerHandle,
    running: JoinHandle<ferrywire::Result<()>>,
}

/// A server that beats often.
async fn announced(announcer: Announcer) -> Announced {
    announced_at("tcp://127.0.0.1:0", announcer).await
}

async fn announced_at(place: &str, announcer: Announcer) -> Announced {
    let mut limits = Limits::default();
    limits.drain_delay = Duration::from_millis(200);
    let server = Server::builder()
        .register(DoubleServer::new(Two))
        .register_as("Other.Name", DoubleServer::new(Two))
        .limits(limits)
        .announce(announcer.every(Duration::from_millis(100)));
    let server = server.bind(place).await.unwrap();
    let (address, handle) = (server.address().to_string(), server.handle());
    Announced { address, handle, running: tokio::spawn(server.run()) }
}

fn to(stand: &Stand) -> Announcer {
    Announcer::to(format!("http://{}", stand.place)).unwrap()
}

#[tokio::test]
async fn a_server_is_registered_until_it_leaves() {
    let stand = Stand::new(Registry::builder().build()).await;
    let announcer = to(&stand).weight(3).zone("eu-1").metadata("rack", "r4");

    let server = announced(announcer).await;
    until("it is registered", || !stand.registry.is_empty()).await;

    let list = here(&stand.registry).list("?service=Double").await;
    let said = &list["servers"][0];
    assert_eq!(said["address"], server.address);
    assert_eq!(said["services"], json!(["Double", "Other.Name"]));
    assert_eq!((&said["weight"], &said["zone"]), (&3.into(), &"eu-1".into()));
    assert_eq!((&said["metadata"], &said["health"]), (&json!({"rack": "r4"}), &"serving".into()));
    assert_eq!(said["ttl_ms"], 1000);

    server.handle.shutdown();
    until("it is off the list", || stand.registry.is_empty()).await;
    // Row F12: who has an old list is still answered.
    let client = DoubleClient::new(Client::connect(server.address).await.unwrap());
    assert_eq!(client.double(21).await.unwrap(), 42);
    server.running.await.unwrap().unwrap();
}

/// Rows F2 and F3.
#[tokio::test]
async fn a_registry_that_starts_again_learns_of_the_server_again() {
    let stand = Stand::new(Registry::builder().build()).await;
    let server = announced(to(&stand)).await;
    until("it is registered", || !stand.registry.is_empty()).await;

    let place = stand.dies().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stand = Stand::at(&place, Registry::builder().build()).await;

    until("it is registered again", || !stand.registry.is_empty()).await;
    assert_eq!(here(&stand.registry).addresses("").await, [server.address]);
}

#[tokio::test]
async fn a_thousand_servers_that_start_at_once_are_all_listed_within_ten_seconds() {
    const SERVERS: usize = 1000;
    let stand = Stand::new(Registry::builder().build()).await;
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        let server =
            Server::builder().register(DoubleServer::new(Two)).announce(to(&stand)).bind("tcp://127.0.0.1:0");
        servers.push(server.await.unwrap());
    }
    let addresses: BTreeSet<String> = servers.iter().map(|server| server.address().to_string()).collect();

    let began = Instant::now();
    let running: Vec<_> = servers.into_iter().map(|server| tokio::spawn(server.run())).collect();
    until("all are listed", || stand.registry.len() == SERVERS).await;
    let took = began.elapsed();

    assert!(took < Duration::from_secs(10), "{took:?}");
    let list = here(&stand.registry).addresses("?service=Double").await;
    assert_eq!(list.into_iter().collect::<BTreeSet<_>>(), addresses);
    assert!(running.iter().all(|running| !running.is_finished()));
    // A client believes a list of so many.
    let url = format!("registry+http://{}/Double", stand.place);
    let client = Client::builder().scheme(Scheme).discover(&url).await.unwrap();
    assert_eq!(client.servers().unwrap().servers.len(), SERVERS);
    assert_eq!(DoubleClient::new(client).double(21).await.unwrap(), 42);
}

/// Row F4.
#[tokio::test]
async fn a_registry_that_is_not_there_keeps_nobody_from_another() {
    let (silent, stand) = (Fake::saying(None).await, Stand::new(Registry::builder().build()).await);
    let second = Stand::new(Registry::builder().build()).await;
    let announcer = Announcer::to("http://127.0.0.1:1").unwrap();
    let announcer = announcer.also(format!("http://{}/", silent.place)).unwrap();
    let announcer = announcer.also(format!("http://{}", stand.place)).unwrap();

    let server = announced(announcer.also(format!("http://{}", second.place)).unwrap()).await;

    until("it is registered", || !stand.registry.is_empty() && !second.registry.is_empty()).await;
    server.handle.shutdown();
    until("it is off all lists", || stand.registry.is_empty() && second.registry.is_empty()).await;
    // The silent one has been given up, within its second.
    server.running.await.unwrap().unwrap();
}

/// Rows F3 and F11.
#[tokio::test]
async fn a_beat_that_was_not_taken_is_repeated_for_ever() {
    for (reply, _) in wrong_replies() {
        let fake = Fake::saying(reply.clone()).await;
        let server = announced(Announcer::to(format!("http://{}", fake.place)).unwrap()).await;

        until("it was asked again", || fake.asked() >= 3).await;

        assert!(!server.running.is_finished());
        server.handle.shutdown();
        server.running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_token_is_shown_and_a_wrong_one_is_no_end() {
    let mut settings = Settings::default();
    settings.bounds_loopback = true;
    settings.requests_burst = 1000;
    let stand = Stand::new(Registry::builder().settings(settings).token("secret").build()).await;

    let right = announced(to(&stand).token("secret").host("10.0.0.1")).await;
    let wrong = announced(to(&stand).token("guessed")).await;
    let none = announced(to(&stand).host("10.0.0.2")).await;
    until("the right one is registered", || !stand.registry.is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    let port = right.address.rsplit(':').next().unwrap();
    assert_eq!(here(&stand.registry).addresses("").await, [format!("tcp://10.0.0.1:{port}")]);
    assert!(!wrong.running.is_finished() && !none.running.is_finished());
}

#[tokio::test]
async fn registries_of_the_family_hear_their_own_words() {
    for (path, servers) in
        [("/wgrpc/registry", "x-wgrpc-servers"), ("/_geerpc_/registry", "x-geerpc-servers")]
    {
        let stand = Stand::new(Registry::builder().build()).await;

        let server = announced(Announcer::to(format!("http://{}{path}", stand.place)).unwrap()).await;
        until("it is registered", || !stand.registry.is_empty()).await;

        let list = here(&stand.registry).get(path).await;
        assert_eq!(list.headers()[servers], server.address.replace("tcp://", "tcp@"));
        assert_eq!(here(&stand.registry).list("").await["servers"][0]["ttl_ms"], 300_000);
    }
}

#[tokio::test]
async fn a_server_that_listens_everywhere_is_listed_as_such_by_its_own_machine() {
    let stand = Stand::new(Registry::builder().build()).await;

    let server = announced_at("tcp://0.0.0.0:0", to(&stand)).await;
    until("it is registered", || !stand.registry.is_empty()).await;

    assert_eq!(here(&stand.registry).addresses("").await, [server.address]);
}

#[tokio::test]
async fn a_url_of_no_registry_is_refused_with_words() {
    for url in [
        "",
        "127.0.0.1:9999",
        "https://127.0.0.1:9999",
        "http://",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://a b:1",
        "http://a,b:1",
        "http://127.0.0.1:1/other",
        "http://user@127.0.0.1:1",
    ] {
        let error = Announcer::to(url).map(drop).unwrap_err();

        assert!(error.message().contains("is no registry: expected"), "{url}: {error}");
    }
}
