//! The header protocol of WgRPC and GeeRPC, byte for byte: old servers register, old clients find them.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use ferrywire::Server;
use ferrywire_registry::{Registry, WithRegistry};
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::{after, from, here};

mod support;

/// A registry on a port, to be asked in bytes.
struct Stand(String);

impl Stand {
    async fn new() -> Self {
        let server = Server::builder().with_registry(&Registry::builder().build());
        let server = server.bind("tcp://127.0.0.1:0").await.unwrap();
        let place = server.address().to_string().replace("tcp://", "");
        tokio::spawn(server.run());
        Self(place)
    }

    /// What comes back, but for the date.
    async fn says(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.0).await.unwrap();
        let request = request.replace("HOST", &self.0);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        let lines = said.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        lines.collect()
    }
}

/// What Go's `http.Client` sends.
fn beat(path: &str, header: &str, address: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: HOST\r\nUser-Agent: Go-http-client/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{header}: {address}\r\nAccept-Encoding: gzip\r\n\r\n"
    )
}

fn list(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: HOST\r\nUser-Agent: Go-http-client/1.1\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"
    )
}

const END: &str = "X-Content-Type-Options: nosniff\r\nConnection: close\r\n";

#[tokio::test]
async fn both_families_are_answered_in_their_own_bytes() {
    for (path, server, servers) in [
        ("/wgrpc/registry", "X-Wgrpc-Server", "X-Wgrpc-Servers"),
        ("/_geerpc_/registry", "X-Geerpc-Server", "X-Geerpc-Servers"),
    ] {
        let stand = Stand::new().await;
        let ok = |servers: &str| {
            let (head, tail) = END.split_once('\n').unwrap();
            format!("HTTP/1.1 200 OK\r\n{servers}{head}\n{tail}Content-Length: 0\r\n\r\n")
        };
        let same = |ours: &str, theirs: &str| {
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert!(ours.starts_with("HTTP/1.1 200 OK\r\n") && ours.ends_with("\r\n\r\n"), "{ours}");
            assert_eq!(sorted(ours), sorted(theirs));
        };

        same(&stand.says(&list(path)).await, &ok(&format!("{servers}: \r\n")));
        same(&stand.says(&beat(path, server, "tcp@[::]:40002")).await, &ok(""));
        same(&stand.says(&beat(path, server, "tcp@127.0.0.1:40001")).await, &ok(""));
        same(&stand.says(&beat(path, server, "http@127.0.0.1:40003")).await, &ok(""));
        let all = "http@127.0.0.1:40003,tcp@127.0.0.1:40001,tcp@[::]:40002";
        same(&stand.says(&list(path)).await, &ok(&format!("{servers}: {all}\r\n")));
    }
}

/// Rows H2 and H3: nothing that a browser sends for a page changes what is registered, or reads it.
#[tokio::test]
async fn no_web_page_registers_a_server() {
    let stand = Stand::new().await;
    let address = "tcp@127.0.0.1:40001";

    for header in [
        "Origin: http://evil.test",
        "Sec-Fetch-Site: same-origin",
        "Referer: http://evil.test/",
        "Cookie: a=b",
    ] {
        let beat = beat("/wgrpc/registry", "X-Wgrpc-Server", &format!("{address}\r\n{header}"));
        assert!(stand.says(&beat).await.starts_with("HTTP/1.1 403 "), "{header}");
        let list = list("/registry/v1/servers").replace("Accept-Encoding: gzip", header);
        assert!(stand.says(&list).await.starts_with("HTTP/1.1 403 "), "{header}");
    }
    let rebound = beat("/wgrpc/registry", "X-Wgrpc-Server", address).replace("HOST", "evil.test");
    assert!(stand.says(&rebound).await.starts_with("HTTP/1.1 403 "));

    assert!(stand.says(&list("/wgrpc/registry")).await.contains("X-Wgrpc-Servers: \r\n"));
}

#[tokio::test]
async fn a_beat_without_an_address_is_answered_as_theirs_is() {
    let stand = Stand::new().await;

    for request in [beat("/wgrpc/registry", "X-Other", "y"), beat("/wgrpc/registry", "X-Wgrpc-Server", "")] {
        let said = stand.says(&request).await;

        assert!(said.starts_with("HTTP/1.1 500 ") && said.ends_with("\r\n\r\n"), "{said}");
    }
    for method in ["PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"] {
        let request = list("/wgrpc/registry").replace("GET", method);

        assert!(stand.says(&request).await.starts_with("HTTP/1.1 405 "), "{method}");
    }
}

