//! Another protocol's messages in HTTP's bodies: a request is what is posted, its reply what is answered.
//!
//! A response belongs to the request before it, whatever its body says. The body is read first: what it tells counts more
//! than the status does.

use std::marker::PhantomData;
use std::time::Duration;

use super::replies::{answered, nothing, refused, unexpected};
use super::requests::{Lines, check};
use super::response::{Response, Responses};
use crate::body::{Body, Written};
use crate::codec::Format;
use crate::error::Result;
use crate::limits::Limits;
use crate::message::{Head, Read, Said};
use crate::protocol::tunnel::Tunnel;
use crate::protocol::{Protocol, ReadReplies, StandsAlone, Terms, WriteRequests};

/// A client's way of speaking `P` over HTTP, by `POST` to the path in the server's address: JSON-RPC, for one.
///
/// ```no_run
/// # async fn example() -> ferrywire::Result<()> {
/// use ferrywire::Client;
/// use ferrywire::protocol::{JsonRpc, Post};
///
/// let node = Client::builder().protocol(Post(JsonRpc)).connect("http://127.0.0.1:8545/").await?;
/// let height: String = node.call("eth_blockNumber", &()).await?;
/// # Ok(())
/// # }
/// ```
///
/// Calls, times, metadata and connections are as those of [`Http`](super::Http). Errors are what the body says, whatever the
/// status. A call [that nobody waits for](crate::Call::one_way) is what `P` has for that, a notification.
#[derive(Clone, Copy, Debug, Default)]
pub struct Post<P>(pub P);

impl<P: StandsAlone> Protocol for Post<P> {
    const NAME: &'static str = P::NAME;
    const TUNNEL: Option<Tunnel> = None;
    const RECONNECTS: bool = true;
    const IS_HTTP: bool = true;

    type Tag = P::Tag;
    type Word = P::Word;
    type ReadRequests = P::ReadRequests;
    type WriteReplies = P::WriteReplies;
    type WriteRequests = PostWriter<P>;
    type ReadReplies = PostReplies<P>;
}

/// Writes calls, each as the body of a request.
pub struct PostWriter<P: StandsAlone> {
    inner: P::WriteRequests,
    lines: Lines,
}

impl<P: StandsAlone> WriteRequests for PostWriter<P> {
    type Word = P::Word;

    fn new(terms: &Terms<'_>) -> Self {
        Self { inner: P::WriteRequests::new(terms), lines: Lines::new(terms) }
    }

    fn format(&self) -> Format {
        self.inner.format()
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        let mut message = Vec::new();
        self.inner.request(&mut message, id, head, timeout, written, body);
        let target = if self.lines.path.is_empty() { "/" } else { &self.lines.path };
        self.lines.put(out, target, self.inner.format(), message.len(), head, timeout);
        out.extend_from_slice(&message);
    }

    // What withdraws a call is that its connection is closed.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: P::Word) -> Result<bool> {
        self.inner.hear(&mut Vec::new(), word)
    }

    fn check(&self, head: &Head<'_>) -> Result<()> {
        check(head)
    }
}

impl<P: StandsAlone> std::fmt::Debug for PostWriter<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostWriter").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// Reads replies, each out of the body of a response: the first is that to the call with the id 1.
#[derive(Debug)]
pub struct PostReplies<P> {
    responses: Responses,
    limits: Limits,
    latest: u64,
    protocol: PhantomData<fn() -> P>,
}

impl<P: StandsAlone> ReadReplies for PostReplies<P> {
    type Word = P::Word;

    fn new(terms: &Terms<'_>) -> Self {
        let limits = terms.limits.clone();
        let body_len_max = limits.frame_len_max.saturating_add(P::ENVELOPE_LEN);
        Self { responses: Responses::new(&limits, body_len_max), limits, latest: 0, protocol: PhantomData }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, P::Word>>> {
        let Self { responses, limits, latest, .. } = self;
        Ok(match responses.read(bytes)? {
            Read::Message { message, used } => {
                let message = answered(latest, message, |response| outcome::<P>(response, limits));
                Read::Message { message, used }
            }
            Read::More { used } => Read::More { used },
            Read::End => Read::End,
        })
    }

    fn end(&mut self) -> Option<Said<'_, P::Word>> {
        let Self { responses, limits, latest, .. } = self;
        let response = responses.end()?;
        Some(answered(latest, response, |response| outcome::<P>(response, limits)))
    }
}

fn outcome<'b, P: StandsAlone>(response: &Response<'b>, limits: &Limits) -> Result<Body<'b>> {
    if let Some(outcome) = P::outcome(response.body, limits) {
        return outcome;
    }
    match response.head.status {
        200..300 if response.body.trim_ascii().is_empty() => Ok(nothing()),
        200..300 => Err(unexpected(response, P::NAME)),
        _ => Err(refused(response)),
    }
}
