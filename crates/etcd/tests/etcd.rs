//! Servers found in a real etcd, which is killed, restarted and compacted.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use etcd_client::PutOptions;
use ferrywire::Server;
use ferrywire::discovery::News;
use ferrywire_etcd::Announcer;
use tokio::time::{Instant, sleep, timeout};

use support::{Cluster, list};

mod support;

#[tokio::test]
async fn servers_are_found_and_a_change_is_told_within_a_tenth_of_a_second() {
    let etcd = Cluster::start().await;
    etcd.put_server(1).await;
    etcd.put("broken", "{").await;
    etcd.client()
        .await
        .put("services/arithmetic/1", r#"{"address":"tcp://10.9.9.9:1"}"#, None)
        .await
        .unwrap();
    let mut source = etcd.source();
    assert_eq!(source.next().await.unwrap()[0].address.to_string(), "tcp://10.0.0.1:7001");

    etcd.put_server(2).await;
    let began = Instant::now();
    let two = source.next().await.unwrap();
    let took = began.elapsed();
    etcd.client().await.delete("services/arith/1", None).await.unwrap();
    let one = source.next().await.unwrap();

    assert_eq!((two.len(), two[1].weight), (2, 2));
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert_eq!(one[0].address.to_string(), "tcp://10.0.0.2:7001");
}

#[tokio::test]
async fn a_lost_etcd_keeps_the_last_list_and_is_watched_again_when_it_is_back() {
    let mut etcd = Cluster::start().await;
    etcd.put_server(1).await;
    let (mut keeper, status) = etcd.keeper();
    assert_eq!(list(&mut keeper).await, ["tcp://10.0.0.1:7001"]);

    etcd.kill().await;
    for _ in 0..3 {
        assert!(matches!(keeper.next().await, News::Lost(_)));
    }
    assert_eq!(status.snapshot().servers, 1);
    etcd.run().await;
    etcd.put_server(2).await;

    assert_eq!(list(&mut keeper).await, ["tcp://10.0.0.1:7001", "tcp://10.0.0.2:7001"]);
    etcd.put_server(3).await;
    assert_eq!(list(&mut keeper).await.len(), 3);
}

#[tokio::test]
async fn a_compacted_etcd_is_read_again() {
    let mut etcd = Cluster::start().await;
    etcd.put_server(1).await;
    let mut source = etcd.source();
    source.next().await.unwrap();
    etcd.kill().await;
    assert!(source.next().await.is_err());
    etcd.run().await;

    for _ in 0..20 {
        etcd.put_server(2).await;
    }
    let mut client = etcd.client().await;
    let revision = client.get("x", None).await.unwrap().header().unwrap().revision();
    client.compact(revision, None).await.unwrap();

    let list = loop {
        if let Ok(list) = source.next().await {
            break list;
        }
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(list.len(), 2);
    etcd.put_server(3).await;
    assert_eq!(source.next().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_is_known_while_it_runs_and_no_longer() {
    let etcd = Cluster::start().await;
    let announcer = Announcer::to(etcd.url()).unwrap().zone("eu").weight(7).metadata("version", "3");
    let (mut keeper, _) = etcd.keeper();
    assert_eq!(list(&mut keeper).await, [""; 0]);

    let server = Server::builder().announce(announcer).bind("tcp://0.0.0.0:0").await.unwrap();
    let port = server.address().to_string().rsplit_once(':').unwrap().1.to_owned();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let found = loop {
        if let News::List(list) = keeper.next().await {
            break list;
        }
    };

    assert_eq!(found[0].address.to_string(), format!("tcp://127.0.0.1:{port}"));
    assert_eq!(
        (found[0].zone.as_str(), found[0].weight, found[0].metadata["version"].as_str()),
        ("eu", 7, "3")
    );
    handle.shutdown();
    running.await.unwrap().unwrap();
    let left =
        etcd.client().await.get("services/arith/", Some(etcd_client::GetOptions::new().with_prefix())).await;
    assert_eq!(left.unwrap().kvs().len(), 0);
}

#[tokio::test]
async fn a_server_whose_lease_is_lost_makes_itself_known_again() {
    let mut etcd = Cluster::start().await;
    let announcer = Announcer::to(etcd.url()).unwrap().ttl(Duration::from_secs(3));
    let server = Server::builder().announce(announcer).bind("tcp://127.0.0.1:0").await.unwrap();
    let address = server.address().to_string();
    tokio::spawn(server.run());
    let (mut keeper, _) = etcd.keeper();
    while list(&mut keeper).await != [address.as_str()] {}

    // The lease is taken away, and then etcd with it.
    let mut client = etcd.client().await;
    for lease in client.leases().await.unwrap().leases() {
        client.lease_revoke(lease.id()).await.unwrap();
    }
    let is_known = async |etcd: &Cluster| {
        let key = format!("services/arith/{address}");
        let known = async {
            while etcd.client().await.get(key.as_str(), None).await.is_ok_and(|found| found.kvs().is_empty())
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), known).await.is_ok()
    };
    assert!(is_known(&etcd).await);
    etcd.kill().await;
    etcd.run().await;
    let _ = etcd.client().await.delete(format!("services/arith/{address}"), None).await.unwrap();
    let mut client = etcd.client().await;
    for lease in client.leases().await.unwrap().leases() {
        client.lease_revoke(lease.id()).await.unwrap();
    }

    assert!(is_known(&etcd).await);
}

#[tokio::test]
async fn a_server_that_dies_is_gone_after_its_time() {
    let etcd = Cluster::start().await;
    let mut client = etcd.client().await;
    let lease = client.lease_grant(2, None).await.unwrap().id();
    let value = r#"{"address":"tcp://10.0.0.1:7001"}"#;
    client.put("services/arith/1", value, Some(PutOptions::new().with_lease(lease))).await.unwrap();
    let mut source = etcd.source();
    assert_eq!(source.next().await.unwrap().len(), 1);

    let gone = timeout(Duration::from_secs(10), source.next()).await.expect("the lease runs out");

    assert_eq!(gone.unwrap(), []);
}
