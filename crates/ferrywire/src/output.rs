//! What is being sent on a stream, and how much of it has been: one write for all that has gathered.
//!
//! The buffers that batches gather in are lent by the thread: a connection with nothing to send owns none.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// The bytes on their way to a socket.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    sent: usize,
    total: u64,
}

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A longer buffer is not kept by the thread: as much as a connection lets wait by default.
const SPARE_KEPT_LEN: usize = 1024 * 1024;

/// Gives `out` a buffer to gather in, if it has none.
#[inline]
pub(crate) fn lend(out: &mut Vec<u8>) {
    if out.capacity() == 0 {
        *out = SPARE.take();
    }
}

/// Gives the thread a buffer that is not needed.
#[inline]
pub(crate) fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= SPARE_KEPT_LEN {
        buffer.clear();
        SPARE.set(buffer);
    }
}

impl Output {
    /// Whether everything that was taken in hand has been sent.
    pub(crate) fn is_done(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// How many bytes are in hand and not sent.
    pub(crate) fn left(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// All bytes that the stream has ever taken.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Takes `bytes` in hand, and gives the buffer that is free for them. Only when everything is sent.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>) {
        self.sent = 0;
        self.buffer.clear();
        std::mem::swap(&mut self.buffer, bytes);
    }

    /// Gives the buffer away, once everything in it has been sent.
    pub(crate) fn rest(&mut self) {
        if self.is_done() {
            self.sent = 0;
            give_back(std::mem::take(&mut self.buffer));
        }
    }

    /// Sends what is in hand. Pending if the stream takes no more.
    pub(crate) fn send(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.buffer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *writer).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => {
                    self.sent += sent;
                    self.total += sent as u64;
                }
                Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is in hand, and what `refill` swaps in for an empty buffer, until it swaps nothing in.
    /// Pending if the stream takes no more; what is in hand then stays.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
        mut refill: impl FnMut(&mut Vec<u8>),
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.send(cx, writer))?;
            self.sent = 0;
            self.buffer.clear();
            refill(&mut self.buffer);
            if self.buffer.is_empty() {
                give_back(std::mem::take(&mut self.buffer));
                // Buffering writers, such as standard output, send only when they are told to.
                return Pin::new(&mut *writer).poll_flush(cx);
            }
        }
    }
}