/// Rows F7 and R12 of the family's defects: one address a request, and nothing that a list or a header would be split by.
#[tokio::test]
async fn one_registration_names_one_address() {
    let stand = Stand::new().await;

    for address in [
        "tcp@127.0.0.1:1,tcp@127.0.0.1:2",
        "tcp@127.0.0.1:1\r\nX-Wgrpc-Server: tcp@127.0.0.1:2",
        "tcp@127.0.0.1:1 tcp@127.0.0.1:2",
        "tcp@127.0.0.1:\u{1}1",
        "tcp@127.0.0.1",
        "127.0.0.1:1",
        "tcp@127.0.0.1:0",
        "tcp@127.0.0.1:65536",
        "unix@/tmp/a.sock",
        "tcp@é:1",
        "x",
    ] {
        let said = stand.says(&beat("/wgrpc/registry", "X-Wgrpc-Server", address)).await;

        assert!(said.starts_with("HTTP/1.1 400 "), "{address:?}: {said}");
    }
    assert!(stand.says(&list("/wgrpc/registry")).await.contains("X-Wgrpc-Servers: \r\n"));
}

/// A registry of the family fails on an empty list.
#[tokio::test(start_paused = true)]
async fn an_empty_registry_answers_an_empty_list() {
    let registry = Registry::builder().build();

    for (path, servers) in
        [("/wgrpc/registry", "x-wgrpc-servers"), ("/_geerpc_/registry", "x-geerpc-servers")]
    {
        let list = here(&registry).get(path).await;

        assert_eq!((list.status().as_u16(), &list.headers()[servers]), (200, &"".parse().unwrap()));
        assert!(list.body().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_server_is_listed_for_five_minutes() {
    let registry = Registry::builder().build();
    let beat = || Request::post("/_geerpc_/registry").header("x-geerpc-server", "tcp@127.0.0.1:40001");
    assert_eq!(here(&registry).ask(beat(), "").await.status(), 200);
    after(240.0).await;
    assert_eq!(here(&registry).ask(beat(), "").await.status(), 200);

    after(299.9).await;
    let list = here(&registry).get("/_geerpc_/registry").await;
    assert_eq!(list.headers()["x-geerpc-servers"], "tcp@127.0.0.1:40001");
    after(0.2).await;

    let list = here(&registry).get("/_geerpc_/registry").await;
    assert_eq!((list.status().as_u16(), &list.headers()["x-geerpc-servers"]), (200, &"".parse().unwrap()));
    assert!(registry.is_empty());
}

#[tokio::test(start_paused = true)]
async fn both_apis_list_the_same_servers() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    here.registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"], "weight": 3})).await;
    here.registers(json!({"address": "tcp://127.0.0.1:2", "health": "draining"})).await;
    let beat = |address: &str| Request::post("/wgrpc/registry").header("x-wgrpc-server", address);
    here.ask(beat("tcp@127.0.0.1:3"), "").await;

    // A beat says nothing of the services: what was said of them stands, and the longer time holds.
    here.ask(beat("tcp@127.0.0.1:1"), "").await;
    after(100.0).await;

    let list = here.get("/wgrpc/registry").await;
    assert_eq!(list.headers()["x-wgrpc-servers"], "tcp@127.0.0.1:1,tcp@127.0.0.1:3");
    let all = here.list("").await;
    assert_eq!(all["servers"][0]["services"], json!(["Arith"]));
    assert_eq!(all["servers"][0]["weight"], 3);
    assert_eq!(all["servers"][1]["address"], "tcp://127.0.0.1:3");
    assert_eq!(here.addresses("?service=Arith").await, ["tcp://127.0.0.1:1"]);
}

#[tokio::test(start_paused = true)]
async fn old_servers_elsewhere_are_let_in_on_a_trusted_network_only() {
    let mut settings = ferrywire_registry::Settings::default();
    let beat = |address: &str| Request::post("/wgrpc/registry").header("x-wgrpc-server", address);
    let strict = Registry::builder().settings(settings.clone()).build();
    assert_eq!(from(&strict, "10.0.0.7").ask(beat("tcp@10.0.0.7:1"), "").await.status(), 403);

    settings.trusts_network = true;
    let open = Registry::builder().settings(settings).build();
    assert_eq!(from(&open, "10.0.0.7").ask(beat("tcp@10.0.0.7:1"), "").await.status(), 200);
    assert_eq!(from(&open, "10.0.0.7").ask(beat("tcp@[::]:2"), "").await.status(), 200);
    assert_eq!(from(&open, "10.0.0.7").ask(beat("tcp@10.0.0.8:1"), "").await.status(), 403);
    assert_eq!(from(&open, "10.0.0.7").ask(beat("tcp@127.0.0.1:1"), "").await.status(), 403);

    let list = here(&open).get("/wgrpc/registry").await;
    assert_eq!(list.headers()["x-wgrpc-servers"], "tcp@10.0.0.7:1,tcp@10.0.0.7:2");
}
