//! A connection over which both sides call: one stream, an answering and a calling bank on each side.
//!
//! Each bank runs on a stream of its own, as if it were alone. What comes is sorted by the kind of frame, what goes
//! is merged at frames' ends. One task drives the stream and both banks. Connections that are called over one way
//! only have nothing to do with this.
//!
//! The connection ends when the answering bank has ended: it drains, or has something against the peer. When the
//! calling bank ends first, the [`Keeper`] tells the answering one.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::error::Error;
use crate::input::Input;
use crate::output::{self, Output};
use crate::protocol::Terms;
use crate::timer::{self, Timer};
use crate::transport::Stream;

mod back;
mod lanes;

pub(crate) use back::{Back, Beside, Way};

use lanes::{Ended, Lanes, Reader, Side, Writer};

/// A calling bank at work; it ends with the reason for that.
pub(crate) type Calling = Pin<Box<dyn Future<Output = Error> + Send>>;

/// What the side that runs both banks sees to.
pub(crate) trait Keeper: Send {
    /// Told once in a turn how many bytes wait between the connection and its banks, and whether calls are being
    /// made over it. Says whether it goes on.
    fn look(&mut self, held: usize, is_calling: bool) -> bool;

    /// The peer has ended its direction.
    fn peer_ended(&mut self);

    /// The calling bank has ended.
    fn calling_ended(&mut self, error: &Error);

    /// The peer takes nothing of what is to be sent.
    fn stalled(&mut self);
}

/// What a calling bank had against the peer, if it ended for that.
pub(crate) fn blame(error: &Error) -> Option<&Error> {
    std::error::Error::source(error)?.downcast_ref()
}

/// A stream that is shared by two banks.
pub(crate) struct Duplex {
    lanes: Arc<Lanes>,
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    input: Input,
    output: Output,
    /// So many requests are read while the answering bank reads none, if replies may stand behind them.
    calls_max: usize,
    stall_timeout: Duration,
    /// Since when the peer has taken nothing of what is to be sent.
    stalled: Option<Instant>,
    timer: Timer,
    /// Until when what is left is sent, once both banks have ended.
    closing: Option<Instant>,
}

/// So many calls are made before the peer's hello has said how many it runs at once; see the page on the protocol.
pub(crate) const CALLS_AT_FIRST: usize = 64;

/// The most rounds before other tasks have a turn.
const ROUNDS_MAX: usize = 16;
/// The most reads before the banks have a look.
const READS_MAX: usize = 4;

impl Duplex {
    /// Shares a stream, of which `first` has been read already, between an answering and a calling bank.
    ///
    /// As long as nobody `is_calling`, the calling bank gets the peer's greeting and nothing else.
    pub(crate) fn split(
        stream: Stream,
        first: &[u8],
        terms: &Terms<'_>,
        is_calling: bool,
    ) -> (Self, Stream, Stream) {
        let Stream { reader, writer, peer } = stream;
        let lanes = Lanes::new(is_calling);
        lanes.state().sort(first);
        let lane = |side| Stream {
            reader: Box::new(Reader::of(&lanes, side)),
            writer: Box::new(Writer::of(&lanes, side)),
            peer: peer.clone(),
        };
        let (answering, calling) = (lane(Side::Answering), lane(Side::Calling));
        let duplex = Self {
            lanes,
            reader,
            writer,
            input: Input::default(),
            output: Output::default(),
            calls_max: terms.limits.calls_per_connection_max.max(CALLS_AT_FIRST),
            stall_timeout: terms.limits.stall_timeout,
            stalled: None,
            timer: Timer::default(),
            closing: None,
        };
        (duplex, answering, calling)
    }

    /// The way back over the calling bank's stream, for whoever opens it later.
    pub(crate) fn back(&self, calling: Stream, terms: &Terms<'_>) -> Back {
        Back::closed(Way::new(calling, terms, self.lanes.clone()))
    }

