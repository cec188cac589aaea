//! What the tests share: an etcd of their own, and who reads lists from it.
//!
//! `FERRYWIRE_ETCD` says where the program is, if it is not /usr/bin/etcd.
#![allow(dead_code, reason = "each file of tests uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, GetOptions};
use ferrywire::discovery::{Discover, Keeper, News, Sources, Status};
use ferrywire_etcd::Etcd;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// An etcd of our own, which dies with this.
pub(crate) struct Cluster {
    home: PathBuf,
    port: u16,
    peers: u16,
    more: &'static [&'static str],
    running: Option<Child>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One with these arguments beside its own.
    pub(crate) async fn start_with(more: &'static [&'static str]) -> Self {
        let [port, peers] = [(); 2].map(|()| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        });
        let home =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("etcd-{}-{port}", std::process::id()));
        let mut cluster = Self { home, port, peers, more, running: None };
        cluster.run().await;
        cluster
    }

    /// Starts it again, with what it knew.
    pub(crate) async fn run(&mut self) {
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
            .args(self.more)
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

    pub(crate) async fn kill(&mut self) {
        self.running.take().unwrap().kill().await.unwrap();
    }

    /// Takes all that it knew from one that has been killed.
    pub(crate) fn forget(&mut self) {
        std::fs::remove_dir_all(&self.home).unwrap();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect([format!("http://127.0.0.1:{}", self.port)], None).await.unwrap()
    }

    pub(crate) async fn put(&self, id: &str, value: &str) {
        self.client().await.put(format!("services/arith/{id}"), value, None).await.unwrap();
    }

    pub(crate) async fn put_server(&self, number: u8) {
        self.put(
            &number.to_string(),
            &format!(r#"{{"address":"tcp://10.0.0.{number}:7001","weight":{number}}}"#),
        )
        .await;
    }

    /// How many servers stand there.
    pub(crate) async fn known(&self) -> usize {
        let below = Some(GetOptions::new().with_prefix());
        self.client().await.get("services/arith/", below).await.unwrap().kvs().len()
    }

    /// Waits until so many do.
    pub(crate) async fn knows(&self, count: usize) {
        let known = async {
            while self.known().await != count {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), known).await.unwrap_or_else(|_| panic!("never {count} servers"));
    }

    pub(crate) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("etcd://{}/services/arith", self.place())
    }

    pub(crate) fn source(&self) -> Box<dyn Discover> {
        Sources::default().with(Etcd).open(&self.url()).unwrap()
    }

    pub(crate) fn keeper(&self) -> (Keeper, Arc<Status>) {
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
pub(crate) async fn list(keeper: &mut Keeper) -> Vec<String> {
    let list = async {
        loop {
            if let News::List(list) = keeper.next().await {
                break list.iter().map(|one| one.address.to_string()).collect();
            }
        }
    };
    timeout(Duration::from_secs(40), list).await.expect("a list comes")
}
