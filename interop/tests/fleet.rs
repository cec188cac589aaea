//! Servers, registries and their clients as processes of their own, which are killed and started while calls go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ferrywire::{Client, Code, client};
use ferrywire_interop::harness::listening;
use ferrywire_interop::zoo::{Args, ArithClient};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// One of our programs, running; it is killed when it is dropped.
struct Program {
    child: Child,
    /// `host:port`.
    place: String,
}

impl Program {
    async fn start(path: &str, words: &[&str]) -> Self {
        let mut command = Command::new(path);
        command.args(words).kill_on_drop(true);
        let (child, address) = listening(command, path).await;
        Self { child, place: address.trim_start_matches("tcp://").to_owned() }
    }

    async fn registry(words: &[&str]) -> Self {
        Self::start(env!("CARGO_BIN_EXE_fleet-registry"), words).await
    }

    /// A server that makes itself known at these registries, every quarter of a second.
    async fn server(registries: &[&Self]) -> Self {
        let urls: Vec<_> = registries.iter().map(|registry| registry.url()).collect();
        let mut words = vec!["tcp://127.0.0.1:0", "every=250"];
        words.extend(urls.iter().map(String::as_str));
        Self::start(env!("CARGO_BIN_EXE_fleet-server"), &words).await
    }

    fn url(&self) -> String {
        format!("http://{}", self.place)
    }

    /// `kill -9`.
    async fn kill(mut self) -> String {
        self.child.kill().await.expect("a child can be killed");
        self.place
    }

    /// `kill -TERM`, and its end.
    async fn end(mut self) {
        let id = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill is there");
        assert!(told.success());
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        assert!(ended.expect("it ends in time").expect("it was waited for").success());
    }
}

fn builder() -> client::Builder {
    Client::builder().scheme(ferrywire_registry::Scheme)
}

async fn discovered(registries: &[&Program]) -> Client {
    let places: Vec<_> = registries.iter().map(|registry| registry.place.as_str()).collect();
    let url = format!("registry+http://{}/Arith", places.join(","));
    builder().discover(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// The servers that a client knows, `host:port`.
fn known(client: &Client) -> BTreeSet<String> {
    let servers = client.servers().expect("it discovers").servers;
    servers.iter().map(|server| server.endpoint.address.to_string().replace("tcp://", "")).collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn places<'p>(programs: impl IntoIterator<Item = &'p Program>) -> BTreeSet<String> {
    programs.into_iter().map(|program| program.place.clone()).collect()
}

/// Callers that go on until they are told to end.
struct Load {
    callers: Vec<JoinHandle<Ended>>,
    is_over: Arc<AtomicBool>,
}

/// What has become of calls.
#[derive(Debug, Default)]
struct Ended {
    answered: usize,
    /// Nobody knows whether they ran; the moments, and what was said.
    unknown: Vec<(Instant, String)>,
    /// Anything else, which must not be.
    failed: Vec<String>,
}

impl Load {
    fn of(client: &Client, callers: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let callers = (0..callers as i64).map(|caller| {
            let (arith, is_over) = (ArithClient::new(client.clone()), is_over.clone());
            tokio::spawn(async move {
                let mut ended = Ended::default();
                let mut number = caller;
                while !is_over.load(Ordering::Relaxed) {
                    number += 8;
                    match arith.multiply(Args { a: number, b: 7 }).await {
                        Ok(product) if product == number * 7 => ended.answered += 1,
                        Ok(product) => ended.failed.push(format!("{number} × 7 = {product}")),
                        Err(error) if error.code() == Code::Unavailable && error.may_have_run() => {
                            ended.unknown.push((Instant::now(), format!("{error:?}")));
                        }
                        Err(error) => ended.failed.push(error.to_string()),
                    }
                }
                ended
            })
        });
        Self { callers: callers.collect(), is_over }
    }

    async fn end(self) -> Ended {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Ended::default();
        for caller in self.callers {
            let ended = caller.await.expect("no caller panicked");
            all.answered += ended.answered;
            all.unknown.extend(ended.unknown);
            all.failed.extend(ended.failed);
        }
        all
    }
}

const CALLERS: usize = 8;

/// A server that dies costs the calls that it was holding, at most one of each caller, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_costs_the_calls_that_it_held() {
    let registry = Program::registry(&[]).await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Program::server(&[&registry]).await);
    }
    let client = discovered(&[&registry]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    let load = Load::of(&client, CALLERS);
    tokio::time::sleep(Duration::from_millis(500)).await;

    let killed_at = Instant::now();
    let dead = servers.remove(0).kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let status = client.servers().expect("it discovers").servers;
    let status = status.iter().find(|server| server.endpoint.address.to_string().ends_with(&dead));
    assert!(status.is_none_or(|server| server.is_down || server.is_ejected), "{status:?}");
    let ended = load.end().await;
    assert_eq!(ended.failed, Vec::<String>::new());
    assert!(ended.answered > 1_000 && ended.unknown.len() <= CALLERS, "{ended:?}");
    let late = ended.unknown.iter().filter(|(at, _)| *at > killed_at + Duration::from_secs(1)).count();
    assert_eq!(late, 0, "no call met the dead server a second after its end");
    println!("killed: {} calls answered, {} lost", ended.answered, ended.unknown.len());
}

