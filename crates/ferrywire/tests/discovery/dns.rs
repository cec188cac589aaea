//! Sources that ask DNS, and a DNS server of our own that says and does what a test wants.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywire::Code;
use ferrywire::discovery::{Discover, Keeper, News};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, timeout};

use super::{Rig, number, opened, sorted};

/// What the server says.
#[derive(Clone, Default)]
struct Zone {
    hosts: BTreeMap<String, Vec<Ipv4Addr>>,
    /// Priority, weight, port and target.
    services: BTreeMap<String, Vec<(u16, u16, u16, String)>>,
    /// Seconds.
    ttl: u32,
    mood: Mood,
    questions: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Well,
    /// SERVFAIL.
    Ill,
    /// NXDOMAIN, whatever the name.
    Forgetful,
    Mute,
    /// Answers that are none.
    Babbling,
}

impl Zone {
    /// The answer to a question, of at most so many bytes.
    fn answer(&mut self, question: &[u8], len_max: usize) -> Option<Vec<u8>> {
        const A: u16 = 1;
        const SRV: u16 = 33;
        self.questions += 1;
        let mut labels = Vec::new();
        let mut at = 12;
        while question[at] != 0 {
            let len = usize::from(question[at]);
            labels.push(String::from_utf8(question[at + 1..=at + len].to_vec()).unwrap().to_lowercase());
            at += 1 + len;
        }
        let name = labels.join(".");
        let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
        let asked = &question[12..at + 5];

        let mut datas: Vec<Vec<u8>> = Vec::new();
        if kind == A {
            datas = self.hosts.get(&name).into_iter().flatten().map(|ip| ip.octets().to_vec()).collect();
        } else if kind == SRV {
            for (priority, weight, port, target) in self.services.get(&name).into_iter().flatten() {
                let mut data = [*priority, *weight, *port].map(u16::to_be_bytes).concat();
                for label in target.split('.').filter(|label| !label.is_empty()) {
                    data.push(u8::try_from(label.len()).unwrap());
                    data.extend(label.bytes());
                }
                data.push(0);
                datas.push(data);
            }
        }
        let is_known = self.hosts.contains_key(&name) || self.services.contains_key(&name);
        let code = match self.mood {
            Mood::Mute => return None,
            Mood::Babbling => return Some([&question[..2], &[0xff; 40]].concat()),
            Mood::Ill => 2,
            Mood::Forgetful => 3,
            Mood::Well if is_known => 0,
            Mood::Well => 3,
        };
        if code != 0 {
            datas.clear();
        }
        let mut records = Vec::new();
        for data in &datas {
            records.extend([0xc0, 12]);
            records.extend(kind.to_be_bytes());
            records.extend([0, 1]);
            records.extend(self.ttl.to_be_bytes());
            records.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            records.extend(data);
        }
        let is_cut = 12 + asked.len() + records.len() > len_max;
        let count = if is_cut { 0 } else { u16::try_from(datas.len()).unwrap() };
        let mut answer = question[..2].to_vec();
        answer.extend([0x85 | if is_cut { 2 } else { 0 }, 0x80 | code, 0, 1]);
        answer.extend(count.to_be_bytes());
        answer.extend([0, 0, 0, 0]);
        answer.extend(asked);
        if !is_cut {
            answer.extend(records);
        }
        Some(answer)
    }
}

/// A DNS server on this machine.
#[derive(Clone)]
struct Server {
    zone: Arc<Mutex<Zone>>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let (tcp, udp) = loop {
            let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(udp) = std::net::UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (tcp, udp);
            }
        };
        let server = Self {
            zone: Arc::new(Mutex::new(Zone { ttl: 1, ..Zone::default() })),
            address: udp.local_addr().unwrap(),
        };
        udp.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let (udp, tcp) = (UdpSocket::from_std(udp).unwrap(), TcpListener::from_std(tcp).unwrap());
        let zone = server.zone.clone();
        tokio::spawn(async move {
            let mut packet = [0; 4096];
            while let Ok((len, from)) = udp.recv_from(&mut packet).await {
                let answer = zone.lock().unwrap().answer(&packet[..len], 512);
                if let Some(answer) = answer {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let zone = server.zone.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                while let Ok(len) = stream.read_u16().await {
                    let mut question = vec![0; usize::from(len)];
                    stream.read_exact(&mut question).await.unwrap();
                    let answer = zone.lock().unwrap().answer(&question, usize::from(u16::MAX));
                    if let Some(answer) = answer {
                        stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                        stream.write_all(&answer).await.unwrap();
                    }
                }
            }
        });
        server
    }

    fn zone(&self) -> std::sync::MutexGuard<'_, Zone> {
        self.zone.lock().unwrap()
    }

    fn source(&self, scheme: &str, name: &str) -> Box<dyn Discover> {
        opened(&format!("{scheme}://{}/{name}", self.address))
    }
}

