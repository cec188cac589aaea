//! Who speaks HTTP in bytes.

use ferrywire::transport::{Address, Memory, Stream};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::raw::dial;
use crate::support::{Rig, in_time};

/// A connection that speaks HTTP.
pub(crate) struct Caller {
    pub(crate) stream: Stream,
    bytes: Vec<u8>,
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(": ").is_some_and(|(it, _)| it.eq_ignore_ascii_case(name));
        Some(self.head.lines().find(named)?.split_once(": ")?.1)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status and the body.
    pub(crate) fn said(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

/// A `POST` with these header lines beside those that every request has.
pub(crate) fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:7001\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What `curl -d` sends.
pub(crate) fn curl(path: &str, body: &str) -> Vec<u8> {
    let headers =
        ["User-Agent: curl/7.88.1", "Accept: */*", "Content-Type: application/x-www-form-urlencoded"];
    post(path, &headers, body.as_bytes())
}

pub(crate) const JSON: &str = "Content-Type: application/json";

impl Caller {
    pub(crate) async fn of(rig: &Rig) -> Self {
        Self::at(&rig.address, &rig.memory).await
    }

    pub(crate) async fn at(address: &Address, memory: &Memory) -> Self {
        Self { stream: dial(address, memory).await, bytes: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        in_time("bytes are taken", self.stream.writer.write_all(bytes)).await.unwrap();
        self.stream.writer.flush().await.unwrap();
    }

    pub(crate) async fn half_close(&mut self) {
        self.stream.writer.shutdown().await.unwrap();
    }

    /// Sends a request and waits for its response.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Response {
        self.send(request).await;
        self.response().await
    }

    /// Sends what `curl -d` does, and waits for the response.
    pub(crate) async fn curl(&mut self, path: &str, body: &str) -> Response {
        self.ask(&curl(path, body)).await
    }

    /// The next response.
    pub(crate) async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        let len: usize = response.header("content-length").map_or(0, |len| len.parse().unwrap());
        while self.bytes.len() < len {
            assert!(self.read().await > 0, "the body of {response:?} ends");
        }
        response.body = self.bytes.drain(..len).collect();
        response
    }

    /// The head of the next response.
    pub(crate) async fn head(&mut self) -> Response {
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read().await > 0, "expected a response: {:?}", String::from_utf8_lossy(&self.bytes));
        };
        let head = String::from_utf8(self.bytes.drain(..end).collect()).unwrap();
        let status = head.strip_prefix("HTTP/1.").unwrap()[2..5].parse().unwrap();
        Response { status, head, body: Vec::new() }
    }

    async fn read(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = in_time("the server answers or closes", self.stream.reader.read(&mut chunk)).await;
        let came = read.unwrap_or(0);
        self.bytes.extend_from_slice(&chunk[..came]);
        came
    }

    /// Everything that the server says until it closes.
    pub(crate) async fn all(&mut self) -> String {
        while self.read().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned()
    }

    /// The server says nothing more, and closes.
    pub(crate) async fn is_closed(&mut self) {
        while self.read().await > 0 {}
        assert_eq!(String::from_utf8_lossy(&self.bytes), "");
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(rig: &Rig, request: &[u8]) -> Response {
    Caller::of(rig).await.ask(request).await
}
