//! Registries of WgRPC and GeeRPC: Go's servers and clients at ours, and ours at theirs.

use std::time::Duration;

use ferrywire::protocol::{GeeRpc, WgRpc};
use ferrywire::{Client, Server, client};
use ferrywire_interop::harness::{Go, listening};
use ferrywire_interop::zoo::{self, Args, ArithClient};
use ferrywire_registry::{Announcer, Registry, Scheme, WithRegistry};
use tokio::process::Child;

/// The families, and where their registries are.
const FAMILIES: [(&str, &str); 2] = [("wgrpc", "/wgrpc/registry"), ("geerpc", "/_geerpc_/registry")];

fn speaking(family: &str) -> client::Builder {
    let builder = Client::builder().scheme(Scheme);
    if family == "wgrpc" { builder.protocol(WgRpc) } else { builder.protocol(GeeRpc) }
}

/// Our registry, in a server that has nothing else; `host:port`.
async fn our_registry() -> (Registry, String) {
    let registry = Registry::builder().build();
    let server = Server::builder().with_registry(&registry).bind("tcp://127.0.0.1:0").await;
    let server = server.expect("there is a free port");
    let place = server.address().to_string().trim_start_matches("tcp://").to_owned();
    tokio::spawn(server.run());
    (registry, place)
}

async fn go_server(go: &Go, family: &str, registry: &str) -> (Child, String) {
    let mut command = go.program("wgrpcserver");
    command.args(["-family", family, "-registry", registry, "-beat", "200ms"]);
    listening(command, "wgrpcserver").await
}

async fn go_registry(go: &Go, family: &str, timeout: &str) -> (Child, String) {
    let mut command = go.program("wgrpcregistry");
    command.args(["-family", family, "-timeout", timeout]);
    let (child, address) = listening(command, "wgrpcregistry").await;
    (child, address.trim_start_matches("tcp://").to_owned())
}

/// What the Go client says that looks for servers and calls each.
async fn go_finds(go: &Go, family: &str, registry: &str) -> String {
    let mut command = go.program("wgrpcfind");
    command.args(["-family", family, "-registry", registry]);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    let output = output.expect("it is done in time").expect("it runs");
    assert!(output.status.success(), "wgrpcfind at {registry}: {output:?}");
    String::from_utf8(output.stdout).expect("it says text")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} within 10 s");
}

async fn calls_all(client: Client, servers: usize) {
    let arith = ArithClient::new(client.clone());
    until("all servers are listed", async || {
        client.servers().is_some_and(|all| all.servers.len() == servers)
    })
    .await;
    let answers = arith.multiply(Args { a: 6, b: 7 }).broadcast().await.expect("all answer");
    assert_eq!(answers.into_iter().map(|(_, product)| product).collect::<Vec<_>>(), vec![42; servers]);
}

/// A Go server beats at our registry, and Go's and our clients find it there.
async fn go_servers_are_found(go: &Go) {
    for (family, path) in FAMILIES {
        let (registry, place) = our_registry().await;
        let url = format!("http://{place}{path}");
        let (_child, address) = go_server(go, family, &url).await;
        until("it has beaten", async || registry.len() == 1).await;

        let found = go_finds(go, family, &url).await;
        assert_eq!(found, format!("{}: 6 * 7 = 42\n", address.replace("://", "@")));
        for url in [format!("registry+http://{place}{path}"), format!("registry+http://{place}")] {
            calls_all(speaking(family).discover(&url).await.expect("the registry answers"), 1).await;
        }
    }
}

/// One of our servers is registered at our registry, and Go's clients of both families find it.
async fn our_servers_are_found(go: &Go) {
    let (registry, place) = our_registry().await;
    let announcer = Announcer::to(format!("http://{place}")).expect("that is a registry");
    let server =
        zoo::server().announce(announcer).bind("tcp://127.0.0.1:0").await.expect("there is a free port");
    let (address, handle) = (server.address().to_string(), server.handle());
    let running = tokio::spawn(server.run());
    until("it has beaten", async || registry.len() == 1).await;

    for (family, path) in FAMILIES {
        let found = go_finds(go, family, &format!("http://{place}{path}")).await;
        assert_eq!(found, format!("{}: 6 * 7 = 42\n", address.replace("://", "@")));
    }

    handle.shutdown();
    running.await.expect("no panic").expect("it ends");
    assert!(registry.is_empty(), "it has taken itself off the list");
}

/// One of our servers beats at a registry in Go, beside one in Go, and both sides' clients find both.
async fn our_servers_beat_at_gos_registry(go: &Go) {
    for (family, path) in FAMILIES {
        let (_registry, place) = go_registry(go, family, "1s").await;
        let url = format!("http://{place}{path}");
        let announcer = Announcer::to(&url).expect("that is a registry").every(Duration::from_millis(200));
        let server =
            zoo::server().announce(announcer).bind("tcp://127.0.0.1:0").await.expect("there is a free port");
        let running = tokio::spawn(server.run());
        let (_child, _) = go_server(go, family, &url).await;

        until("both have beaten", async || {
            let client = speaking(family).discover(&format!("registry+{url}")).await;
            client.is_ok_and(|client| client.servers().is_some_and(|all| all.servers.len() == 2))
        })
        .await;

        assert_eq!(go_finds(go, family, &url).await.matches("6 * 7 = 42").count(), 2);
        calls_all(speaking(family).discover(&format!("registry+{url}")).await.expect("it answers"), 2).await;
        running.abort();
    }
}

macro_rules! with_both {
    ($($name:ident)*) => {
        mod older {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Go::older()).await;
            })*
        }
        mod newer {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Go::newer()).await;
            })*
        }
    };
}

with_both! { go_servers_are_found our_servers_are_found our_servers_beat_at_gos_registry }
