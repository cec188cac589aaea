//! Servers found by DNS, as dnsmasq says it, which is restarted, loses its memory and is killed.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ferrywire::discovery::{Keeper, News, Sources, Status};
use ferrywire_interop::harness::{Ours, Transport};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A dnsmasq of our own, which dies with this.
struct Dnsmasq {
    port: u16,
    running: Option<Child>,
}

impl Dnsmasq {
    /// One that knows what the options say, and nothing else.
    async fn start(records: &[&str]) -> Self {
        let port = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a port");
            let port = tcp.local_addr().expect("it has an address").port();
            if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
                break port;
            }
        };
        let mut dnsmasq = Self { port, running: None };
        dnsmasq.says(records).await;
        dnsmasq
    }

    /// Starts it again, with other records.
    async fn says(&mut self, records: &[&str]) {
        self.kill().await;
        let program = std::env::var("FERRYWIRE_DNSMASQ").unwrap_or_else(|_| "/usr/sbin/dnsmasq".to_owned());
        let mut command = Command::new(&program);
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--log-facility=/dev/null",
            ])
            .args(["--no-resolv", "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces"])
            .args(["--local=/test/", "--local-ttl=1", &format!("--port={}", self.port)])
            .args(records);
        let started = command.kill_on_drop(true).spawn();
        self.running = Some(started.unwrap_or_else(|cause| panic!("{program}: {cause}")));
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), listens).await.expect("dnsmasq listens");
    }

    async fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().await.expect("it can be killed");
        }
    }

    fn keeper(&self, scheme: &str, name: &str) -> (Keeper, Arc<Status>) {
        let source = Sources::default().open(&format!("{scheme}://127.0.0.1:{}/{name}", self.port));
        let status = Arc::new(Status::default());
        (Keeper::new(source.expect("a URL of DNS"), status.clone()), status)
    }
}

/// The next list, whatever is lost before it comes.
async fn list(keeper: &mut Keeper) -> Vec<(String, u32)> {
    let list = async {
        loop {
            if let News::List(list) = keeper.next().await {
                break list.iter().map(|one| (one.address.to_string(), one.weight)).collect();
            }
        }
    };
    timeout(Duration::from_secs(20), list).await.expect("a list comes")
}

fn told(list: &[(&str, u32)]) -> Vec<(String, u32)> {
    list.iter().map(|(address, weight)| ((*address).to_owned(), *weight)).collect()
}

#[tokio::test]
async fn all_addresses_of_a_name_are_found_and_its_changes() {
    let mut dnsmasq =
        Dnsmasq::start(&["--host-record=arith.test,10.0.0.1,fd00::1", "--host-record=arith.test,10.0.0.2"])
            .await;
    let (mut keeper, status) = dnsmasq.keeper("dns", "arith.test:7001");
    let three = [("tcp://10.0.0.1:7001", 1), ("tcp://10.0.0.2:7001", 1), ("tcp://[fd00::1]:7001", 1)];
    assert_eq!(list(&mut keeper).await, told(&three));

    // A server that is away, one that knows no such name, and one that knows another address.
    dnsmasq.kill().await;
    assert!(matches!(keeper.next().await, News::Lost(_)));
    dnsmasq.says(&[]).await;
    while status.snapshot().error.is_none_or(|error| error.message() != "DNS knows no `arith.test`") {
        assert!(matches!(keeper.next().await, News::Lost(_)));
    }
    assert_eq!(status.snapshot().servers, 3);
    dnsmasq.says(&["--host-record=arith.test,10.0.0.1,fd00::1", "--host-record=arith.test,10.0.0.3"]).await;

    let changed = [("tcp://10.0.0.1:7001", 1), ("tcp://10.0.0.3:7001", 1), ("tcp://[fd00::1]:7001", 1)];
    assert_eq!(list(&mut keeper).await, told(&changed));
}

#[tokio::test]
async fn a_server_is_found_by_its_srv_record_and_called() {
    let server = Ours::start(Transport::Tcp).await;
    let address = server.address();
    let port = address.rsplit_once(':').expect("it has a port").1;
    let records = [
        format!("--srv-host=_rpc._tcp.arith.test,n1.test,{port},10,5"),
        "--srv-host=_rpc._tcp.arith.test,n2.test,1,20,5".to_owned(),
        "--host-record=n1.test,127.0.0.1".to_owned(),
        "--host-record=n2.test,127.0.0.2".to_owned(),
    ];
    let dnsmasq = Dnsmasq::start(&records.each_ref().map(String::as_str)).await;
    let (mut keeper, _) = dnsmasq.keeper("dns+srv", "_rpc._tcp.arith.test");

    let found = list(&mut keeper).await;

    assert_eq!(found, told(&[(format!("tcp://127.0.0.1:{port}").as_str(), 5)]));
    let client = ferrywire::Client::connect(found[0].0.as_str()).await.expect("it is there");
    let arith = ferrywire_interop::zoo::ArithClient::new(client);
    let product = arith.multiply(ferrywire_interop::zoo::Args { a: 6, b: 7 }).await;
    assert_eq!(product.expect("it is served"), 42);
}

/// Row E9: more than a packet of UDP holds.
#[tokio::test]
async fn a_thousand_addresses_are_found() {
    let records: Vec<String> =
        (0..1000).map(|n| format!("--host-record=arith.test,10.1.{}.{}", n / 250, n % 250 + 1)).collect();
    let dnsmasq = Dnsmasq::start(&records.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (mut keeper, _) = dnsmasq.keeper("dns", "arith.test:7001");

    assert_eq!(list(&mut keeper).await.len(), 1000);
}
