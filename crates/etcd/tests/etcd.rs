//! Servers found in a real etcd, which is killed, restarted and compacted.
//!
//! `FERRYWIRE_ETCD` says where it is, if it is not /usr/bin/etcd.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, PutOptions};
use ferrywire::Server;
use ferrywire::discovery::{Discover, Keeper, News, Sources, Status};
use ferrywire_etcd::{Announcer, Etcd};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// An etcd of our own, which dies with this.
struct Cluster {
    home: PathBuf,
    port: u16,
    peers: u16,
    running: Option<Child>,
}

impl Cluster {
    async fn start() -> Self {
        let [port, peers] = [(); 2].map(|()| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        });
        let home =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("etcd-{}-{port}", std::process::id()));
        let mut cluster = Self { home, port, peers, running: None };
        cluster.run().await;
        cluster
    }

    /// Starts it again, with what it knew.
    async fn run(&mut self) {
        let program = std::env::var("FERRYWIRE_ETCD").unwrap_or_else(|_| "/usr/bin/etcd".to_owned());
        let (clients, peers) =
            (format!("http://127.0.0.1:{}", self.port), format!("http://127.0.0.1:{}", self.peers));
        let mut command = Command::new(&program);
        command
            .env("ETCD_UNSUPPORTED_ARCH", "arm64")
            .args(["--data-dir", self.home.to_str().unwrap(), "--logger=zap", "--log-outputs=/dev/null"])
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("default={peers}")])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let started = command.kill_on_drop(true).spawn();
        self.running = Some(started.unwrap_or_else(|cause| panic!("{program}: {cause}")));
        let is_ready = async {
            loop {
                if let Ok(mut client) = Client::connect([&clients], None).await
                    && client.get("ready", None).await.is_ok()
                {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(30), is_ready).await.expect("etcd is ready");
    }

    async fn kill(&mut self) {
        self.running.take().unwrap().kill().await.unwrap();
    }

    async fn client(&self) -> Client {
        Client::connect([format!("http://127.0.0.1:{}", self.port)], None).await.unwrap()
    }

    async fn put(&self, id: &str, value: &str) {
        self.client().await.put(format!("services/arith/{id}"), value, None).await.unwrap();
    }

    async fn put_server(&self, number: u8) {
        self.put(
            &number.to_string(),
            &format!(r#"{{"address":"tcp://10.0.0.{number}:7001","weight":{number}}}"#),
        )
        .await;
    }

    fn url(&self) -> String {
        format!("etcd://127.0.0.1:{}/services/arith", self.port)
    }

    fn source(&self) -> Box<dyn Discover> {
        Sources::default().with(Etcd).open(&self.url()).unwrap()
    }

    fn keeper(&self) -> (Keeper, Arc<Status>) {
        let status = Arc::new(Status::default());
        (Keeper::new(self.source(), status.clone()), status)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.running.take());
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// The next list, whatever is lost before it comes.
async fn list(keeper: &mut Keeper) -> Vec<String> {
    let list = async {
        loop {
            if let News::List(list) = keeper.next().await {
                break list.iter().map(|one| one.address.to_string()).collect();
            }
        }
    };
    timeout(Duration::from_secs(40), list).await.expect("a list comes")
}

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
