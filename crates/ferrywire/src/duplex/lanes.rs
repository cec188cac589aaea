//! What lies between a connection and its two banks: a lane each, with what came for it and what it sends.
//!
//! A bank sees its lane as a stream of its own. Whoever holds the lock moves bytes and nothing else. Only the
//! connection's task reads, so lanes know of one waker; callers of other tasks may write.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Calling;
use crate::protocol::native::split::{Cutter, Note, Piece, Receiver};
use crate::sync::{Mutex, MutexGuard};

/// The lanes of one connection.
#[derive(Debug)]
pub(super) struct Lanes {
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) answering: Lane,
    pub(super) calling: Lane,
    /// Follows what comes.
    coming: Cutter,
    /// Where the requests begin that wait for the answering bank, in all that was ever put into its lane.
    requests: VecDeque<u64>,
    /// The peer has said that it takes no further request.
    is_left: bool,
    /// The calls that the calling bank has made and that wait for an answer.
    asked: HashSet<u64>,
    /// Whether anything was said about calls of this side since it was last asked.
    is_stirred: bool,
    /// The lane whose frame has been sent in part: nothing else may follow.
    open: Option<Side>,
    /// Why nothing more comes.
    pub(super) ended: Option<Ended>,
    /// Why nothing can be sent any more.
    pub(super) closed: Option<Ended>,
    /// The answering bank has said all that it has to say, and the peer was told.
    pub(super) has_shut: bool,
    pub(super) turn: Turn,
    /// Whether a calling bank reads its lane.
    is_called_from: bool,
    /// A calling bank that is to be run beside the answering one.
    mail: Option<Calling>,
}

/// Which of the two banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Answering,
    Calling,
}

/// One bank's share of the connection.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) incoming: Queue,
    /// What is to be sent.
    outgoing: Queue,
    /// How much of it are whole frames.
    whole: usize,
    /// Follows what the bank sends.
    going: Cutter,
    /// Whether the bank had to wait for room.
    wants_room: bool,
    /// Whether the bank's preface and hello have been handed over.
    has_greeted: bool,
    /// The bank sends nothing more.
    pub(super) is_shut: bool,
    /// The bank reads nothing more.
    is_unread: bool,
}

/// Why a direction of the connection has ended.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// Nothing is missing.
    Well,
    Lost(io::ErrorKind, Arc<str>),
}

impl Ended {
    pub(super) fn by(cause: &io::Error) -> Self {
        Self::Lost(cause.kind(), cause.to_string().into())
    }

    fn error(&self) -> io::Error {
        match self {
            Self::Well => io::ErrorKind::BrokenPipe.into(),
            Self::Lost(kind, text) => io::Error::new(*kind, &**text),
        }
    }
}

/// The task that drives the connection, and whether it has to be told of something.
#[derive(Debug, Default)]
pub(super) struct Turn {
    task: Option<Waker>,
    /// Whether the task is at work and looks again before it rests.
    is_running: bool,
    is_news: bool,
}

/// So much of what comes may wait for the answering bank while nobody needs what stands behind it.
const INCOMING_MAX: usize = 256 * 1024;

/// So much of what goes may wait in a lane.
const OUTGOING_MAX: usize = 64 * 1024;

impl Lane {
    fn new() -> Self {
        Self {
            incoming: Queue::default(),
            outgoing: Queue::default(),
            whole: 0,
            going: Cutter::new(),
            wants_room: false,
            has_greeted: false,
            is_shut: false,
            is_unread: false,
        }
    }
}

