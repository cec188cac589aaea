//! What must hold of plain HTTP for any bytes whatever: hyper finds the requests, ours judges and answers them.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrywire::protocol::opening::{Opening, opening};
use ferrywire::transport::{Peer, Stream};
use ferrywire::{Error, Limits, Result, Server, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::promises::cuts;

/// The site whose pages may call.
const ALLOWED: &str = "https://app.example.org";

#[service]
trait Echo {
    async fn say(&self, text: String) -> Result<String>;
    fn sum(&self, a: i64, b: i64) -> i64;
}

/// Counts what has run.
struct Counted(Arc<AtomicUsize>);

impl Echo for Counted {
    async fn say(&self, text: String) -> Result<String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if text.is_empty() { Err(Error::from("nothing\r\nwas: said")) } else { Ok(text) }
    }

    fn sum(&self, a: i64, b: i64) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        a.wrapping_add(b)
    }
}

/// What a connection has come to.
struct Ended {
    written: Vec<u8>,
    ran: usize,
}

thread_local! {
    static SERVER: (Server, Arc<AtomicUsize>) = {
        let ran = Arc::new(AtomicUsize::new(0));
        let mut limits = Limits::default();
        // What short inputs reach.
        (limits.http_head_len_max, limits.frame_len_max, limits.http_headers_max) = (1024, 2048, 16);
        let server = Server::builder().register(EchoServer::new(Counted(ran.clone()))).limits(limits);
        (server.allow_origin(ALLOWED).build().unwrap(), ran)
    };
}

/// Sends `bytes` in parts, one when nothing moves any more behind the one before, and hears what is said to the end.
fn served(bytes: &[u8], parts: &[usize]) -> Ended {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    SERVER.with(|(server, ran)| {
        let before = ran.load(Ordering::Relaxed);
        let written = runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            let (reader, writer) = tokio::io::split(theirs);
            let serving = tokio::spawn(server.serve(Stream::new(reader, writer, Peer::named("fuzz"))));
            let talking = talked(ours, bytes, parts);
            let written = tokio::time::timeout(Duration::from_secs(600), talking).await;
            let written = written.expect("a connection ends with what its peer has to say");
            tokio::time::timeout(Duration::from_secs(600), serving).await.expect("serving ends").unwrap();
            written
        });
        Ended { written, ran: ran.load(Ordering::Relaxed) - before }
    })
}

async fn talked(mut stream: DuplexStream, bytes: &[u8], parts: &[usize]) -> Vec<u8> {
    let (mut sent, mut written) = (0, Vec::new());
    for len in parts.iter().copied().chain([bytes.len()]) {
        let to = bytes.len().min(sent + len);
        // A server may stop to read and hang up; what it has said by then counts.
        if stream.write_all(&bytes[sent..to]).await.is_err() {
            break;
        }
        sent = to;
        // The clock goes on when everybody waits.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _ = stream.shutdown().await;
    stream.read_to_end(&mut written).await.unwrap();
    written
}

/// A response without its body, and without its date and its length: pages say how often what was called.
#[derive(Debug, PartialEq)]
struct Response {
    status: u16,
    headers: Vec<String>,
}

/// Takes a server's words apart; a body is as long as its head says.
fn responses(mut rest: &[u8]) -> Vec<Response> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let head_len =
            rest.windows(4).position(|window| window == b"\r\n\r\n").expect("a head has an end") + 4;
        let (head, behind) = rest.split_at(head_len);
        let head = std::str::from_utf8(head).expect("a head is text");
        assert!(head.chars().all(|letter| letter == '\r' || letter == '\n' || (' '..='~').contains(&letter)));
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap_or_default();
        assert!(status.starts_with("HTTP/1.1 ") || status.starts_with("HTTP/1.0 "), "{status}");
        let status: u16 = status[9..12].parse().expect("a status is a number");
        let headers: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
        assert!(headers.iter().all(|line| line.contains(": ")), "{head}");
        let len = headers.iter().find_map(|line| line.strip_prefix("content-length: "));
        let len = len.map_or(0, |len| len.parse().expect("a length is a number"));
        assert!(len <= behind.len(), "a body of {len} bytes has {}", behind.len());
        assert!(!headers.iter().any(|line| line.starts_with("transfer-encoding")), "{head}");
        rest = &behind[len..];
        // Whether it is said depends on whether the body has come already.
        if status != 100 {
            let changes = |line: &String| line.starts_with("date: ") || line.starts_with("content-length: ");
            let headers = headers.into_iter().filter(|line| !changes(line)).collect();
            found.push(Response { status, headers });
        }
    }
    found
}

/// Whether the first head has what only browsers send, and does not come from the site that may call.
fn is_of_a_stranger(bytes: &[u8]) -> bool {
    let is_blank = |at: usize| bytes[at..].starts_with(b"\n\n") || bytes[at..].starts_with(b"\n\r\n");
    let head_len = (0..bytes.len()).find(|at| is_blank(*at)).unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..head_len]).to_ascii_lowercase();
    let has = |name: &str| head.contains(&format!("\n{name}:"));
    ["origin", "referer", "cookie"].into_iter().any(has) && !head.contains(ALLOWED)
}

/// Requests are answered one by one, each in whole, alike however they are cut; pages of strangers are not.
pub fn http_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let is_tunnel = bytes.starts_with(b"CONNECT ") || bytes.starts_with(b"PRI ");
    if opening(bytes, &Limits::default()) != Opening::Http || is_tunnel {
        return;
    }
    let mut parts = cuts(choice, bytes.len());
    parts.truncate(200);

    let whole = served(bytes, &[]);
    let cut = served(bytes, &parts);

    assert!(whole.ran == 0 || bytes.windows(5).any(|window| window == b"POST "), "only a POST runs a method");
    // The answer to HEAD says how long a body would be.
    if bytes.windows(5).any(|window| window == b"HEAD ") {
        return;
    }
    let (whole_said, cut_said) = (responses(&whole.written), responses(&cut.written));
    if is_of_a_stranger(bytes) {
        assert!(whole_said.first().is_none_or(|response| response.status >= 400), "{whole_said:?}");
    }
    // While it comes in parts, time goes by.
    if bytes.windows(8).any(|window| window.eq_ignore_ascii_case(b"timeout:")) {
        return;
    }
    // What cannot be read may be too long as well, or end too soon: which is found first, depends on how it comes, and an end alone
    // is not answered.
    let certain = |said: &[Response]| said.iter().take_while(|response| response.status < 400).count();
    let (in_whole, in_parts) = (certain(&whole_said), certain(&cut_said));
    assert_eq!(whole_said[..in_whole], cut_said[..in_parts], "{parts:?}");
}
