//! A real etcd that is killed, emptied, full or compacted at the worst moment, and keys that somebody deletes: no call fails of it.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{AlarmAction, AlarmOptions, AlarmType, DeleteOptions};
use ferrywire::discovery::{Discover, Sources};
use ferrywire::{Client, Server, service};
use ferrywire_etcd::{Announcer, Etcd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use support::Cluster;

mod support;

/// Feeds animals.
#[service]
trait Zoo {
    fn feed(&self, animal: u64) -> u64;
}

struct Keeper(Arc<AtomicU64>);

impl Zoo for Keeper {
    fn feed(&self, animal: u64) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        animal * 7
    }
}

/// A server that is known in etcd for 3 s at a time, and how often it was called.
async fn serve(etcd: &Cluster) -> (String, Arc<AtomicU64>) {
    let (called, ttl) = (Arc::new(AtomicU64::new(0)), Duration::from_secs(3));
    let server = Server::builder()
        .register(ZooServer::new(Keeper(called.clone())))
        .announce(Announcer::to(etcd.url()).unwrap().ttl(ttl));
    let server = server.bind("tcp://127.0.0.1:0").await.unwrap();
    let address = server.address().to_string();
    tokio::spawn(server.run());
    (address, called)
}

/// Callers who do not stop.
struct Calls {
    made: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    callers: JoinSet<Vec<ferrywire::Error>>,
}

impl Calls {
    async fn start(etcd: &Cluster) -> Self {
        let client = Client::builder().scheme(Etcd).discover(&etcd.url()).await.unwrap();
        let (made, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let (zoo, made, is_over) = (ZooClient::new(client.clone()), made.clone(), is_over.clone());
            callers.spawn(async move {
                let mut failures = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let animal = made.fetch_add(1, Ordering::Relaxed);
                    match zoo.feed(animal).await {
                        Ok(fed) => assert_eq!(fed, animal * 7),
                        Err(failure) => failures.push(failure),
                    }
                    sleep(Duration::from_millis(2)).await;
                }
                failures
            });
        }
        Self { made, is_over, callers }
    }

    /// Waits until there have been some more.
    async fn go_on(&self) {
        let until = self.made.load(Ordering::Relaxed) + 200;
        while self.made.load(Ordering::Relaxed) < until {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// All that have failed.
    async fn failures(self) -> Vec<ferrywire::Error> {
        self.is_over.store(true, Ordering::Relaxed);
        self.callers.join_all().await.concat()
    }
}

/// Rows F1 and F2.
#[tokio::test]
async fn an_etcd_that_is_killed_and_comes_back_with_its_data_or_without_costs_no_call() {
    let mut etcd = Cluster::start().await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(serve(&etcd).await);
    }
    etcd.knows(3).await;
    let calls = Calls::start(&etcd).await;

    for has_data in [true, false] {
        etcd.kill().await;
        calls.go_on().await;
        if !has_data {
            etcd.forget();
        }
        etcd.run().await;
        etcd.knows(3).await;
        calls.go_on().await;
    }
    let (_, called) = serve(&etcd).await;
    let is_found = async {
        while called.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), is_found).await.expect("changes are heard of again");

    assert!(servers.iter().all(|(_, called)| called.load(Ordering::Relaxed) > 100));
    assert!(calls.failures().await.is_empty());
}

#[tokio::test]
async fn a_key_that_somebody_deletes_is_put_back_while_its_lease_lives() {
    let etcd = Cluster::start().await;
    let (address, _) = serve(&etcd).await;
    etcd.knows(1).await;
    let mut client = etcd.client().await;
    let leases = client.leases().await.unwrap().leases().iter().map(|lease| lease.id()).collect::<Vec<_>>();

    let all = Some(DeleteOptions::new().with_prefix());
    assert_eq!(client.delete("services/", all).await.unwrap().deleted(), 1);
    etcd.knows(1).await;

    let found = client.get(format!("services/arith/{address}"), None).await.unwrap();
    assert_eq!(found.kvs()[0].lease(), leases[0]);
}