impl Lanes {
    pub(super) fn new(is_called_from: bool) -> Arc<Self> {
        let state = State {
            answering: Lane::new(),
            calling: Lane::new(),
            coming: Cutter::new(),
            requests: VecDeque::new(),
            is_left: false,
            asked: HashSet::new(),
            is_stirred: false,
            open: None,
            ended: None,
            closed: None,
            has_shut: false,
            turn: Turn::default(),
            is_called_from,
            mail: None,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Bytes are moved under this lock, and nothing else is run.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a calling bank in the connection's task. If that has ended, the bank is dropped.
    pub(super) fn deliver(&self, calling: Calling) {
        let mut state = self.state();
        if state.closed.is_none() {
            state.mail = Some(calling);
            state.news();
            return;
        }
        drop(state);
        // Told by its end, its callers lock the lanes.
        drop(calling);
    }

    /// From now on a calling bank reads its lane.
    pub(super) fn call_from(&self) {
        self.state().is_called_from = true;
    }

    /// Nothing is read and nothing is sent from now on.
    pub(super) fn close(&self, ended: Ended) {
        let mut state = self.state();
        if state.closed.is_none() {
            state.closed = Some(ended.clone());
        }
        if state.ended.is_none() {
            state.ended = Some(ended);
        }
        let mail = state.mail.take();
        drop(state);
        drop(mail);
    }
}

impl State {
    /// The connection's task begins to look.
    pub(super) fn begin_turn(&mut self, waker: &Waker) {
        let turn = &mut self.turn;
        (turn.is_running, turn.is_news) = (true, false);
        if !turn.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            turn.task = Some(waker.clone());
        }
    }

    /// The connection's task is about to rest; says whether it has to look again first.
    pub(super) fn end_turn(&mut self) -> bool {
        let is_news = std::mem::take(&mut self.turn.is_news) || self.mail.is_some();
        self.turn.is_running = is_news;
        is_news
    }

    /// What waits now is about to be sent. Says whether anything can be.
    pub(super) fn begin_sending(&mut self) -> bool {
        self.turn.is_news = false;
        self.closed.is_none()
    }

    /// There is something for the connection's task to do.
    pub(super) fn news(&mut self) {
        if self.turn.is_running {
            self.turn.is_news = true;
        } else if let Some(task) = &self.turn.task {
            task.wake_by_ref();
        }
    }

    pub(super) fn take_mail(&mut self) -> Option<Calling> {
        self.mail.take()
    }

    /// Whether anything was said about calls of this side since this was last asked, or some wait.
    pub(super) fn take_stir(&mut self) -> bool {
        std::mem::take(&mut self.is_stirred) || !self.asked.is_empty()
    }

    /// How many bytes wait here.
    pub(super) fn held(&self) -> usize {
        let held = |lane: &Lane| lane.incoming.len() + lane.outgoing.len();
        held(&self.answering) + held(&self.calling)
    }

    /// Whether more is to be read.
    ///
    /// Replies stand behind requests: as long as this side waits for some, it reads on whatever its own answering
    /// bank does, for as many requests as it said that it would run at once. Two sides that both waited for the
    /// other to read would wait for ever.
    pub(super) fn wants_bytes(&self, calls_max: usize) -> bool {
        let answering = self.answering.is_unread
            || self.answering.incoming.len() < INCOMING_MAX
            || (!self.asked.is_empty() && self.requests.len() < calls_max);
        // A hello waits for as long as nobody calls back; how long it may be is seen to by the answering bank.
        let calling = !self.is_called_from || self.calling.incoming.len() < INCOMING_MAX;
        self.ended.is_none() && answering && calling
    }

    /// Puts what has come into the lanes.
    pub(super) fn sort(&mut self, bytes: &[u8]) {
        let mut coming = std::mem::replace(&mut self.coming, Cutter::new());
        coming.cut(bytes, |piece| self.put(piece));
        self.coming = coming;
    }

    fn put(&mut self, piece: Piece<'_>) {
        let receiver = match piece.receiver() {
            // What answers no call of ours is what the answering bank ends the connection for.
            Receiver::Calling if !self.is_called_from => Receiver::Answering,
            Receiver::Calling if piece.is_ping() && self.calling.is_unread => Receiver::Answering,
            // A greeting and one farewell are enough for a bank that is not there.
            Receiver::Both if !self.is_called_from && !piece.is_greeting() => match piece.is_go_away() {
                true if !self.is_left => Receiver::Both,
                _ => Receiver::Answering,
            },
            receiver => receiver,
        };
        if piece.is_go_away() && piece.is_last {
            self.is_left = true;
        }
        if receiver != Receiver::Answering {
            self.is_stirred |= self.is_called_from;
            if let Some(Note::Settled(id)) = piece.coming() {
                self.asked.remove(&id);
            }
            self.calling.receive(piece.bytes);
        }
        if receiver != Receiver::Calling && !self.answering.is_unread {
            if piece.is_request() {
                self.requests.push_back(self.answering.incoming.put);
            }
            self.answering.receive(piece.bytes);
        }
    }

    /// Moves what is to be sent to the end of `out`, whole frames of one bank behind whole frames of the other.
    pub(super) fn gather(&mut self, out: &mut Vec<u8>) {
        let first = self.open.unwrap_or(Side::Answering);
        let second = if first == Side::Answering { Side::Calling } else { Side::Answering };
        for side in [first, second] {
            // The peer knows this side by the hello of the answering bank, which lists what it offers.
            let is_known = side == Side::Answering || self.answering.has_greeted;
            if is_known && self.open.is_none_or(|open| open == side) {
                self.gather_from(side, out);
            }
        }
    }

    fn gather_from(&mut self, side: Side, out: &mut Vec<u8>) {
        let lane = match side {
            Side::Answering => &mut self.answering,
            Side::Calling => &mut self.calling,
        };
        if lane.whole > 0 {
            lane.outgoing.take(lane.whole, out);
            (lane.whole, self.open) = (0, None);
        }
        // A frame that is longer than its lane goes piece by piece.
        if self.open == Some(side) || lane.outgoing.len() >= OUTGOING_MAX {
            let len = lane.outgoing.len();
            lane.outgoing.take(len, out);
            self.open = Some(side);
        }
    }

    /// Whether a bank waited for room, and there is some now.
    pub(super) fn has_made_room(&mut self) -> bool {
        let mut made = false;
        for lane in [&mut self.answering, &mut self.calling] {
            made |= lane.outgoing.len() < OUTGOING_MAX && std::mem::take(&mut lane.wants_room);
        }
        made
    }

    /// Whether everything has been taken to be sent.
    pub(super) fn is_all_taken(&self) -> bool {
        self.answering.outgoing.is_empty() && self.calling.outgoing.is_empty()
    }

    /// Whether a bank has gone away in the middle of a frame, so that nothing can be sent behind it.
    pub(super) fn is_torn(&self) -> bool {
        let torn = |lane: &Lane| lane.is_shut && lane.outgoing.is_empty() && !lane.going.is_between_frames();
        match self.open {
            Some(Side::Answering) => torn(&self.answering),
            Some(Side::Calling) => torn(&self.calling),
            None => false,
        }
    }

    fn lane(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Answering => &mut self.answering,
            Side::Calling => &mut self.calling,
        }
    }

