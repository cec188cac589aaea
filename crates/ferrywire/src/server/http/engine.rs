//! What runs the calls of requests: a connection whose bytes somebody else reads and sends, driven to the end of one
//! request.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::message::Ask;
use crate::peer::Peer;
use crate::protocol::Protocol;
use crate::protocol::http::{Ended, Http};
use crate::protocol::jsonrpc;
use crate::server::bell::Bell;
use crate::server::connection::{Connection, Shared, Stop};
use crate::timer::{self, Timer};

/// A connection in calls of `P`, kept from request to request. Dropped, it drops its calls.
pub(super) struct Engine<P: Protocol> {
    connection: Connection<P>,
    bell: Arc<Bell>,
    timer: Timer,
}

impl<P: Protocol> Engine<P> {
    pub(super) fn new(shared: &Arc<Shared>, peer: &Arc<Peer>) -> Self {
        // Its calls have a bell of their own: that of the stream says when everything is to end.
        let bell = Bell::new();
        let connection = Connection::new(shared.clone(), peer.clone(), bell.clone());
        Self { connection, bell, timer: Timer::default() }
    }

    /// Whether no further request is to be taken of this peer.
    pub(super) fn has_ended(&self) -> bool {
        self.connection.has_ended()
    }

    /// Polls the calls that were woken, and ends those whose time is over.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        self.bell.listen(cx.waker());
        self.connection.poll_woken();
        while let Some(deadline) = self.connection.next_deadline() {
            self.timer.by(deadline);
            let Poll::Ready(now) = self.timer.poll(cx) else {
                return;
            };
            self.connection.expire(now);
        }
    }
}

impl Engine<Http> {
    /// Runs one call, which has been on its way here for so long; how it has ended, and the reply's body.
    pub(super) fn call(
        &mut self,
        ask: Ask<'_, <Http as Protocol>::Tag>,
        waited: Duration,
    ) -> impl Future<Output = (Ended, Vec<u8>)> {
        self.connection.take(ask, waited);
        poll_fn(move |cx| {
            self.go_on(cx);
            match self.connection.writer().ended.take() {
                Some(ended) => Poll::Ready((ended, self.connection.take_out())),
                None => Poll::Pending,
            }
        })
    }
}

impl Engine<jsonrpc::Served> {
    /// Runs what a body asks for, one request or a list of them, until then; what is to be answered.
    pub(super) async fn run(&mut self, body: &[u8], until: Option<Instant>) -> Vec<u8> {
        let (mut at, mut answers) = (0, Vec::new());
        let (mut clock, mut is_late) = (Timer::default(), false);
        poll_fn(move |cx| {
            self.go_on(cx);
            if let Some(until) = until.filter(|_| !is_late) {
                clock.by(until);
                is_late = clock.poll(cx).is_ready();
            }
            loop {
                let rest = body.get(at..).unwrap_or_default();
                if !rest.is_empty() && self.connection.wants_bytes() {
                    let received = self.connection.receive(rest);
                    at += received.used;
                    if let Stop::NeedsBytes | Stop::Ended = received.stop {
                        // All of it has come.
                        at = body.len();
                    }
                }
                if is_late {
                    // Whatever deadlines they have, this one has passed.
                    self.connection.expire(timer::later(Instant::now(), Duration::MAX));
                }
                answers.append(&mut self.connection.take_out());
                if self.connection.has_answers() {
                    self.connection.poll_woken();
                    continue;
                }
                if at < body.len() && self.connection.wants_bytes() {
                    continue;
                }
                let is_done = at >= body.len() || self.connection.has_ended();
                return match is_done && self.connection.pending() == 0 {
                    true => Poll::Ready(std::mem::take(&mut answers)),
                    false => Poll::Pending,
                };
            }
        })
        .await
    }
}
