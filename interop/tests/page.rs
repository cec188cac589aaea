//! The page at `/debug/rpc`, read as whoever reads Go's would read it: the same layout, services, methods,
//! and counts.
#![allow(clippy::unwrap_used, reason = "in a test, a failure is the report")]

use std::process::Stdio;

use ferrywire::Client;
use ferrywire::protocol::NetRpc;
use ferrywire_interop::harness::{Go, Ours, Tally, Transport};
use ferrywire_interop::zoo::{Args, ArithClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

static TALLY: Tally = Tally::new("the page of services", 2);

/// A page as it is read: what stands between the marks of its layout.
#[derive(Debug, PartialEq)]
struct Page {
    services: Vec<(String, Vec<Method>)>,
}

#[derive(Debug, PartialEq)]
struct Method {
    name: String,
    argument: String,
    reply: String,
    calls: String,
}

impl Page {
    /// What our page must say where Go's says this.
    fn on_the_wire(self) -> Self {
        let method = |method: Method| Method {
            argument: on_the_wire(&method.argument),
            reply: format!("*{}", on_the_wire(&method.reply)),
            ..method
        };
        let service =
            |(name, methods): (String, Vec<Method>)| (name, methods.into_iter().map(method).collect());
        Self { services: self.services.into_iter().map(service).collect() }
    }
}

/// Reads Go's layout, whatever the space between its parts.
fn read(page: &str) -> Page {
    let words: Vec<&str> = page.split_whitespace().collect();
    let page = words.join(" ");
    let page = page.strip_prefix("<html> <body> <title>Services</title> ").expect("the head of Go's page");
    let page = page.strip_suffix("</body> </html>").expect("the foot of Go's page");
    let services = page.split_terminator("</table>").map(str::trim).filter(|service| !service.is_empty());
    Page { services: services.map(read_service).collect() }
}

fn read_service(service: &str) -> (String, Vec<Method>) {
    let rest = service.strip_prefix("<hr> Service ").expect("a rule before a service");
    let (name, rest) = rest.split_once(" <hr> <table> ").expect("a rule and a table behind its name");
    let head = "<th align=center>Method</th><th align=center>Calls</th>";
    let rows = rest.strip_prefix(head).expect("the head of a table").trim();
    (name.to_owned(), rows.split_terminator("</tr>").map(read_method).collect())
}

fn read_method(row: &str) -> Method {
    let cells = row.trim().strip_prefix("<tr> <td align=left font=fixed>").expect("a row of two cells");
    let (method, calls) = cells.split_once(") error</td> <td align=center>").expect("a method and its calls");
    let (name, types) = method.split_once('(').expect("types behind a method's name");
    let (argument, reply) = types.split_once(", ").expect("an argument and a reply");
    let calls = calls.trim().strip_suffix("</td>").expect("the end of a cell");
    Method {
        name: name.to_owned(),
        argument: argument.to_owned(),
        reply: reply.to_owned(),
        calls: calls.to_owned(),
    }
}

/// Go's name of a type as far as the wire knows it: without packages, pointers and widths.
fn on_the_wire(go: &str) -> String {
    match go.trim_start_matches('*') {
        "interface {}" => "any",
        "[]uint8" => "[]byte",
        "uint64" => "uint",
        "int8" => "int",
        other => other.trim_start_matches("zoo."),
    }
    .to_owned()
}

async fn our_page() -> String {
    let server = Ours::start(Transport::Tcp).await;
    let client = Client::builder().protocol(NetRpc).connect(server.address()).await.unwrap();
    ArithClient::new(client).multiply(Args { a: 6, b: 7 }).await.unwrap();
    let place = server.address().trim_start_matches("tcp://");
    let mut stream = TcpStream::connect(place).await.unwrap();
    let request = format!("GET /debug/rpc HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, page) = reply.split_once("\r\n\r\n").expect("a head and a page");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/html; charset=utf-8"), "{head}");
    page.to_owned()
}

async fn our_page_is_read_as_gos_is(go: &Go) {
    let output = go.program("page").stdout(Stdio::piped()).output().await.unwrap();
    let theirs = read(&String::from_utf8(output.stdout).unwrap());

    let ours = read(&our_page().await);

    assert_eq!(ours, theirs.on_the_wire());
    let passed = ["layout", "services", "methods", "types", "calls"].map(|part| format!("page/{part}"));
    TALLY.add(go.run("tcp", passed.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_page_is_read_as_old_gos_is() {
    our_page_is_read_as_gos_is(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_page_is_read_as_new_gos_is() {
    our_page_is_read_as_gos_is(Go::newer()).await;
}
