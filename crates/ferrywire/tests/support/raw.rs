//! Peers on which a test says every byte itself, and hears every message.

use std::time::Duration;

use ferrywire::body::{Body, Sink};
use ferrywire::codec::{Format, Shape};
use ferrywire::message::{Asked, Head, Read, Said};
use ferrywire::protocol::netrpc::{Replies, ReplyWriter, RequestWriter, Requests};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};
use ferrywire::transport::{Address, Listen, Memory, Place, Stream, Tcp, Transport, Unix};
use ferrywire::{Error, Limits, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::in_time;

/// A caller in bytes.
pub(crate) struct RawClient {
    stream: Stream,
    writer: RequestWriter,
    replies: Replies,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for RawClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawClient").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// A stream to an address, whatever its transport.
pub(crate) async fn dial(address: &Address, memory: &Memory) -> Stream {
    let transport: &dyn Transport = match address.place() {
        Place::Tcp(_) => &Tcp,
        Place::Unix(_) => &Unix,
        _ => memory,
    };
    in_time("a raw connection stands", transport.dial(address.place())).await.unwrap()
}

impl RawClient {
    pub(crate) async fn dial(address: &Address, memory: &Memory) -> Self {
        Self::over(dial(address, memory).await)
    }

    pub(crate) fn over(stream: Stream) -> Self {
        let limits = loose();
        Self {
            stream,
            writer: RequestWriter::new(&Terms::new(&limits)),
            replies: Replies::new(&Terms::new(&limits)),
            bytes: Vec::new(),
        }
    }

    /// A request as bytes, its definitions included where they were not sent before.
    pub(crate) fn request<A>(&mut self, id: u64, method: &str, argument: &A) -> Vec<u8>
    where
        A: Serialize + Deserialize<'static>,
    {
        let (mut out, mut body) = (Vec::new(), Vec::new());
        let mut sink = Sink::new(Format::Gob, &mut body);
        sink.put(argument, &Shape::of::<A>()).unwrap();
        let mut written = sink.written;
        self.writer.request(&mut out, id, &Head::of(method), None, &mut written, &mut body);
        out
    }

    /// A request whose body, definitions included, is these bytes.
    pub(crate) fn request_of(&mut self, id: u64, method: &str, body: &[u8]) -> Vec<u8> {
        let mut out = self.request(id, method, &0_i64);
        out.truncate(out.len() - b"\x03\x04\x00\x00".len());
        out.extend_from_slice(body);
        out
    }

    pub(crate) fn cancel(&mut self, id: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.writer.cancel(&mut out, id);
        out
    }

    /// Sends bytes; the peer may have closed.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.writer.write_all(bytes).await?;
        self.stream.writer.flush().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        in_time("bytes are taken", self.try_send(bytes)).await.unwrap();
    }

    pub(crate) async fn ask<A>(&mut self, id: u64, method: &str, argument: &A)
    where
        A: Serialize + Deserialize<'static>,
    {
        let request = self.request(id, method, argument);
        self.send(&request).await;
    }

    /// Ends our direction.
    pub(crate) async fn half_close(&mut self) {
        self.stream.writer.shutdown().await.unwrap();
    }

    /// Ends our direction; the peer may have closed.
    pub(crate) async fn try_half_close(&mut self) -> std::io::Result<()> {
        self.stream.writer.shutdown().await
    }

    /// The next reply, whatever its id; `None` once the server has closed.
    pub(crate) async fn reply<R: DeserializeOwned>(&mut self) -> Option<(u64, Result<R>)> {
        loop {
            match self.replies.read(&self.bytes).unwrap() {
                Read::Message { message: Said::Answer(message), used } => {
                    let reply = (message.id, message.outcome.and_then(|body| body.decode()));
                    self.bytes.drain(..used);
                    return Some(reply);
                }
                Read::More { used } => {
                    self.bytes.drain(..used);
                }
                Read::Message { message: Said::Leaving { .. }, .. } => panic!("net/rpc has no farewell"),
                Read::End => return None,
            }
            if self.read_some().await == 0 {
                return None;
            }
        }
    }

    /// Reads once; nothing if the server has closed.
    pub(crate) async fn read_some(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = in_time("the server answers or closes", self.stream.reader.read(&mut chunk)).await;
        let came = read.unwrap_or(0);
        self.bytes.extend_from_slice(&chunk[..came]);
        came
    }

    /// The error that the next reply must be.
    pub(crate) async fn refusal(&mut self) -> (u64, Error) {
        let (id, outcome) = self.reply::<serde::de::IgnoredAny>().await.expect("a reply, not a close");
        (id, outcome.expect_err("an error reply"))
    }

    /// The next reply must be this.
    pub(crate) async fn hears<R>(&mut self, id: u64, expected: R)
    where
        R: DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let (came, outcome) = self.reply::<R>().await.expect("a reply, not a close");
        assert_eq!((came, outcome.unwrap()), (id, expected));
    }

    /// The next replies must be these, in whatever order.
    pub(crate) async fn hears_all<R>(&mut self, mut expected: Vec<(u64, R)>)
    where
        R: DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        while !expected.is_empty() {
            let (id, outcome) = self.reply::<R>().await.expect("a reply, not a close");
            let reply = (id, outcome.unwrap());
            let at = expected.iter().position(|one| *one == reply);
            expected.swap_remove(at.unwrap_or_else(|| panic!("{reply:?} is none of {expected:?}")));
        }
    }

    /// The server closes, whatever it says before; says what came until then.
    pub(crate) async fn is_closed(&mut self) -> Vec<u8> {
        while self.read_some().await > 0 {}
        std::mem::take(&mut self.bytes)
    }

    /// Whether the server closes within this time.
    pub(crate) async fn closes_within(&mut self, time: Duration) -> bool {
        let mut chunk = [0; 4096];
        let closed = async { while self.stream.reader.read(&mut chunk).await.unwrap_or(0) > 0 {} };
        tokio::time::timeout(time, closed).await.is_ok()
    }
}

