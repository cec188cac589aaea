//! What the concurrency models play on: a wire between two banks, and the plainest protocol.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::body::{Body, Written};
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::message::{Answered, Ask, Asked, Head, Read, Said, Wanted};
use crate::protocol::{Protocol, ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests, tunnel};
use crate::sync::{Mutex, MutexGuard};
use crate::transport::{Peer, Stream};

/// Two streams that are each other's ends; so many bytes fit between them in each direction.
pub(crate) fn wire(room: usize) -> (Stream, Far) {
    let (to_server, from_client) = way(room);
    let (to_client, from_server) = way(room);
    let near = Stream::new(from_server, to_server, Peer::named("server"));
    (near, Far { reader: from_client, writer: to_client })
}

/// One direction.
pub(crate) fn way(room: usize) -> (Sender, Receiver) {
    let way = Arc::new(Way { state: Mutex::default(), room });
    (Sender { way: way.clone(), held: None }, Receiver(way))
}

struct Way {
    state: Mutex<State>,
    room: usize,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    has_ended: bool,
    is_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Way {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that bytes are put into.
pub(crate) struct Sender {
    way: Arc<Way>,
    /// What has been written and not been flushed, for one that buffers.
    held: Option<Vec<u8>>,
}

impl Sender {
    /// Sends what is written when it is told to, as encrypting streams do.
    pub(crate) fn buffering(mut self) -> Self {
        self.held = Some(Vec::new());
        self
    }

    fn poll_put(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let reader = {
            let mut state = self.way.state();
            if state.is_gone {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let taken = bytes.len().min(self.way.room - state.bytes.len());
            if taken == 0 {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            state.bytes.extend_from_slice(&bytes[..taken]);
            (state.reader.take(), taken)
        };
        if let (Some(reader), _) = &reader {
            reader.wake_by_ref();
        }
        Poll::Ready(Ok(reader.1))
    }

    fn end(&self) {
        let reader = {
            let mut state = self.way.state();
            state.has_ended = true;
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl AsyncWrite for Sender {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.held {
            Some(held) => {
                held.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            None => self.poll_put(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(held) = self.held.as_ref().filter(|held| !held.is_empty()) {
            let put = ready!(self.poll_put(cx, held))?;
            self.held.get_or_insert_default().drain(..put);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

/// The end that bytes come out of.
pub(crate) struct Receiver(Arc<Way>);

impl AsyncRead for Receiver {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let writer = {
            let mut state = self.0.state();
            if state.bytes.is_empty() && !state.has_ended {
                // As a socket does: of all that ever asked, the latest is told.
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let taken = state.bytes.len().min(room.remaining());
            room.put_slice(&state.bytes[..taken]);
            state.bytes.drain(..taken);
            state.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let writer = {
            let mut state = self.0.state();
            state.is_gone = true;
            state.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

/// The other end of a wire, played by a model itself.
pub(crate) struct Far {
    pub(crate) reader: Receiver,
    pub(crate) writer: Sender,
}

impl Far {
    /// The next message, unless the other side has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let mut message = [0; 3];
        self.reader.read_exact(&mut message).await.is_ok().then_some(message)
    }

    /// Says something; whether the other side is still there.
    pub(crate) async fn say(&mut self, message: Message) -> bool {
        self.writer.write_all(&message).await.is_ok() && self.writer.flush().await.is_ok()
    }
}

/// What it is, whose it is, and a value.
pub(crate) type Message = [u8; 3];

pub(crate) const CALL: u8 = b'c';
pub(crate) const ONE_WAY: u8 = b'o';
pub(crate) const CANCEL: u8 = b'x';
pub(crate) const PING: u8 = b'p';
pub(crate) const PONG: u8 = b'q';
pub(crate) const REPLY: u8 = b'r';
pub(crate) const ERROR: u8 = b'e';
pub(crate) const LEAVE: u8 = b'l';
pub(crate) const MORE: u8 = b'm';

/// Messages of three bytes each: what it is, the call's id, the argument's or the reply's one byte.
#[derive(Debug)]
pub(crate) struct Plain {
    /// How many calls the server runs at once, once it has said [`MORE`].
    calls_max: Option<usize>,
}

impl Protocol for Plain {
    const NAME: &'static str = "plain";
    const TUNNEL: Option<tunnel::Tunnel> = None;

    type Tag = u8;
    type Word = u8;
    type ReadRequests = Plain;
    type WriteReplies = Plain;
    type WriteRequests = Plain;
    type ReadReplies = Plain;
}

fn body(bytes: &[u8]) -> Body<'_> {
    Body { format: Format::Postcard, bytes, types: None, shared: None }
}

impl ReadRequests for Plain {
    type Tag = u8;
    type Word = u8;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { calls_max: None }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Asked<'b, u8, u8>>> {
        let [kind, tag, _, ..] = *bytes else {
            return Ok(Read::More { used: 0 });
        };
        let message = match kind {
            CALL | ONE_WAY => {
                let (method, body) = (Wanted::Numbered(0), Ok(body(&bytes[2..3])));
                Asked::Call(Ask { tag, method, body, timeout: None, metadata: None, packed: None })
            }
            CANCEL => Asked::Cancel { target: tag, reply_to: None },
            word => Asked::Word(word),
        };
        Ok(Read::Message { message, used: 3 })
    }
}

impl WriteReplies for Plain {
    type Tag = u8;
    type Word = u8;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { calls_max: None }
    }

    fn open(&self, out: &mut Vec<u8>, tag: &u8, _method: &[u8], _format: Format) {
        out.extend([REPLY, *tag]);
    }

    fn close(&mut self, out: &mut Vec<u8>, at: usize, _body_at: usize, _tag: &u8, _written: Written) {
        assert_eq!(out.len() - at, 3, "a reply has one byte");
    }

    fn refuse(&mut self, out: &mut Vec<u8>, tag: &u8, _method: &[u8], error: &Error) {
        out.extend([ERROR, *tag, u8::from(error.may_have_run())]);
    }

    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &u8) {}

    fn hear(&mut self, out: &mut Vec<u8>, word: u8) -> Result<bool> {
        if word == PING {
            out.extend([PONG, 0, 0]);
        }
        Ok(false)
    }

    fn leave(&mut self, out: &mut Vec<u8>, last: Option<&u8>, _error: Option<&Error>) {
        out.extend([LEAVE, last.copied().unwrap_or(0), 0]);
    }
}

impl WriteRequests for Plain {
    type Word = u8;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { calls_max: None }
    }

    fn format(&self) -> Format {
        Format::Postcard
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        head: &Head<'_>,
        _timeout: Option<Duration>,
        _written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        out.extend([if head.is_one_way { ONE_WAY } else { CALL }, id as u8, body[0]]);
    }

    fn cancel(&mut self, out: &mut Vec<u8>, id: u64) {
        out.extend([CANCEL, id as u8, 0]);
    }

    fn hear(&mut self, out: &mut Vec<u8>, word: u8) -> Result<bool> {
        match word {
            PING => out.extend([PONG, 0, 0]),
            MORE => self.calls_max = Some(8),
            _ => {}
        }
        Ok(false)
    }

    fn calls_max(&self) -> Option<usize> {
        self.calls_max
    }
}

impl ReadReplies for Plain {
    type Word = u8;

    fn new(_terms: &Terms<'_>) -> Self {
        Self { calls_max: None }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, u8>>> {
        let [kind, id, value, ..] = *bytes else {
            return Ok(Read::More { used: 0 });
        };
        let answered =
            |outcome| Said::Answer(Answered { id: id.into(), outcome, metadata: None, packed: None });
        let message = match kind {
            REPLY => answered(Ok(body(&bytes[2..3]))),
            ERROR => {
                let error = Error::new(Code::Aborted, "refused").remote();
                answered(Err(if value == 0 { error.not_executed() } else { error }))
            }
            LEAVE => {
                let error = Error::new(Code::Unavailable, "the server leaves");
                Said::Leaving { last: Some(id.into()), error }
            }
            word => Said::Word(word),
        };
        Ok(Read::Message { message, used: 3 })
    }
}
