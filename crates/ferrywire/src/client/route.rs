//! A call's way through a channel: which server it goes to, and where to if that fails.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use tokio::time::{Instant, Sleep};

use super::channel::{FailMode, Hub, Want};
use super::flight::{Flight, Stage, too_late};
use super::leg::Leg;
use super::link::{Sent, Settle};
use super::pending::Until;
use crate::error::{Code, Error, Phase, Result};
use crate::transport::BoxFuture;

/// What is asked of a call's way, and what has become of it so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Route {
    pub(super) key: Option<u64>,
    pub(super) mode: Option<FailMode>,
    pub(super) is_idempotent: bool,
    /// Whoever makes the call runs one that is tried again already.
    pub(super) is_repeated_above: bool,
    /// The servers that it was sent to, in their order.
    tried: Vec<u64>,
    /// What the first of them said.
    first: Option<Error>,
}

/// A call that goes to several servers at once.
pub(super) struct Several {
    legs: Vec<Leg>,
    stage: Gathering,
    /// Servers that it was sent to.
    tried: Vec<u64>,
    last: Option<Error>,
}

enum Gathering {
    /// Nothing is known of any server.
    Listing(BoxFuture<'static, Result<()>>),
    Fresh,
    /// At this moment another one is asked.
    Alarm(Pin<Box<Sleep>>),
    All,
}

/// Whether a call that ended so may be made again.
fn may_be_repeated(error: &Error, is_idempotent: bool) -> bool {
    match error.code() {
        Code::Unavailable => is_idempotent || !error.may_have_run(),
        Code::ResourceExhausted | Code::Unimplemented => error.is_remote() && !error.may_have_run(),
        _ => false,
    }
}

impl<A> Flight<'_, A> {
    /// What the call asks of the servers now.
    pub(super) fn want(&self) -> Want {
        let mode = self.pool.hub().map_or(FailMode::FailOver, |hub| self.mode(hub));
        let (is_final, is_true) = (mode == FailMode::FailFast, mode == FailMode::RetrySame);
        let mut want = Want { is_final, is_true, ..Want::default() };
        if let Some(route) = &self.route {
            want.key = route.key;
            want.is_again = route.first.is_some();
            match mode {
                FailMode::RetrySame => want.only = route.tried.last().copied(),
                _ => want.tried = route.tried.clone(),
            }
        }
        want
    }

    fn mode(&self, hub: &Hub) -> FailMode {
        self.route.as_ref().and_then(|route| route.mode).unwrap_or_else(|| hub.mode())
    }

    /// Whether the call may be made once only: one layer repeats, or each would repeat what the one above it repeats.
    fn is_repeated_above(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.is_repeated_above)
    }

    /// The error that the caller gets when an attempt ended with `error`, which is the last.
    #[cold]
    pub(super) fn end_of_route(&mut self, error: Error) -> Error {
        told(self.route.as_ref().and_then(|route| route.first.as_ref()), error)
    }
}