/// What a server in bytes was asked, with the argument where it is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Call { id: u64, method: String, number: Option<i64> },
    Cancel { target: u64, reply_to: Option<u64> },
}

/// An answerer in bytes.
pub(crate) struct RawServer {
    stream: Stream,
    requests: Requests,
    writer: ReplyWriter,
    bytes: Vec<u8>,
}

impl RawServer {
    pub(crate) fn over(stream: Stream) -> Self {
        let limits = loose();
        Self {
            stream,
            requests: Requests::new(&Terms::new(&limits)),
            writer: ReplyWriter::new(&Terms::new(&limits)),
            bytes: Vec::new(),
        }
    }

    /// The next connection of a listener.
    pub(crate) async fn accept(listener: &mut Box<dyn Listen>) -> Self {
        Self::over(in_time("somebody connects", listener.accept()).await.unwrap())
    }

    /// The next message; `None` once the client has closed.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        loop {
            let used = match self.requests.read(&self.bytes).unwrap() {
                Read::Message { message, used } => {
                    let heard = match message {
                        Asked::Call(ask) => Heard::Call {
                            id: ask.tag,
                            method: String::from_utf8_lossy(ask.method.name().unwrap()).into_owned(),
                            number: ask.body.ok().and_then(|body: Body<'_>| body.decode().ok()),
                        },
                        Asked::Cancel { target, reply_to } => Heard::Cancel { target, reply_to },
                        Asked::Withdrawn(_) => unreachable!("a gob request comes as a whole"),
                        Asked::Word(word) => match word {},
                    };
                    self.bytes.drain(..used);
                    return Some(heard);
                }
                Read::More { used } => used,
                Read::End => return None,
            };
            self.bytes.drain(..used);
            let mut chunk = [0; 4096];
            let read = in_time("the client says something", self.stream.reader.read(&mut chunk)).await;
            match read.unwrap_or(0) {
                0 => return None,
                came => self.bytes.extend_from_slice(&chunk[..came]),
            }
        }
    }

    /// The id of the next message, which must be a call.
    pub(crate) async fn hear_call(&mut self) -> u64 {
        match self.hear().await {
            Some(Heard::Call { id, .. }) => id,
            other => panic!("expected a call, heard {other:?}"),
        }
    }

    /// A reply as bytes.
    pub(crate) fn reply<R>(&mut self, id: u64, method: &str, reply: &R) -> Vec<u8>
    where
        R: Serialize + Deserialize<'static>,
    {
        let mut out = Vec::new();
        self.writer.open(&mut out, &id, method.as_bytes(), Format::Gob);
        let body_at = out.len();
        let mut sink = Sink::new(Format::Gob, &mut out);
        sink.put(reply, &Shape::of::<R>()).unwrap();
        let written = sink.written;
        self.writer.close(&mut out, 0, body_at, &id, written);
        out
    }

    /// An error reply as bytes.
    pub(crate) fn refusal(&mut self, id: u64, method: &str, error: &Error) -> Vec<u8> {
        let mut out = Vec::new();
        self.writer.refuse(&mut out, &id, method.as_bytes(), error);
        out
    }

    pub(crate) async fn answer<R>(&mut self, id: u64, method: &str, reply: &R)
    where
        R: Serialize + Deserialize<'static>,
    {
        let bytes = self.reply(id, method, reply);
        self.send(&bytes).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        in_time("bytes are taken", self.stream.writer.write_all(bytes)).await.unwrap();
        self.stream.writer.flush().await.unwrap();
    }
}

/// A test reads and writes more than the library would.
fn loose() -> Limits {
    Limits::trusted_network()
}