/// R12 and F12: who is told to end leaves the list first, and no call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_told_to_end_cost_no_call() {
    let registry = Program::registry(&[]).await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Program::server(&[&registry]).await);
    }
    let client = discovered(&[&registry]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    let load = Load::of(&client, CALLERS);

    for _ in 0..3 {
        servers.remove(0).end().await;
        servers.push(Program::server(&[&registry]).await);
        until("the new one is known", || known(&client) == places(&servers)).await;
    }

    let ended = load.end().await;
    assert_eq!((ended.failed, ended.unknown), (Vec::new(), Vec::new()));
    println!("rolled: {} calls answered", ended.answered);
}

/// F2: a registry that comes back empty is told again by all, and meanwhile its clients keep the list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_restarts_empty_costs_no_call() {
    let registry = Program::registry(&[]).await;
    let mut servers = vec![Program::server(&[&registry]).await, Program::server(&[&registry]).await];
    let client = discovered(&[&registry]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    let load = Load::of(&client, CALLERS);

    let place = registry.kill().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let registry = Program::registry(&[&format!("tcp://{place}")]).await;
    // That it is listened to again is seen by a third server.
    servers.push(Program::server(&[&registry]).await);
    until("the third is known", || known(&client) == places(&servers)).await;

    let ended = load.end().await;
    assert_eq!((ended.failed, ended.unknown), (Vec::new(), Vec::new()));
    println!("registry restarted: {} calls answered", ended.answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_with_a_snapshot_comes_back_with_its_fleet() {
    let snapshot = std::env::temp_dir().join(format!("ferrywire-fleet-{}.json", std::process::id()));
    let words = snapshot.to_str().expect("the folder's name is text").to_owned();
    let registry = Program::registry(&["tcp://127.0.0.1:0", &words]).await;
    let servers = [Program::server(&[&registry]).await, Program::server(&[&registry]).await];
    let client = discovered(&[&registry]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    // It is written once a second at most.
    until("it is written", || {
        let written = std::fs::read_to_string(&snapshot).unwrap_or_default();
        servers.iter().all(|server| written.contains(&server.place))
    })
    .await;

    let (place, expected) = (registry.kill().await, places(&servers));
    for server in servers {
        // Nobody beats any more.
        server.kill().await;
    }
    let registry = Program::registry(&[&format!("tcp://{place}"), &words]).await;

    assert_eq!(known(&discovered(&[&registry]).await), expected);
    let _ = std::fs::remove_file(snapshot);
}

/// F1, later: a registry that is gone costs nothing, but for what it would have told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_lost_costs_no_call() {
    let registry = Program::registry(&[]).await;
    let servers = [Program::server(&[&registry]).await, Program::server(&[&registry]).await];
    let client = discovered(&[&registry]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    let load = Load::of(&client, CALLERS);

    registry.kill().await;
    until("it is missed", || client.servers().expect("it discovers").source.lost_for.is_some()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let ended = load.end().await;
    assert_eq!((ended.failed, ended.unknown), (Vec::new(), Vec::new()));
    assert_eq!(known(&client), places(&servers));
}

/// F4: of two registries one is enough, for servers and for clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_registries_one_is_enough() {
    let (one, other) = (Program::registry(&[]).await, Program::registry(&[]).await);
    let mut servers = vec![Program::server(&[&one, &other]).await, Program::server(&[&one, &other]).await];
    let client = discovered(&[&one, &other]).await;
    until("all are known", || known(&client) == places(&servers)).await;
    let load = Load::of(&client, CALLERS);

    let gone = one.place.clone();
    one.kill().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let words = ["tcp://127.0.0.1:0", "every=250", &format!("http://{gone}"), &other.url()];
    servers.push(Program::start(env!("CARGO_BIN_EXE_fleet-server"), &words).await);
    until("the third is known", || known(&client) == places(&servers)).await;

    let ended = load.end().await;
    assert_eq!((ended.failed, ended.unknown), (Vec::new(), Vec::new()));
}
