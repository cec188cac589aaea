//! A call that goes to every server, and what all of them answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::flight::{Flight, too_late};
use super::leg::Leg;
use super::pending::Until;
use crate::ambient;
use crate::error::{Error, Phase, Result};
use crate::transport::BoxFuture;

/// A call of every server that takes calls; see [`Call::broadcast`](crate::Call::broadcast). The reply of each comes with its address.
///
/// # Errors
///
/// The first error of any server: the calls that wait are then withdrawn. [`Code::Unavailable`](crate::Code::Unavailable) if there is no
/// server, or nothing is known of any.
///
/// # Cancel safety
///
/// Dropping it withdraws the call everywhere.
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct Broadcast<'c, A, R>(Everyone<'c, A, R>);

/// A call of every server, whose errors end nothing; see [`Broadcast::settled`].
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct Settled<'c, A, R>(Everyone<'c, A, R>);

impl<'c, A, R> Broadcast<'c, A, R> {
    pub(super) fn new(flight: Flight<'c, A>) -> Self {
        Self(Everyone { flight, stage: Stage::Fresh })
    }

    /// Waits for every server: an error of one is its answer, and ends no other's.
    ///
    /// # Errors
    ///
    /// [`Code::Unavailable`](crate::Code::Unavailable) if there is no server, or nothing is known of any.
    pub fn settled(self) -> Settled<'c, A, R> {
        Settled(self.0)
    }
}

/// What each server has answered, by its address.
type Answers<R> = Vec<(Arc<str>, Result<R>)>;

struct Everyone<'c, A, R> {
    flight: Flight<'c, A>,
    stage: Stage<R>,
}

enum Stage<R> {
    Fresh,
    /// Nothing is known of any server.
    Listing(BoxFuture<'static, Result<()>>),
    Sent(Vec<Part<R>>),
    Done,
}

/// One server's part.
struct Part<R> {
    address: Arc<str>,
    state: Asked<R>,
}

enum Asked<R> {
    Under(Leg),
    Answered(Result<R>),
}

impl<A, R> std::fmt::Debug for Everyone<'_, A, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Everyone").field("flight", &self.flight).finish_non_exhaustive()
    }
}

impl<A: Serialize, R: DeserializeOwned> Everyone<'_, A, R> {
    /// All answers, or those that are here when one is an error that `ends` it.
    fn poll(&mut self, cx: &mut Context<'_>, ends: bool) -> Poll<Result<Answers<R>>> {
        loop {
            match &mut self.stage {
                Stage::Fresh => {
                    if let Err(error) = self.begin() {
                        self.stage = Stage::Done;
                        return Poll::Ready(Err(error));
                    }
                }
                Stage::Listing(listing) => {
                    let listed = ready!(listing.as_mut().poll(cx));
                    self.stage = Stage::Fresh;
                    if let Err(error) = listed {
                        self.stage = Stage::Done;
                        return Poll::Ready(Err(error));
                    }
                }
                Stage::Sent(parts) => {
                    let (mut waits, mut has_ended) = (false, false);
                    for part in parts.iter_mut() {
                        part.poll(&self.flight, cx);
                        waits |= matches!(part.state, Asked::Under(_));
                        has_ended |= ends && matches!(part.state, Asked::Answered(Err(_)));
                    }
                    if waits && !has_ended {
                        return Poll::Pending;
                    }
                    let answers = std::mem::take(parts).into_iter().filter_map(|part| match part.state {
                        Asked::Answered(answer) => Some((part.address, answer)),
                        Asked::Under(_) => None,
                    });
                    let answers = answers.collect();
                    self.stage = Stage::Done;
                    return Poll::Ready(Ok(answers));
                }
                Stage::Done => panic!("a call was polled after it ended"),
            }
        }
    }

    /// Asks every server, or for the first list of them.
    fn begin(&mut self) -> Result<()> {
        let flight = &mut self.flight;
        if let Some(deadline) = ambient::deadline() {
            flight.inherit(deadline);
        }
        let deadline = flight.until.moment(Instant::now());
        flight.until = Until::At(deadline);
        let Some(hub) = flight.pool.hub() else {
            let (pool, address) = (flight.pool.clone(), Arc::from(flight.pool.name()));
            let leg = Leg::over(async move { pool.link().await }, deadline, &address);
            self.stage = Stage::Sent(vec![Part { address, state: Asked::Under(leg) }]);
            return Ok(());
        };
        if !hub.is_anybody_known()? {
            let hub = hub.clone();
            self.stage = Stage::Listing(Box::pin(async move {
                let listed = tokio::time::timeout_at(deadline, hub.first_list()).await;
                listed.unwrap_or_else(|_| Err(too_late(Phase::Resolve, hub.name())))
            }));
            return Ok(());
        }
        let parts = hub.serving().into_iter().map(|member| {
            let address = Arc::from(member.address.to_string());
            let leg = Leg::over(async move { member.link().await }, deadline, &address);
            Part { address, state: Asked::Under(leg) }
        });
        self.stage = Stage::Sent(parts.collect());
        Ok(())
    }
}

impl<R: DeserializeOwned> Part<R> {
    fn poll<A: Serialize>(&mut self, flight: &Flight<'_, A>, cx: &mut Context<'_>) {
        let Asked::Under(leg) = &mut self.state else {
            return;
        };
        let mut reply = None;
        let polled = leg.poll(&flight.outgoing(), cx, &mut |outcome, _| {
            reply = Some(outcome.and_then(|body| body.decode::<R>()));
        });
        let answer = match (polled, reply) {
            (Poll::Pending, _) => return,
            (Poll::Ready(Err(error)), _) => Err(error),
            (Poll::Ready(Ok(())), Some(answer)) => answer,
            (Poll::Ready(Ok(())), None) => unreachable!("a settled call has an outcome"),
        };
        let at = |error: Error| match error.peer() {
            Some(_) => error,
            None => error.at_peer(self.address.clone()),
        };
        self.state = Asked::Answered(answer.map_err(|error| at(flight.explained(error))));
    }
}

// Nothing in it is ever pinned in place; the boxed futures are pinned where they are.
impl<A, R> Unpin for Broadcast<'_, A, R> {}
impl<A, R> Unpin for Settled<'_, A, R> {}

impl<A: Serialize, R: DeserializeOwned> Future for Broadcast<'_, A, R> {
    type Output = Result<Vec<(Arc<str>, R)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answers = ready!(self.0.poll(cx, true))?;
        let replies = answers.into_iter().map(|(address, answer)| Ok((address, answer?)));
        Poll::Ready(replies.collect())
    }
}

impl<A: Serialize, R: DeserializeOwned> Future for Settled<'_, A, R> {
    type Output = Result<Answers<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, false)
    }
}
