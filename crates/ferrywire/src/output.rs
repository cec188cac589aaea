//! What is being sent on a stream, and how much of it has been: one write for all that has gathered. Long
//! stretches are sent from where they lie.
//!
//! The buffers that batches gather in are lent by the thread: a connection with nothing to send owns none.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// The bytes on their way to a socket.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    /// What of the buffer has been sent.
    sent: usize,
    /// What is to be sent between the buffer's bytes, each in front of the byte at its place, and has not been.
    splices: Vec<(usize, Bytes)>,
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

/// The most stretches that one write takes.
const SLICES_MAX: usize = 32;

impl Output {
    /// Whether everything that was taken in hand has been sent.
    pub(crate) fn is_done(&self) -> bool {
        self.sent == self.buffer.len() && self.splices.is_empty()
    }

    /// How many bytes are in hand and not sent.
    pub(crate) fn left(&self) -> usize {
        let flat = self.buffer.len() - self.sent;
        if self.splices.is_empty() {
            return flat;
        }
        flat + self.splices.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
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

    /// What is in hand, for more to be added to it.
    pub(crate) fn in_hand(&mut self) -> (&mut Vec<u8>, &mut Vec<(usize, Bytes)>) {
        (&mut self.buffer, &mut self.splices)
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
        if !self.splices.is_empty() {
            ready!(self.send_spliced(cx, writer))?;
        }
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

    /// Sends what is in hand up to its last splice, and as much behind that as goes along.
    #[cold]
    fn send_spliced(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Poll<io::Result<()>> {
        while !self.splices.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.gather(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            match ready!(Pin::new(&mut *writer).poll_write_vectored(cx, slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.advance(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What is to be sent next, in its order; returns how many slices these are.
    fn gather<'o>(&'o self, slices: &mut [IoSlice<'o>; SLICES_MAX]) -> usize {
        let mut from = self.sent;
        let (mut count, mut places) = (0, slices.iter_mut());
        let mut add = |bytes: &'o [u8]| {
            if !bytes.is_empty()
                && let Some(place) = places.next()
            {
                *place = IoSlice::new(bytes);
                count += 1;
            }
        };
        for (at, bytes) in self.splices.iter().take(SLICES_MAX / 2) {
            add(self.buffer.get(from..*at).unwrap_or_default());
            add(bytes);
            from = *at;
        }
        if self.splices.len() < SLICES_MAX / 2 {
            add(self.buffer.get(from..).unwrap_or_default());
        }
        count
    }

    /// So many more bytes have been sent.
    fn advance(&mut self, mut sent: usize) {
        self.total += sent as u64;
        let mut done = 0;
        for (at, bytes) in &mut self.splices {
            let before = sent.min(*at - self.sent);
            self.sent += before;
            sent -= before;
            if self.sent < *at || sent < bytes.len() {
                bytes.advance(sent);
                sent = 0;
                break;
            }
            sent -= bytes.len();
            done += 1;
        }
        self.splices.drain(..done);
        self.sent += sent;
    }

    /// Sends what is in hand, and what `refill` swaps in for an empty buffer, until it swaps nothing in.
    /// Pending if the stream takes no more; what is in hand then stays.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
        mut refill: impl FnMut(&mut Vec<u8>, &mut Vec<(usize, Bytes)>),
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.send(cx, writer))?;
            self.sent = 0;
            self.buffer.clear();
            refill(&mut self.buffer, &mut self.splices);
            if self.is_done() {
                give_back(std::mem::take(&mut self.buffer));
                // Buffering writers, such as standard output, send only when they are told to.
                return Pin::new(&mut *writer).poll_flush(cx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_lies_elsewhere_is_sent_between_the_bytes_however_little_the_stream_takes() {
        for takes in 1..40 {
            let (mut writer, mut reader) = tokio::io::duplex(takes);
            let mut output = Output::default();
            let mut flat = b"ab".to_vec();
            let splices = [(0, "zero"), (1, "one"), (1, "one more"), (2, "two")];
            output.take(&mut flat);
            let (_, places) = output.in_hand();
            places.extend(splices.map(|(at, bytes)| (at, Bytes::from(bytes))));
            assert_eq!(output.left(), 20);

            let sending = async {
                std::future::poll_fn(|cx| output.send(cx, &mut writer)).await.unwrap();
                drop(writer);
            };
            let mut came = String::new();
            let (_, read) = tokio::join!(sending, reader.read_to_string(&mut came));

            read.unwrap();
            assert_eq!(came, "zeroaoneone morebtwo", "{takes} bytes at a time");
            assert_eq!((output.is_done(), output.left(), output.total()), (true, 0, 20));
        }
    }

    #[tokio::test]
    async fn more_stretches_than_one_write_takes_are_sent_in_their_order() {
        let (mut writer, mut reader) = tokio::io::duplex(1 << 20);
        let mut output = Output::default();
        let mut flat: Vec<u8> = (0..100).collect();
        output.take(&mut flat);
        let (_, places) = output.in_hand();
        places.extend((0..100).map(|at| (at, Bytes::from(vec![at as u8; 3]))));

        std::future::poll_fn(|cx| output.send(cx, &mut writer)).await.unwrap();

        let mut came = vec![0; 400];
        reader.read_exact(&mut came).await.unwrap();
        assert!(came.chunks(4).enumerate().all(|(at, chunk)| chunk == [at as u8; 4]));
    }
}