#[tokio::test]
async fn what_somebody_else_has_written_for_an_address_stands() {
    let etcd = Cluster::start().await;
    let (address, _) = serve(&etcd).await;
    etcd.knows(1).await;

    let value = format!(r#"{{"address":"{address}","weight":9}}"#);
    etcd.put(&address, &value).await;
    // It says three times in this time that it is there.
    sleep(Duration::from_millis(3500)).await;

    let found = etcd.client().await.get(format!("services/arith/{address}"), None).await.unwrap();
    assert_eq!(found.kvs()[0].value(), value.as_bytes());
}

#[tokio::test]
async fn a_full_etcd_keeps_who_is_known_though_it_starts_again_and_takes_others_when_there_is_room() {
    let mut etcd = Cluster::start_with(&["--quota-backend-bytes=2097152"]).await;
    serve(&etcd).await;
    etcd.knows(1).await;
    let calls = Calls::start(&etcd).await;

    let mut client = etcd.client().await;
    let full = loop {
        if let Err(full) = client.put("filling", vec![b'x'; 256 << 10], None).await {
            break full;
        }
    };
    assert!(full.to_string().contains("space exceeded"), "{full}");
    serve(&etcd).await;
    etcd.kill().await;
    calls.go_on().await;
    etcd.run().await;
    // Longer than a lease that nobody keeps.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(etcd.known().await, 1);

    let mut client = etcd.client().await;
    let revision = client.get("filling", None).await.unwrap().header().unwrap().revision();
    client.compact(revision, None).await.unwrap();
    client.defragment().await.unwrap();
    for alarm in client.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.unwrap().alarms() {
        let mut of_member = AlarmOptions::new();
        of_member.with_member(alarm.member_id());
        client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(of_member)).await.unwrap();
    }

    etcd.knows(2).await;
    assert!(calls.failures().await.is_empty());
}

/// What stands between a client and etcd; what a client says after `word` was answered waits, once.
struct Between {
    url: String,
    holds: Arc<Notify>,
    goes_on: Arc<Notify>,
}

/// Of what [`Between`] has come to.
const ASKED: u64 = 0;
const ANSWERED: u64 = 1;
const HELD: u64 = 2;

impl Between {
    async fn of(etcd: &Cluster, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (own, theirs) = (listener.local_addr().unwrap().to_string(), etcd.place());
        let url = etcd.url().replace(&theirs, &own);
        let (holds, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (held, released) = (holds.clone(), goes_on.clone());
        tokio::spawn(async move {
            let step = Arc::new(AtomicU64::new(ASKED));
            while let Ok((near, _)) = listener.accept().await {
                let (mut hears, mut says) = near.into_split();
                let (mut answers, mut asks) = TcpStream::connect(&theirs).await.unwrap().into_split();
                let (sees, looks) = (step.clone(), step.clone());
                let (held, released) = (held.clone(), released.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 16 << 10];
                    while let Ok(len @ 1..) = answers.read(&mut bytes).await {
                        let has_word = bytes[..len].windows(word.len()).any(|it| it == word.as_bytes());
                        if has_word {
                            let _ =
                                sees.compare_exchange(ASKED, ANSWERED, Ordering::SeqCst, Ordering::SeqCst);
                        }
                        let _ = says.write_all(&bytes[..len]).await;
                    }
                });
                tokio::spawn(async move {
                    let mut bytes = vec![0; 16 << 10];
                    while let Ok(len @ 1..) = hears.read(&mut bytes).await {
                        let waits =
                            looks.compare_exchange(ANSWERED, HELD, Ordering::SeqCst, Ordering::SeqCst);
                        if waits.is_ok() {
                            held.notify_one();
                            released.notified().await;
                        }
                        let _ = asks.write_all(&bytes[..len]).await;
                    }
                });
            }
        });
        Self { url, holds, goes_on }
    }
}

#[tokio::test]
async fn what_is_compacted_between_the_look_and_the_watch_is_read_again() {
    let etcd = Cluster::start().await;
    etcd.put_server(1).await;
    let between = Between::of(&etcd, "tcp://10.0.0.1:7001").await;
    let mut source = Sources::default().with(Etcd).open(&between.url).unwrap();

    let compacts = async {
        between.holds.notified().await;
        for _ in 0..20 {
            etcd.put_server(2).await;
        }
        let mut client = etcd.client().await;
        let revision = client.get("x", None).await.unwrap().header().unwrap().revision();
        client.compact(revision, None).await.unwrap();
        between.goes_on.notify_one();
    };
    let (first, ()) = tokio::join!(source.next(), compacts);

    assert_eq!(first.unwrap().len(), 1);
    assert_eq!(told(&mut source).await, 2);
    etcd.put_server(3).await;
    assert_eq!(told(&mut source).await, 3);
}

/// How many servers the next list has, which is told without an error.
async fn told(source: &mut Box<dyn Discover>) -> usize {
    timeout(Duration::from_secs(4), source.next()).await.expect("a list is told in time").unwrap().len()
}
