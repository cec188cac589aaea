//! A server that asks to be left alone is left alone.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::balance::RoundRobin;
use ferrywire::client::FailMode;
#[cfg(feature = "http")]
use ferrywire::protocol::Http;
use ferrywire::protocol::{Native, NetRpc, Protocol};
use ferrywire::{Client, Code, Error};
use tokio::time::Instant;

use support::fleet::{Fleet, NodeClient, Teller, address, told};

mod support;

fn busy(time: Duration) -> Error {
    Error::new(Code::ResourceExhausted, "too much to do").not_executed().with_retry_after(time)
}

/// A client of all servers of the fleet.
async fn client_of<P: Protocol>(fleet: &Fleet, protocol: P, mode: FailMode) -> (NodeClient, Client, Teller) {
    let (teller, source) = told();
    let discovering = fleet.builder().protocol(protocol).balance(RoundRobin).fail_mode(mode);
    let (client, ()) = tokio::join!(discovering.discover_from(source), teller.says(fleet.endpoints()));
    let client = client.unwrap();
    (NodeClient::new(client.clone()), client, teller)
}

async fn how_long_to_wait_is_told_to_the_caller<P: Protocol>(protocol: P, told: Option<Duration>) {
    let fleet = Fleet::of(1).await;
    let node = NodeClient::new(fleet.builder().protocol(protocol).connect(address(0)).await.unwrap());
    fleet.host(0).fails_with(Some(busy(Duration::from_millis(1_234))));

    let error = node.maybe().await.unwrap_err();

    assert_eq!((error.message(), error.retry_after()), ("too much to do", told));
    fleet.host(0).fails_with(Some(Error::new(Code::ResourceExhausted, "too much to do")));
    assert_eq!(node.maybe().await.unwrap_err().retry_after(), None);
}

#[tokio::test]
async fn how_long_to_wait_is_told_over_the_native_protocol() {
    how_long_to_wait_is_told_to_the_caller(Native, Some(Duration::from_millis(1_234))).await;
}

#[cfg(feature = "http")]
#[tokio::test]
async fn how_long_to_wait_is_told_over_http() {
    how_long_to_wait_is_told_to_the_caller(Http, Some(Duration::from_millis(1_234))).await;
}

/// Go has no word for it.
#[tokio::test]
async fn how_long_to_wait_is_not_told_where_errors_are_texts() {
    how_long_to_wait_is_told_to_the_caller(NetRpc, None).await;
}

async fn calls_go_elsewhere<P: Protocol>(protocol: P) {
    let fleet = Fleet::of(3).await;
    let (node, client, _teller) = client_of(&fleet, protocol, FailMode::FailOver).await;
    fleet.host(0).fails_with(Some(busy(Duration::from_secs(20))));
    while fleet.host(0).calls() == 0 {
        // Whoever meets it is sent on at once.
        let began = Instant::now();
        assert_ne!(node.maybe().await.unwrap(), 0);
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    }
    fleet.host(0).fails_with(None);

    tokio::time::sleep(Duration::from_secs(19)).await;
    for _ in 0..30 {
        assert_ne!(node.maybe().await.unwrap(), 0);
    }
    assert!(client.servers().unwrap().servers[0].is_ejected);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..30 {
        node.maybe().await.unwrap();
    }

    assert!((9..=12).contains(&fleet.host(0).calls()), "{:?}", fleet.calls());
}

#[tokio::test(start_paused = true)]
async fn calls_go_elsewhere_while_a_server_asks_to_be_left_alone() {
    calls_go_elsewhere(Native).await;
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn calls_go_elsewhere_while_a_server_of_http_asks_to_be_left_alone() {
    calls_go_elsewhere(Http).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_no_other_server_waits_for_as_long_as_that_asks_for() {
    for mode in [FailMode::RetrySame, FailMode::FailOver] {
        let fleet = Fleet::of(1).await;
        let (node, ..) = client_of(&fleet, Native, mode).await;
        fleet.host(0).fails_with(Some(busy(Duration::from_millis(700))));

        let began = Instant::now();
        let error = node.maybe().await.unwrap_err();

        assert_eq!((error.message(), fleet.host(0).calls()), ("too much to do", 3), "{mode:?}");
        let waited = began.elapsed().as_millis();
        assert!((1_400..=1_600).contains(&waited), "{mode:?}: {waited} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_sooner_than_the_server_has_time_fails_at_once() {
    for mode in [FailMode::RetrySame, FailMode::FailOver] {
        let fleet = Fleet::of(1).await;
        let (node, ..) = client_of(&fleet, Native, mode).await;
        fleet.host(0).fails_with(Some(busy(Duration::from_secs(5))));

        let began = Instant::now();
        let error = node.maybe().timeout(Duration::from_secs(3)).await.unwrap_err();

        assert!(error.is_remote() && error.message() == "too much to do", "{mode:?}: {error:?}");
        assert_eq!(fleet.host(0).calls(), 1, "{mode:?}");
        assert!(began.elapsed() < Duration::from_millis(100), "{mode:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_never_to_be_asked_again_is_left_alone_for_five_minutes() {
    let fleet = Fleet::of(2).await;
    let (node, client, _teller) = client_of(&fleet, Native, FailMode::FailOver).await;
    fleet.host(0).fails_with(Some(busy(Duration::MAX)));
    while fleet.host(0).calls() == 0 {
        node.maybe().await.unwrap();
    }
    fleet.host(0).fails_with(None);

    tokio::time::sleep(Duration::from_secs(299)).await;
    assert!(client.servers().unwrap().servers[0].is_ejected);
    tokio::time::sleep(Duration::from_secs(2)).await;

    assert!(!client.servers().unwrap().servers[0].is_ejected);
}

/// No more than half of the servers are ejected; but what is tried again goes where there is time.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_tried_again_goes_to_the_one_server_that_has_time() {
    let fleet = Fleet::of(5).await;
    let (node, ..) = client_of(&fleet, Native, FailMode::FailOver).await;
    for number in 0..4 {
        fleet.host(number).fails_with(Some(busy(Duration::from_secs(5))));
    }
    while fleet.calls().contains(&0) {
        let _ = node.maybe().await;
    }

    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(node.maybe().await.unwrap(), 4);
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    }
}

/// All have too much to do: whoever comes new is not kept waiting, only what is tried again.
#[tokio::test(start_paused = true)]
async fn servers_that_all_ask_to_be_left_alone_get_no_call_again_meanwhile() {
    let fleet = Fleet::of(4).await;
    let (node, ..) = client_of(&fleet, Native, FailMode::FailOver).await;
    for host in fleet.hosts.values() {
        host.fails_with(Some(busy(Duration::from_secs(60))));
    }
    while fleet.calls().contains(&0) {
        node.maybe().await.unwrap_err();
    }
    let before: u64 = fleet.calls().iter().sum();

    for _ in 0..10 {
        assert_eq!(node.maybe().await.unwrap_err().message(), "too much to do");
    }

    assert_eq!(fleet.calls().iter().sum::<u64>(), before + 10);
}