impl<A: Serialize> Flight<'_, A> {
    /// Begins a call that goes to one of many servers. `None` if it has to be polled further.
    // Kept out of the way of calls to a single server.
    #[inline(never)]
    pub(super) fn begin_routed(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<()>>> {
        let hub = self.pool.hub()?;
        hub.note_call();
        match self.mode(hub) {
            FailMode::Backup(_) if self.is_repeated_above() => {}
            FailMode::Backup(_) | FailMode::Fork => {
                self.stage = Stage::Several(Box::new(Several::new()));
                return None;
            }
            _ => {}
        }
        let member = match hub.pick(&self.want()) {
            Ok(member) => member,
            Err(error) => {
                self.stage = Stage::Done;
                return Some(Poll::Ready(Err(error)));
            }
        };
        let Some(link) = member.as_ref().and_then(|member| member.current()) else {
            self.stage = self.wait_for(None, member);
            return None;
        };
        let now = hub.now();
        match link.send(&self.outgoing(), false, cx) {
            Ok(Sent::As(id)) => {
                self.stage = Stage::Routed(link, id, now);
                Some(Poll::Pending)
            }
            other => self.sent(link, other).map(Poll::Ready),
        }
    }

    /// Waits for the reply of one of many servers, and asks another if that one has failed.
    #[inline(never)]
    pub(super) fn poll_routed(&mut self, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<Result<()>> {
        let (Stage::Routed(link, id, sent_at), Some(hub)) = (&self.stage, self.pool.hub()) else {
            panic!("a call was polled that is on no way");
        };
        let attempts = self.route.as_ref().map_or(0, |route| route.tried.len()) + 1;
        let is_last = attempts >= self.pool.limits().attempts_max
            || self.mode(hub) == FailMode::FailFast
            || self.is_repeated_above();
        let is_idempotent = self.is_idempotent();
        let first = self.route.as_ref().and_then(|route| route.first.as_ref());
        let mut failed = None;
        ready!(link.poll(*id, cx, &mut |outcome, metadata| match outcome {
            Err(error) => {
                let error = error.of_call(self.head.method);
                match !is_last && may_be_repeated(&error, is_idempotent) {
                    true => failed = Some(error),
                    false => settle(Err(told(first, error)), metadata),
                }
            }
            outcome => settle(outcome, metadata),
        }));
        let server = link.server();
        let Some(error) = failed else {
            self.stage = Stage::Done;
            return Poll::Ready(Ok(()));
        };
        // All attempts together have the time of one.
        self.until = Until::At(self.until.moment(hub.moment(*sent_at)));
        if !self.has_time() || !hub.may_try_again() {
            let error = told(first, error);
            self.stage = Stage::Done;
            settle(Err(error), None);
            return Poll::Ready(Ok(()));
        }
        tracing::debug!(method = self.head.method, %error, "a call is tried again");
        let route = self.route.get_or_insert_default();
        route.tried.extend(server);
        route.first.get_or_insert(error);
        self.note_attempts(attempts);
        self.stage = self.wait(None);
        self.poll_waiting(cx)
    }

    /// Whether the call is, or its method.
    fn is_idempotent(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.is_idempotent)
            || self.head.described.is_some_and(|method| method.is_idempotent)
    }

    /// Brings a call forward that goes to several servers.
    #[cold]
    pub(super) fn poll_several(&mut self, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<Result<()>> {
        let Stage::Several(mut several) = std::mem::replace(&mut self.stage, Stage::Done) else {
            panic!("a call was polled that is on no way");
        };
        let polled = self.poll_legs(&mut several, cx, settle);
        if polled.is_pending() {
            self.stage = Stage::Several(several);
        }
        polled
    }

    fn poll_legs(
        &mut self,
        several: &mut Several,
        cx: &mut Context<'_>,
        settle: &mut Settle<'_>,
    ) -> Poll<Result<()>> {
        let Some(hub) = self.pool.hub() else {
            panic!("a call of one server was to go to several");
        };
        let mode = self.mode(hub);
        let deadline = self.until.moment(Instant::now());
        self.until = Until::At(deadline);
        let key = self.route.as_ref().and_then(|route| route.key);
        loop {
            ready!(several.poll_stage(hub, mode, key, deadline, cx))?;
            let asked = several.tried.len() + several.legs.len();
            if asked > 1 && mode != FailMode::Fork {
                self.note_attempts(asked - 1);
            }
            let outgoing = self.outgoing();
            let (mut at, mut has_failed) = (0, false);
            while let Some(leg) = several.legs.get_mut(at) {
                let mut failed = None;
                let server = leg.server();
                let polled = leg.poll(&outgoing, cx, &mut |outcome, metadata| match outcome {
                    Err(error) => failed = Some(error.of_call(self.head.method)),
                    outcome => settle(outcome, metadata),
                });
                let failed = match polled {
                    Poll::Pending => {
                        at += 1;
                        continue;
                    }
                    Poll::Ready(Ok(())) => failed,
                    Poll::Ready(Err(error)) => Some(error),
                };
                drop(several.legs.swap_remove(at));
                let Some(error) = failed else {
                    // The first answer counts; whoever else was asked is told.
                    several.legs.clear();
                    return Poll::Ready(Ok(()));
                };
                several.tried.extend(server);
                several.last = Some(error);
                has_failed = true;
            }
            if !several.legs.is_empty() {
                return Poll::Pending;
            }
            let Some(error) = several.last.take() else {
                // All servers have left at this moment.
                let error = Error::new(Code::Unavailable, "there is no server").in_phase(Phase::Resolve);
                return Poll::Ready(Err(error.at_peer(hub.name()).not_executed()));
            };
            let may_go_on = has_failed
                && mode != FailMode::Fork
                && several.tried.len() < self.pool.limits().attempts_max
                && may_be_repeated(&error, true)
                && self.has_time()
                && hub.may_try_again();
            if !may_go_on {
                settle(Err(error), None);
                return Poll::Ready(Ok(()));
            }
            several.ask_another(hub, key, deadline);
        }
    }
}

/// The error that is told of the `first` attempt and the last: what has not run says less than whatever went before it.
#[cold]
fn told(first: Option<&Error>, error: Error) -> Error {
    match first {
        Some(first) if !error.may_have_run() => first.clone(),
        _ => error,
    }
}

impl Several {
    fn new() -> Self {
        Self { legs: Vec::new(), stage: Gathering::Fresh, tried: Vec::new(), last: None }
    }

    /// Asks whom it is time to ask. Pending only while nobody can be asked.
    fn poll_stage(
        &mut self,
        hub: &Arc<Hub>,
        mode: FailMode,
        key: Option<u64>,
        deadline: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        loop {
            match &mut self.stage {
                Gathering::Listing(listing) => {
                    ready!(listing.as_mut().poll(cx))?;
                    self.stage = Gathering::Fresh;
                }
                Gathering::Fresh if !hub.is_anybody_known()? => {
                    let hub = hub.clone();
                    self.stage = Gathering::Listing(Box::pin(async move {
                        match tokio::time::timeout_at(deadline, hub.first_list()).await {
                            Ok(listed) => listed,
                            Err(_) => Err(too_late(Phase::Resolve, hub.name())),
                        }
                    }));
                }
                Gathering::Fresh => match mode {
                    FailMode::Backup(delay) => {
                        self.ask_another(hub, key, deadline);
                        self.stage = Gathering::Alarm(Box::pin(tokio::time::sleep(delay)));
                    }
                    _ => {
                        for member in hub.serving() {
                            let peer = Arc::from(member.address.to_string());
                            let link = async move { member.link().await };
                            self.legs.push(Leg::over(link, deadline, &peer));
                        }
                        self.stage = Gathering::All;
                    }
                },
                Gathering::Alarm(alarm) => {
                    if alarm.as_mut().poll(cx).is_ready() {
                        self.stage = Gathering::All;
                        if hub.may_try_again() {
                            self.ask_another(hub, key, deadline);
                        }
                    }
                    return Poll::Ready(Ok(()));
                }
                Gathering::All => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Asks a server that has not been asked.
    fn ask_another(&mut self, hub: &Arc<Hub>, key: Option<u64>, deadline: Instant) {
        let asked = self.legs.iter().filter_map(Leg::server);
        let tried: Vec<_> = self.tried.iter().copied().chain(asked).collect();
        let want =
            Want { key, is_again: !tried.is_empty(), tried, deadline: Some(deadline), ..Want::default() };
        let (hub, peer) = (hub.clone(), hub.name());
        self.legs.push(Leg::over(async move { hub.link(want).await }, deadline, &peer));
    }
}
