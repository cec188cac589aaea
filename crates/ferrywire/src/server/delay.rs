//! A stream whose replies wait: nothing leaves sooner than so long after the latest bytes have come that it can answer.
//!
//! For clients that die of a reply that comes before they expect one. Nobody else pays for them: the connection and its driver
//! see a peer that takes its time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::timer::{self, Timer};
use crate::transport::Stream;

/// The stream, on which every reply waits for `delay` since its request was read; as it is, if that is no time.
pub(super) fn replies(stream: Stream, delay: Duration) -> Stream {
    if delay.is_zero() {
        return stream;
    }
    // The first request may have been read already.
    let read_at = Arc::new(Mutex::new(Instant::now()));
    let reader = Noted { reader: stream.reader, read_at: read_at.clone() };
    let writer = Delayed {
        writer: stream.writer,
        read_at,
        delay,
        let_go: 0,
        until: Instant::now(),
        timer: Timer::default(),
    };
    Stream { reader: Box::new(reader), writer: Box::new(writer), peer: stream.peer }
}

/// The receiving half, of which is known when something last came.
struct Noted {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    read_at: Arc<Mutex<Instant>>,
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Poll::Ready(Ok(()))
    }
}

/// The sending half.
///
/// What is offered at once waits at once, and what is offered later waits behind it: a batch is the answer to nothing that
/// comes after it was offered.
struct Delayed {
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    read_at: Arc<Mutex<Instant>>,
    delay: Duration,
    /// How many bytes of the batch that was last offered have not been taken.
    let_go: usize,
    /// Until when they wait.
    until: Instant,
    timer: Timer,
}

impl AsyncWrite for Delayed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.let_go == 0 {
            let read_at = *this.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            (this.let_go, this.until) = (bytes.len(), timer::later(read_at, this.delay));
        }
        while Instant::now() < this.until {
            this.timer.by(this.until);
            ready!(this.timer.poll(cx));
        }
        let batch = bytes.get(..this.let_go).unwrap_or(bytes);
        let taken = ready!(Pin::new(&mut this.writer).poll_write(cx, batch))?;
        this.let_go -= taken.min(this.let_go);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::peer::Peer;

    const DELAY: Duration = Duration::from_millis(10);

    /// A delayed stream, and its other end.
    fn delayed() -> (Stream, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(ours);
        (replies(Stream::new(reader, writer, Peer::named("test")), DELAY), theirs)
    }

    async fn sent(stream: &mut Stream, bytes: &[u8]) -> Duration {
        let began = Instant::now();
        stream.writer.write_all(bytes).await.unwrap();
        began.elapsed()
    }

    async fn hears(stream: &mut Stream, peer: &mut (impl AsyncWrite + Unpin)) {
        peer.write_all(b"request").await.unwrap();
        stream.reader.read_exact(&mut [0; 7]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_waits_since_its_request_was_read() {
        let (mut stream, mut peer) = delayed();
        hears(&mut stream, &mut peer).await;
        tokio::time::sleep(DELAY / 2).await;

        assert_eq!(sent(&mut stream, b"reply").await, DELAY / 2);
        // A slow method's reply has waited enough.
        assert_eq!(sent(&mut stream, b"another").await, Duration::ZERO);
        hears(&mut stream, &mut peer).await;
        assert_eq!(sent(&mut stream, b"the last").await, DELAY);
        let mut came = [0; 20];
        peer.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"replyanotherthe last");
    }

    /// What waits does not wait longer for what comes meanwhile.
    #[tokio::test(start_paused = true)]
    async fn requests_without_end_hold_back_no_reply() {
        let (mut stream, mut peer) = delayed();
        hears(&mut stream, &mut peer).await;
        let Stream { mut reader, mut writer, .. } = stream;
        let busy = tokio::spawn(async move {
            loop {
                peer.write_all(b"request").await.unwrap();
                reader.read_exact(&mut [0; 7]).await.unwrap();
                tokio::time::sleep(DELAY / 10).await;
            }
        });

        let began = Instant::now();
        writer.write_all(b"reply").await.unwrap();

        assert_eq!(began.elapsed(), DELAY);
        busy.abort();
    }

    /// A batch that the peer takes in parts waits once.
    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_once_however_it_is_taken() {
        let (ours, mut peer) = tokio::io::duplex(3);
        let (reader, writer) = tokio::io::split(ours);
        let mut stream = replies(Stream::new(reader, writer, Peer::named("test")), DELAY);
        let reading = tokio::spawn(async move {
            let mut came = [0; 20];
            peer.read_exact(&mut came).await.unwrap();
            (came, peer)
        });

        assert_eq!(sent(&mut stream, &[7; 20]).await, DELAY);

        assert_eq!(reading.await.unwrap().0, [7; 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_delay_is_no_delay() {
        let (ours, mut peer) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(ours);
        let mut stream = replies(Stream::new(reader, writer, Peer::named("test")), Duration::ZERO);
        hears(&mut stream, &mut peer).await;

        assert_eq!(sent(&mut stream, b"reply").await, Duration::ZERO);
    }
}
