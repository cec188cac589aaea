//! 64 tasks share a connection and make 1,000 calls each, in both directions; every reply is its caller's.
#![allow(clippy::unwrap_used, reason = "in a test, a failure is the report")]

use ferrywire::Client;
use ferrywire::protocol::NetRpc;
use ferrywire_interop::harness::{Go, GoServer, Ours, Tally, Transport, nonces};

static TALLY: Tally = Tally::new("64 tasks × 1,000 calls each way", 4);

async fn go_stresses_us(go: &Go, transport: Transport) {
    let server = Ours::start(transport).await;

    let words = ["-dial", server.address(), "-cancels", "-stress", "-calls", "1000", "-only", "^stress/"];
    let passed = go.cases("client", &words).await;

    let calls = server.handle.calls();
    let nonces = calls.iter().find(|(name, _)| name == "Zoo.Nonce");
    assert_eq!(nonces, Some(&("Zoo.Nonce".to_owned(), 64_000)));
    assert_eq!(server.handle.running(), 0);
    let passed = passed.into_iter().map(|name| name + "_from_go").collect();
    TALLY.add(go.run(transport, passed));
}

async fn we_stress_go(go: &Go, transport: Transport) {
    let server = GoServer::start(go, transport).await;
    let client = Client::builder().protocol(NetRpc).connect(server.address()).await.unwrap();

    let ended = nonces(&client, 64, 1000).await;

    assert_eq!(ended, Ok(()));
    TALLY.add(go.run(transport, vec!["stress/nonces_from_us".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_go_gets_its_own_replies_from_us() {
    go_stresses_us(Go::older(), Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_go_gets_its_own_replies_from_us() {
    go_stresses_us(Go::newer(), Transport::Unix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_get_our_own_replies_from_old_go() {
    we_stress_go(Go::older(), Transport::Unix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_get_our_own_replies_from_new_go() {
    we_stress_go(Go::newer(), Transport::Tcp).await;
}
