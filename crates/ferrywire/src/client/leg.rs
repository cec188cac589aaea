//! One of several ways that a call goes at once.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::flight::{Way, too_late};
use super::link::{Link, Outgoing, Sent, Settle};
use crate::error::{Phase, Result};
use crate::transport::BoxFuture;

/// A call on its way to one server, withdrawn when it is dropped.
pub(super) struct Leg {
    state: State,
    deadline: Instant,
    /// Whom it goes to, for people.
    peer: Arc<str>,
}

enum State {
    /// No connection, or no room on it.
    Waiting(BoxFuture<'static, Result<Way>>),
    Sent(Arc<dyn Link>, u64),
    Ended,
}

impl Leg {
    /// Goes over the connection that `link` comes to, if it is there before the deadline.
    pub(super) fn over(
        link: impl Future<Output = Result<Arc<dyn Link>>> + Send + 'static,
        deadline: Instant,
        peer: &Arc<str>,
    ) -> Self {
        let way = async move { Ok((link.await?, None)) };
        let waiting = in_time(way, deadline, Phase::Connect, peer.clone());
        Self { state: State::Waiting(waiting), deadline, peer: peer.clone() }
    }

    /// Which server it has been sent to.
    pub(super) fn server(&self) -> Option<u64> {
        match &self.state {
            State::Sent(link, _) => link.server(),
            State::Waiting(_) | State::Ended => None,
        }
    }

    /// Brings the call forward. Its reply is handed to `settle`; an error ends it without one.
    pub(super) fn poll(
        &mut self,
        outgoing: &Outgoing<'_>,
        cx: &mut Context<'_>,
        settle: &mut Settle<'_>,
    ) -> Poll<Result<()>> {
        loop {
            match &mut self.state {
                State::Sent(link, id) => {
                    ready!(link.poll(*id, cx, settle));
                    self.state = State::Ended;
                    return Poll::Ready(Ok(()));
                }
                State::Waiting(way) => {
                    let way = ready!(way.as_mut().poll(cx));
                    self.state = State::Ended;
                    let (link, room) = way?;
                    let sent = link.send(outgoing, room.is_some(), cx);
                    // A promise ends when the call is sent, and when it is not.
                    if let (Some(room), true) = (room, matches!(sent, Ok(Sent::As(_) | Sent::Unheard))) {
                        room.keep();
                    }
                    match sent? {
                        Sent::As(id) => {
                            self.state = State::Sent(link, id);
                            return Poll::Pending;
                        }
                        Sent::Unheard => return Poll::Ready(Ok(())),
                        Sent::NoRoom => {
                            let way = async move {
                                let room = link.clone().room().await;
                                Ok((link, Some(room)))
                            };
                            let peer = self.peer.clone();
                            self.state = State::Waiting(in_time(way, self.deadline, Phase::Queue, peer));
                        }
                    }
                }
                State::Ended => panic!("a call was polled after it ended"),
            }
        }
    }
}

fn in_time(
    way: impl Future<Output = Result<Way>> + Send + 'static,
    deadline: Instant,
    phase: Phase,
    peer: Arc<str>,
) -> BoxFuture<'static, Result<Way>> {
    Box::pin(async move {
        let way = tokio::time::timeout_at(deadline, way).await;
        way.unwrap_or_else(|_| Err(too_late(phase, peer)))
    })
}

impl Drop for Leg {
    fn drop(&mut self) {
        if let State::Sent(link, id) = &self.state {
            link.withdraw(*id);
        }
    }
}