    fn read(&mut self, side: Side, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let ended = self.ended.clone();
        let lane = self.lane(side);
        if !lane.incoming.is_empty() {
            lane.incoming.read(room);
            let (got, requests) = (lane.incoming.got(), &mut self.requests);
            while side == Side::Answering && requests.front().is_some_and(|request| *request < got) {
                requests.pop_front();
            }
            return Poll::Ready(Ok(()));
        }
        match ended {
            Some(Ended::Well) => Poll::Ready(Ok(())),
            Some(ended) => Poll::Ready(Err(ended.error())),
            None => Poll::Pending,
        }
    }

    fn write(&mut self, side: Side, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(closed) = &self.closed {
            return Poll::Ready(Err(closed.error()));
        }
        let lane = match side {
            Side::Answering => &mut self.answering,
            Side::Calling => &mut self.calling,
        };
        if lane.is_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = bytes.len().min(OUTGOING_MAX.saturating_sub(lane.outgoing.len()));
        lane.wants_room |= len < bytes.len();
        if len == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        let Lane { outgoing, whole, going, has_greeted, .. } = lane;
        let (asked, mut is_stirred) = (&mut self.asked, false);
        going.cut(bytes.get(..len).unwrap_or_default(), |piece| {
            if side == Side::Calling {
                // Of this side as a whole the other bank speaks: it lists what is offered, and knows what was
                // accepted.
                if piece.is_greeting() || piece.is_go_away() {
                    return;
                }
                is_stirred = true;
                match piece.going() {
                    Some(Note::Asked(id)) => drop(asked.insert(id)),
                    Some(Note::Settled(id)) => drop(asked.remove(&id)),
                    None => {}
                }
            }
            outgoing.push(piece.bytes);
            if piece.is_last {
                *whole = outgoing.len();
                *has_greeted |= !piece.is_preface();
            }
        });
        self.is_stirred |= is_stirred;
        if !self.lane(side).outgoing.is_empty() {
            self.news();
        }
        Poll::Ready(Ok(len))
    }
}