fn ip(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

/// All addresses of `arith.test`.
pub(super) struct Host(Server);

impl Rig for Host {
    fn with(servers: &[u8]) -> Self {
        let mut host = Self(Server::start());
        host.change(servers);
        host
    }

    fn source(&self) -> Box<dyn Discover> {
        self.0.source("dns", "arith.test:7001")
    }

    fn change(&mut self, servers: &[u8]) {
        let mut zone = self.0.zone();
        zone.mood = Mood::Well;
        zone.hosts.insert("arith.test".to_owned(), servers.iter().copied().map(ip).collect());
    }

    fn lose(&mut self) {
        self.0.zone().mood = Mood::Forgetful;
    }
}

/// The servers of `_rpc._tcp.arith.test`.
pub(super) struct Service(Server);

impl Rig for Service {
    fn with(servers: &[u8]) -> Self {
        let mut service = Self(Server::start());
        service.change(servers);
        service
    }

    fn source(&self) -> Box<dyn Discover> {
        self.0.source("dns+srv", "_rpc._tcp.arith.test")
    }

    fn change(&mut self, servers: &[u8]) {
        let mut zone = self.0.zone();
        zone.mood = Mood::Well;
        let target = |number: &u8| format!("n{number}.arith.test");
        zone.hosts = servers.iter().map(|number| (target(number), vec![ip(*number)])).collect();
        let records = servers.iter().map(|number| (10, 5, 7001, target(number))).collect();
        zone.services.insert("_rpc._tcp.arith.test".to_owned(), records);
    }

    fn lose(&mut self) {
        self.0.zone().mood = Mood::Ill;
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_servers_of_the_lowest_priority_are_told_with_their_weights() {
    let rig = Service::with(&[1, 2, 3]);
    let records = [(20, 9, 1, 1), (10, 7, 2, 2), (10, 0, 3, 3)];
    let records = records
        .map(|(priority, weight, port, target)| (priority, weight, port, format!("n{target}.arith.test")));
    rig.0.zone().services.insert("_rpc._tcp.arith.test".to_owned(), records.to_vec());

    let list = rig.source().next().await.unwrap();

    let told: Vec<_> = list.iter().map(|one| (one.address.to_string(), one.weight)).collect();
    assert_eq!(told, [("tcp://10.0.0.2:2".to_owned(), 7), ("tcp://10.0.0.3:3".to_owned(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_without_an_address_is_left_out_and_one_that_had_one_keeps_it() {
    let rig = Service::with(&[1, 2]);
    let mut source = rig.source();
    let records = [1, 2, 3].map(|number| (10, 5, 7001, format!("n{number}.arith.test")));
    rig.0.zone().services.insert("_rpc._tcp.arith.test".to_owned(), records.to_vec());
    assert_eq!(source.next().await.unwrap().len(), 2);

    rig.0.zone().hosts.remove("n1.arith.test");
    rig.0.zone().hosts.insert("n3.arith.test".to_owned(), vec![ip(3)]);

    let list: Vec<u8> = source.next().await.unwrap().iter().map(number).collect();
    assert_eq!(list, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_decidedly_not_there_has_no_servers() {
    let rig = Service::with(&[]);
    rig.0.zone().services.insert("_rpc._tcp.arith.test".to_owned(), vec![(0, 0, 0, ".".to_owned())]);

    assert_eq!(rig.source().next().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn addresses_in_another_order_are_the_same() {
    let mut rig = Host::with(&[1, 2, 3]);
    let mut source = rig.source();
    source.next().await.unwrap();

    rig.change(&[3, 1, 2]);

    assert!(timeout(Duration::from_secs(100), source.next()).await.is_err());
}

/// Row E9.
#[tokio::test(start_paused = true)]
async fn a_thousand_addresses_are_told_and_no_more() {
    let rig = Host::with(&[]);
    let addresses = (0..1300_u16).map(|number| Ipv4Addr::from(0x0a00_0000 + u32::from(number)));
    rig.0.zone().hosts.insert("arith.test".to_owned(), addresses.collect());

    let list = rig.source().next().await.unwrap();

    assert_eq!(list.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_asked_for_again_when_it_has_run_out_but_within_bounds() {
    for (ttl, expected) in [(0, 1), (1, 1), (60, 60), (86_400, 300)] {
        let mut rig = Host::with(&[1]);
        rig.0.zone().ttl = ttl;
        let mut source = rig.source();
        source.next().await.unwrap();
        let began = Instant::now();
        rig.change(&[1, 2]);

        source.next().await.unwrap();

        assert_eq!(began.elapsed().as_secs(), expected);
        assert_eq!(source.ttl(), Duration::from_secs(expected));
    }
}

/// Row E9.
#[tokio::test(start_paused = true)]
async fn a_server_that_fails_says_why_and_none_is_waited_for_longer_than_five_seconds() {
    let rig = Host::with(&[1]);
    let mut source = rig.source();

    for (mood, code, words) in [
        (Mood::Forgetful, Code::NotFound, "DNS knows no `arith.test`"),
        (Mood::Ill, Code::Unavailable, "DNS does not say what `arith.test` is: "),
        (Mood::Babbling, Code::Unavailable, ""),
        (Mood::Mute, Code::Unavailable, ""),
    ] {
        rig.0.zone().mood = mood;
        let began = Instant::now();

        let error = source.next().await.unwrap_err();

        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().starts_with(words), "{error}");
        assert!(began.elapsed() < Duration::from_millis(5100), "{:?}", began.elapsed());
        assert!(!error.may_have_run());
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_of_another_kind_is_an_error() {
    let rig = Host::with(&[1]);

    let error = rig.0.source("dns+srv", "arith.test").next().await.unwrap_err();

    assert_eq!(error.message(), "DNS knows nothing of this kind of `arith.test`");
}

#[tokio::test(start_paused = true)]
async fn nxdomain_after_success_costs_nobody_a_server() {
    let mut rig = Host::with(&[1, 2]);
    let mut keeper = Keeper::new(rig.source(), Arc::default());
    assert_eq!(sorted(&mut keeper).await, [1, 2]);

    rig.lose();

    for _ in 0..20 {
        assert!(matches!(keeper.next().await, News::Lost(_)));
    }
    rig.change(&[1, 2, 3]);
    assert_eq!(sorted(&mut keeper).await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_address_needs_no_server() {
    let mut source = opened("dns://127.0.0.1:1/[::1]:7001");

    assert_eq!(source.next().await.unwrap()[0].address.to_string(), "tcp://[::1]:7001");
}

#[test]
fn a_url_that_is_not_one_of_dns_is_refused_with_words() {
    for (url, words) in [
        ("dns:arith:1", "expected // before the name"),
        ("dns://", "expected a port behind the host"),
        ("dns://arith", "expected a port behind the host"),
        ("dns://arith:70000", "expected a port behind the host"),
        ("dns://:1", "expected a name of letters"),
        ("dns://a b:1", "expected a name of letters"),
        ("dns://a\n:1", "expected a name of letters"),
        ("dns://somebody/arith:1", "expected the IP address of a DNS server"),
        ("dns://127.0.0.1:x/arith:1", "expected the IP address of a DNS server"),
        ("dns+srv://", "expected a name of letters"),
        ("dns+srv://.", "expected a name of letters"),
        ("dns+srv://a..b", "expected a name of labels"),
        ("dns+srv://127.0.0.1/a/b", "expected a name of letters"),
    ] {
        let error = super::Sources::default().open(url).err().unwrap();

        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains(words), "{url}: {error}");
    }
    let long = format!("dns+srv://{}", "a".repeat(64));
    assert!(super::Sources::default().open(&long).err().unwrap().message().contains("up to 63 bytes"));
    for url in [
        "dns://arith:1",
        "dns:///arith:1",
        "dns://[::1]/arith:1",
        "dns://[::1]:5/arith:1",
        "dns+srv://::1/_a._b.c",
    ] {
        assert_eq!(opened(url).name(), url);
    }
}
