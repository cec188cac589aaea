//! A registry that is none: it answers everything with the same bytes.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Where it is, and how often it was asked.
pub(crate) struct Fake {
    pub(crate) place: String,
    asked: Arc<AtomicUsize>,
}

impl Fake {
    /// Says `reply` to everybody and closes; says nothing, and does not close, if that is `None`.
    pub(crate) async fn saying(reply: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (reply, count) = (reply.clone(), count.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut request).await.is_ok_and(|len| len > 0) {
                            continue;
                        }
                        return;
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    match reply {
                        Some(reply) => {
                            let _ = stream.write_all(&reply).await;
                            let _ = stream.shutdown().await;
                            while stream.read_buf(&mut request).await.is_ok_and(|len| len > 0) {}
                        }
                        None => std::future::pending().await,
                    }
                });
            }
        });
        Self { place, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A response of HTTP.
pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    Some(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

const JSON: &str = "Content-Type: application/json\r\n";

/// What no registry that is one says, and why it is not believed.
pub(crate) fn wrong_replies() -> Vec<(Option<Vec<u8>>, &'static str)> {
    let list = "{\"epoch\":\"e\",\"version\":1,\"servers\":[]}";
    let padded = format!("{{\"epoch\":\"{}\",\"version\":1,\"servers\":[]}}", "e".repeat(16 * 1024 * 1024));
    vec![
        (reply("500 Internal Server Error", "", ""), "it says 500"),
        (reply("503 Service Unavailable", JSON, "{\"code\":\"unavailable\",\"message\":\"busy\"}"), "busy"),
        (reply("302 Found", "Location: http://127.0.0.1:1/\r\n", ""), "it says 302"),
        (reply("200 OK", "Content-Type: text/html\r\n", "<html></html>"), "application/json"),
        (reply("200 OK", "", list), "application/json"),
        (reply("200 OK", JSON, "<html></html>"), "expected value"),
        (reply("200 OK", JSON, ""), "EOF"),
        (reply("200 OK", JSON, "{\"epoch\":1}"), "invalid type"),
        (reply("200 OK", JSON, &padded), "limit"),
        (Some(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_vec()), ""),
        (Some(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "HTTP"),
        (Some(b"\x00\x01\x02\x03".to_vec()), "HTTP"),
        (Some(Vec::new()), ""),
        (Some([b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 2 * 1024 * 1024]].concat()), ""),
    ]
}
