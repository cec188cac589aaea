//! Reads a stream through a buffer that the thread lends: a connection that waits owns no buffer.
//!
//! Whole messages are handled where they were read. Only the beginning of a message whose rest has not
//! come is copied to the connection's own tail.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// What a thread lends for one read. Larger than what usually comes, so that a read is short, which tells
/// the runtime without another system call that nothing is left.
const SCRATCH_LEN: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A tail's buffer that is not longer is kept: a peer that sends much cuts most reads inside a message.
const TAIL_KEPT_LEN: usize = 4 * 1024;

/// The bytes that have come and are not done with.
#[derive(Debug, Default)]
pub(crate) struct Input {
    tail: Vec<u8>,
    /// The beginning of another large body is expected, which is then read where it belongs.
    expects_large: bool,
}

/// What is read where a large body is expected: what precedes it, and little of it that would be copied.
const LITTLE_LEN: usize = 1024;

impl Input {
    /// Begins with bytes that were read before.
    pub(crate) fn starting_with(bytes: Vec<u8>) -> Self {
        Self { tail: bytes, expects_large: false }
    }

    /// The bytes that are not done with.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Shows the bytes that are not done with to `take`, which says how many it is done with.
    pub(crate) fn retry(&mut self, take: impl FnOnce(&[u8]) -> usize) {
        let used = take(&self.tail);
        self.drop_front(used);
    }

    /// Reads once, and shows what there is now to `take`, which says how many bytes it is done with.
    /// Returns how many bytes came; none means that the peer's direction has ended.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut (dyn AsyncRead + Send + Unpin),
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        if self.expects_large {
            // More than that has come. If it is no large body, which would be expected again by landing, it is
            // read as usual from now on.
            let read = self.poll_read_up_to(LITTLE_LEN, cx, reader, take);
            self.expects_large = !matches!(read, Poll::Ready(Ok(LITTLE_LEN..)));
            return read;
        }
        self.poll_read_up_to(SCRATCH_LEN, cx, reader, take)
    }

    #[inline]
    fn poll_read_up_to(
        &mut self,
        len: usize,
        cx: &mut Context<'_>,
        reader: &mut (dyn AsyncRead + Send + Unpin),
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut scratch = SCRATCH.take().unwrap_or_else(|| vec![0; SCRATCH_LEN].into());
        if self.tail.is_empty() {
            let mut room = ReadBuf::new(scratch.get_mut(..len).unwrap_or_default());
            let read = Pin::new(reader).poll_read(cx, &mut room);
            let bytes = room.filled();
            let came = bytes.len();
            if came > 0 {
                let used = take(bytes);
                if used < came {
                    self.keep(bytes.get(used..).unwrap_or_default());
                }
            }
            SCRATCH.set(Some(scratch));
            return read.map_ok(|()| came);
        }
        // A short tail moves in front of what comes; a long one, of a large message, has what comes added.
        let ahead = if self.tail.len() <= SCRATCH_LEN / 4 { self.tail.len() } else { 0 };
        let (front, back) = scratch.split_at_mut(ahead);
        front.copy_from_slice(self.tail.get(..ahead).unwrap_or_default());
        let back = if len < back.len() { back.split_at_mut(len).0 } else { back };
        let mut room = ReadBuf::new(back);
        let read = Pin::new(reader).poll_read(cx, &mut room);
        let came = room.filled().len();
        if came > 0 {
            let bytes = scratch.get(..ahead + came).unwrap_or_default();
            if ahead == self.tail.len() {
                let used = take(bytes);
                self.keep(bytes.get(used..).unwrap_or_default());
            } else {
                self.tail.extend_from_slice(bytes);
                self.retry(take);
            }
        }
        SCRATCH.set(Some(scratch));
        ready!(read)?;
        Poll::Ready(Ok(came))
    }

    /// Reads once, straight behind what `buffer` holds, which grows to `until` bytes at most. What came behind
    /// these, `slack` bytes at most, joins the bytes that are not done with. Returns how many bytes came in all.
    ///
    /// Only while there are no such bytes: they would have come before.
    pub(crate) fn poll_land(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut (dyn AsyncRead + Send + Unpin),
        buffer: &mut Vec<u8>,
        until: usize,
        slack: usize,
    ) -> Poll<io::Result<usize>> {
        let room = buffer.capacity() - buffer.len();
        let wanted = (until + slack).saturating_sub(buffer.len());
        let mut place = (&mut *buffer).limit(wanted.min(room));
        let came = ready!(pin!(reader.read_buf(&mut place)).poll(cx))?;
        self.tail.extend_from_slice(buffer.get(until..).unwrap_or_default());
        buffer.truncate(until);
        self.expects_large = true;
        Poll::Ready(Ok(came))
    }

    /// Keeps the beginning of a message.
    fn keep(&mut self, rest: &[u8]) {
        self.tail.clear();
        if self.tail.capacity() > TAIL_KEPT_LEN && rest.len() <= TAIL_KEPT_LEN {
            self.tail = Vec::new();
        }
        self.tail.extend_from_slice(rest);
    }

    fn drop_front(&mut self, used: usize) {
        if used >= self.tail.len() {
            self.keep(&[]);
        } else if used > 0 {
            self.tail.drain(..used);
        }
    }

    /// Gives back the tail's memory while nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.tail.is_empty() {
            self.tail = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_beginning_of_a_message_waits_for_its_rest() {
        let (mut reader, mut input) = (&b"ab"[..], Input::starting_with(b"1".to_vec()));
        let mut seen = Vec::new();

        let came = std::future::poll_fn(|cx| {
            input.poll_read(cx, &mut reader, |bytes| {
                seen.push(bytes.to_vec());
                2
            })
        });

        assert_eq!(came.await.unwrap(), 2);
        assert_eq!(seen, [b"1ab".to_vec()]);
        assert_eq!(input.tail(), b"b");
    }

    #[tokio::test]
    async fn a_large_body_lands_where_it_belongs_and_what_follows_it_does_not() {
        let mut reader = &b"body|next"[..];
        let (mut input, mut buffer) = (Input::default(), Vec::with_capacity(20));
        buffer.extend_from_slice(b"the ");

        let came = std::future::poll_fn(|cx| input.poll_land(cx, &mut reader, &mut buffer, 8, 3)).await;

        assert_eq!(came.unwrap(), 7);
        assert_eq!(buffer, b"the body");
        assert_eq!(input.tail(), b"|ne");
        assert_eq!(reader, b"xt");
    }
}