    /// Drives the stream and both banks until the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream and drops both banks.
    pub(crate) async fn run(
        self,
        answering: impl Future<Output = ()>,
        mut calling: Option<Calling>,
        mut keeper: impl Keeper,
    ) {
        let mut answering = pin!(answering);
        let (mut is_answering, mut has_peer_ended) = (true, false);
        // Declared behind the banks, and so dropped before them: they find the connection closed.
        let mut duplex = CloseOnDrop(self);
        poll_fn(|cx| {
            let duplex = &mut duplex.0;
            duplex.lanes.state().begin_turn(cx.waker());
            for _ in 0..ROUNDS_MAX {
                let is_drained = duplex.poll_read(cx);
                if !has_peer_ended && duplex.lanes.state().ended.is_some() {
                    has_peer_ended = true;
                    keeper.peer_ended();
                }
                if !duplex.tell(&mut keeper) {
                    return Poll::Ready(());
                }
                if is_answering && answering.as_mut().poll(cx).is_ready() {
                    is_answering = false;
                    duplex.end_input();
                }
                if calling.is_none() {
                    calling = duplex.lanes.state().take_mail();
                }
                if let Some(Poll::Ready(error)) = calling.as_mut().map(|calling| calling.as_mut().poll(cx)) {
                    calling = None;
                    keeper.calling_ended(&error);
                }
                let is_changed = duplex.poll_write(cx);
                if duplex.poll_stall(cx) {
                    duplex.stalled = None;
                    if is_answering {
                        keeper.stalled();
                    }
                    duplex.lanes.close(Ended::by(&io::ErrorKind::TimedOut.into()));
                    continue;
                }
                if !is_answering && calling.is_none() {
                    return duplex.poll_close(cx);
                }
                // A lane that was full has been emptied, or somebody had something to say meanwhile.
                let mut state = duplex.lanes.state();
                let may_read = !is_drained && state.wants_bytes(duplex.calls_max);
                if !is_changed && !may_read && !state.end_turn() {
                    return Poll::Pending;
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Reads while there is something to read and somewhere to put it. Says whether nothing is left to read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..READS_MAX {
            if !self.lanes.state().wants_bytes(self.calls_max) {
                return false;
            }
            let lanes = &self.lanes;
            let read = self.input.poll_read(cx, &mut *self.reader, |bytes| {
                lanes.state().sort(bytes);
                bytes.len()
            });
            match read {
                Poll::Pending => return true,
                Poll::Ready(Ok(0)) => self.lanes.state().ended = Some(Ended::Well),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(cause)) => self.lanes.close(Ended::by(&cause)),
            }
        }
        false
    }

    /// Tells the keeper how things stand; says whether the connection goes on.
    fn tell(&mut self, keeper: &mut impl Keeper) -> bool {
        let (held, is_calling) = {
            let mut state = self.lanes.state();
            (state.held() + self.output.left(), state.take_stir())
        };
        keeper.look(held, is_calling)
    }

    /// Sends what the banks have left, until the stream takes no more or nothing is left. Says whether the banks
    /// have to look again: one that waited for room has some, or the connection is lost.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let (lanes, before) = (&self.lanes, self.output.total());
        if !lanes.state().begin_sending() {
            return false;
        }
        let sent = self.output.poll(cx, &mut *self.writer, |buffer, _| {
            output::lend(buffer);
            lanes.state().gather(buffer);
        });
        let lost = match sent {
            _ if lanes.state().is_torn() => Some(io::ErrorKind::BrokenPipe.into()),
            Poll::Ready(Err(cause)) => Some(cause),
            Poll::Ready(Ok(())) => {
                self.stalled = None;
                self.poll_shutdown(cx);
                None
            }
            Poll::Pending => {
                if self.output.total() != before || self.stalled.is_none() {
                    self.stalled = Some(Instant::now());
                }
                None
            }
        };
        if let Some(cause) = lost {
            self.lanes.close(Ended::by(&cause));
            return true;
        }
        self.lanes.state().has_made_room()
    }

    /// Ends our direction once the answering bank has, and everything is sent.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        let is_due = {
            let state = self.lanes.state();
            state.answering.is_shut && !state.has_shut && state.is_all_taken()
        };
        if !is_due {
            return;
        }
        if let Poll::Ready(ended) = Pin::new(&mut *self.writer).poll_shutdown(cx) {
            let mut state = self.lanes.state();
            state.has_shut = true;
            state.closed = Some(ended.map_or_else(|cause| Ended::by(&cause), |()| Ended::Well));
            state.news();
        }
    }

    /// Nothing that comes from now on is for anybody.
    fn end_input(&mut self) {
        self.lanes.state().ended.get_or_insert(Ended::Well);
    }

    /// Whether the peer has taken nothing for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(since) = self.stalled else {
            return false;
        };
        let until = timer::later(since, self.stall_timeout);
        self.timer.by(until);
        match self.timer.poll(cx) {
            Poll::Ready(now) if until <= now => true,
            Poll::Ready(_) => {
                self.timer.by(until);
                self.timer.poll(cx).is_ready()
            }
            Poll::Pending => false,
        }
    }

    /// Sends what is left, for as long as a moment allows.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        const LINGER: Duration = Duration::from_secs(1);
        if self.lanes.state().closed.is_some() {
            return Poll::Ready(());
        }
        let until = *self.closing.get_or_insert_with(|| {
            self.timer = Timer::default();
            timer::after(LINGER)
        });
        self.timer.by(until);
        ready!(self.timer.poll(cx));
        Poll::Ready(())
    }
}

/// Closes the lanes with the connection.
struct CloseOnDrop(Duplex);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.lanes.close(Ended::Lost(io::ErrorKind::ConnectionAborted, "its task has ended".into()));
    }
}
