//! A server of which a test says every byte.

use ferrywire::client;
use ferrywire::protocol::Protocol;
use ferrywire::transport::{Listen, Memory, Stream, Transport};
use ferrywire::{Client, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::in_time;

/// Where clients connect.
pub(crate) struct Canned {
    memory: Memory,
    listener: Box<dyn Listen>,
}

/// One connection.
pub(crate) struct Line {
    stream: Stream,
    bytes: Vec<u8>,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(": ").is_some_and(|(it, _)| it.eq_ignore_ascii_case(name));
        Some(self.head.lines().find(named)?.split_once(": ")?.1)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Canned {
    pub(crate) async fn new() -> Self {
        let memory = Memory::new();
        let address: ferrywire::transport::Address = "memory://canned".parse().unwrap();
        let listener = memory.listen(address.place()).await.unwrap();
        Self { memory, listener }
    }

    pub(crate) fn client<P: Protocol>(&self, protocol: P) -> Client {
        self.client_with(protocol, Limits::default())
    }

    pub(crate) fn client_with<P: Protocol>(&self, protocol: P, limits: Limits) -> Client {
        self.builder().protocol(protocol).limits(limits).lazy("memory://canned").unwrap()
    }

    pub(crate) fn builder(&self) -> client::Builder {
        Client::builder().memory(&self.memory)
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Line {
        let stream = in_time("somebody connects", self.listener.accept()).await.unwrap();
        Line { stream, bytes: Vec::new() }
    }

    /// Nobody else connects as long as everybody goes on.
    pub(crate) async fn is_left_alone(&mut self) {
        let accepted = tokio::time::timeout(std::time::Duration::from_millis(100), self.listener.accept());
        assert!(accepted.await.is_err(), "somebody connects");
    }
}

impl Line {
    /// The next request.
    pub(crate) async fn request(&mut self) -> Request {
        self.try_request().await.expect("a request, not a close")
    }

    /// The next request; `None` once the client has closed.
    pub(crate) async fn try_request(&mut self) -> Option<Request> {
        loop {
            let head = self.bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
            if let Some(head_len) = head {
                let head = String::from_utf8(self.bytes[..head_len].to_vec()).unwrap();
                let request = Request { head, body: Vec::new() };
                let len: usize = request.header("content-length").unwrap().parse().unwrap();
                if self.bytes.len() >= head_len + len {
                    let body = self.bytes[head_len..head_len + len].to_vec();
                    self.bytes.drain(..head_len + len);
                    return Some(Request { body, ..request });
                }
            }
            if self.read_some().await == 0 {
                return None;
            }
        }
    }

    /// Reads once; nothing if the client has closed.
    pub(crate) async fn read_some(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = in_time("the client says something", self.stream.reader.read(&mut chunk)).await;
        let came = read.unwrap_or(0);
        self.bytes.extend_from_slice(&chunk[..came]);
        came
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        in_time("bytes are taken", self.stream.writer.write_all(bytes.as_ref())).await.unwrap();
        self.stream.writer.flush().await.unwrap();
    }

    /// Answers the next request so.
    pub(crate) async fn answer(&mut self, response: impl AsRef<[u8]>) -> Request {
        let request = self.request().await;
        self.say(response).await;
        request
    }

    /// Ends the server's direction.
    pub(crate) async fn end(&mut self) {
        self.stream.writer.shutdown().await.unwrap();
    }

    /// The client closes without another word.
    pub(crate) async fn is_closed(&mut self) {
        assert!(self.try_request().await.is_none(), "another request came");
        assert!(self.bytes.is_empty(), "a part of a request came");
    }
}

/// A response with this body.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