impl Lane {
    fn receive(&mut self, bytes: &[u8]) {
        if !self.is_unread {
            self.incoming.push(bytes);
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("held", &self.held())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Bytes, first in, first out.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    from: usize,
    /// All bytes that were ever put in.
    put: u64,
}

/// An empty queue that once held more gives its memory back.
const QUEUE_KEPT_LEN: usize = 4 * 1024;

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.from
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes that were ever taken out.
    fn got(&self) -> u64 {
        self.put - self.len() as u64
    }

    fn push(&mut self, bytes: &[u8]) {
        // What has been taken out is at least as long as what would have to be moved.
        if self.from > self.len() {
            self.bytes.drain(..self.from);
            self.from = 0;
        }
        self.bytes.extend_from_slice(bytes);
        self.put += bytes.len() as u64;
    }

    fn take(&mut self, len: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.from..self.from + len).unwrap_or_default());
        self.pass(len);
    }

    fn read(&mut self, room: &mut ReadBuf<'_>) {
        let len = self.len().min(room.remaining());
        room.put_slice(self.bytes.get(self.from..self.from + len).unwrap_or_default());
        self.pass(len);
    }

    fn pass(&mut self, len: usize) {
        self.from += len;
        if self.from >= self.bytes.len() {
            self.from = 0;
            self.bytes.clear();
            self.bytes.shrink_to(QUEUE_KEPT_LEN);
        }
    }
}

/// What a bank reads from.
#[derive(Debug)]
pub(super) struct Reader {
    lanes: Arc<Lanes>,
    side: Side,
}

/// What a bank writes to.
#[derive(Debug)]
pub(super) struct Writer {
    lanes: Arc<Lanes>,
    side: Side,
}

impl Reader {
    pub(super) fn of(lanes: &Arc<Lanes>, side: Side) -> Self {
        Self { lanes: lanes.clone(), side }
    }
}

impl Writer {
    pub(super) fn of(lanes: &Arc<Lanes>, side: Side) -> Self {
        Self { lanes: lanes.clone(), side }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever reads is polled in the connection's task, whenever that has put something here.
        self.lanes.state().read(self.side, room)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        let lane = state.lane(self.side);
        (lane.is_unread, lane.incoming) = (true, Queue { put: lane.incoming.put, ..Queue::default() });
        if self.side == Side::Answering {
            state.requests.clear();
        }
        state.news();
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Whoever waits is polled in the connection's task, whenever that has sent something.
        self.lanes.state().write(self.side, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The answering bank's end is the connection's: it is the last, or has something against the peer.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lanes.state();
        if !state.lane(self.side).is_shut {
            state.lane(self.side).is_shut = true;
            state.news();
        }
        match (&state.closed, self.side) {
            (Some(closed), _) if !state.has_shut => Poll::Ready(Err(closed.error())),
            (_, Side::Answering) if !state.has_shut => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        state.lane(self.side).is_shut = true;
        state.news();
    }
}
