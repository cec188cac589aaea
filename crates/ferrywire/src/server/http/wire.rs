//! A stream as hyper reads and writes it, which keeps the times that a peer has.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::pace::{End, Pace};
use crate::server::connection::Shared;
use crate::sync::Mutex;
use crate::timer::{self, Timer};
use crate::transport::Stream;

/// So long a call may go on whose caller has ended its direction: it may have closed, or may only have said all that it
/// has to say.
const GONE_AFTER: Duration = Duration::from_secs(1);

/// How long a connection that is done waits for its peer to end.
const LINGER: Duration = Duration::from_secs(1);

/// How long a peer is watched that takes its response slowly.
const PILE_WATCHED_FOR: Duration = Duration::from_secs(30);

/// A stream, and the times that its peer has.
pub(super) struct Wire {
    stream: Stream,
    /// What was read before hyper did, and how much of it is read.
    first: (Vec<u8>, usize),
    shared: Arc<Shared>,
    pace: Arc<Mutex<Pace>>,
    reading: Timer,
    writing: Timer,
    /// Since when the peer has ended its direction.
    peer_ended: Option<Instant>,
    /// Since when the peer has taken nothing.
    stalled: Option<Instant>,
    /// Since when more waits than may, and how much had been taken by then.
    piled_up: Option<(Instant, u64)>,
    taken: u64,
}

impl Wire {
    pub(super) fn new(stream: Stream, first: Vec<u8>, shared: Arc<Shared>, pace: Arc<Mutex<Pace>>) -> Self {
        Self {
            stream,
            first: (first, 0),
            shared,
            pace,
            reading: Timer::default(),
            writing: Timer::default(),
            peer_ended: None,
            stalled: None,
            piled_up: None,
            taken: 0,
        }
    }

    fn with_pace<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        // Whatever stands there is a stage.
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what there is; nothing if the peer has ended its direction.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, to: &mut ReadBufCursor<'_>) -> Poll<io::Result<usize>> {
        const CHUNK: usize = 16 * 1024;
        let (first, at) = &mut self.first;
        if let Some(rest) = first.get(*at..).filter(|rest| !rest.is_empty()) {
            let bytes = rest.get(..to.remaining()).unwrap_or(rest);
            to.put_slice(bytes);
            *at += bytes.len();
            let len = bytes.len();
            if *at == first.len() {
                self.first = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(len));
        }
        if self.peer_ended.is_some() {
            return Poll::Ready(Ok(0));
        }
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let len = to.remaining().min(CHUNK);
        let mut room = ReadBuf::uninit(chunk.get_mut(..len).unwrap_or_default());
        ready!(Pin::new(&mut self.stream.reader).poll_read(cx, &mut room))?;
        to.put_slice(room.filled());
        Poll::Ready(Ok(room.filled().len()))
    }

    /// Ends the connection if something has not come in its time.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((at, limit)) = self.with_pace(|pace| pace.deadline(&self.shared.limits)) {
            self.reading.by(at);
            let now = ready!(self.reading.poll(cx));
            if at <= now {
                self.shared.hits.note(limit);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Pending
    }

    /// Whether a caller that has ended its direction has had its time.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.peer_ended.get_or_insert_with(Instant::now);
        let at = since + GONE_AFTER;
        match self.with_pace(|pace| pace.end()) {
            End::Now => return Poll::Ready(()),
            End::NotYet => return Poll::Pending,
            End::Soon => {}
        }
        loop {
            self.reading.by(at);
            if at <= ready!(self.reading.poll(cx)) {
                return Poll::Ready(());
            }
        }
    }

    /// What writing has come to, of so many bytes.
    fn note_write(
        &mut self,
        cx: &mut Context<'_>,
        len: usize,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let limits = &self.shared.limits;
        if let Poll::Ready(Ok(sent)) = wrote {
            self.taken += sent as u64;
            self.stalled = None;
        }
        if len < limits.outbound_len_max {
            self.piled_up = None;
        }
        if wrote.is_ready() {
            return wrote;
        }
        let now = Instant::now();
        let stalled = timer::later(*self.stalled.get_or_insert(now), limits.stall_timeout);
        if len >= limits.outbound_len_max && self.piled_up.is_none() {
            self.piled_up = Some((now, self.taken));
        }
        loop {
            let piled_up = self.piled_up.map(|(since, _)| since + PILE_WATCHED_FOR);
            for at in [Some(stalled), piled_up].into_iter().flatten() {
                self.writing.by(at);
            }
            let now = ready!(self.writing.poll(cx));
            let mut passed = (stalled <= now).then_some("stall_timeout");
            if let Some((_, taken)) = self.piled_up
                && piled_up.is_some_and(|at| at <= now)
            {
                if self.taken - taken < limits.outbound_progress_min as u64 {
                    passed = Some("outbound_progress_min");
                }
                self.piled_up = Some((now, self.taken));
            }
            if let Some(limit) = passed {
                self.shared.hits.note(limit);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    /// Ends our direction, then waits a moment for the peer to end its own: a socket that is closed with unread bytes
    /// is reset, and a reset overtakes the response that is still on its way.
    pub(super) async fn close(mut self) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let closing = async {
            if self.stream.writer.shutdown().await.is_err() || self.peer_ended.is_some() {
                return;
            }
            let mut chunk = [0; 2048];
            while self.stream.reader.read(&mut chunk).await.is_ok_and(|len| len > 0) {}
        };
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        match wire.poll_bytes(cx, &mut buffer) {
            Poll::Ready(Ok(0)) => wire.poll_gone(cx).map(Ok),
            Poll::Ready(Ok(len)) => {
                wire.with_pace(|pace| pace.note_read(len));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(cause)) => Poll::Ready(Err(cause)),
            Poll::Pending => wire.poll_late(cx),
        }
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let wrote = Pin::new(&mut wire.stream.writer).poll_write(cx, bytes);
        wire.note_write(cx, bytes.len(), wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let len = slices.iter().map(|slice| slice.len()).sum();
        let wrote = Pin::new(&mut wire.stream.writer).poll_write_vectored(cx, slices);
        wire.note_write(cx, len, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.writer.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(Pin::new(&mut wire.stream.writer).poll_flush(cx))?;
        // The next request has its time from now on; until its first byte comes, nothing else looks at the clock.
        if wire.with_pace(Pace::note_sent)
            && let Poll::Ready(Err(cause)) = wire.poll_late(cx)
        {
            return Poll::Ready(Err(cause));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream.writer).poll_shutdown(cx)
    }
}
