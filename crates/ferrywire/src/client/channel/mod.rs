//! Many servers as one: who they are is discovered, and each call goes to one of them.
//!
//! A channel has a connection to each server that it was ever asked to use, which is made when a call first goes there. Servers that
//! cannot be reached are dialled again by the channel's task, so that no call waits for them; servers that do not answer are
//! left alone for a while.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select, select_ok};
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::link::Link;
use super::pool::Pool;
use super::speak::{Chosen, Speak};
use crate::balance::{Ask, Balance, Choose, Load};
use crate::discovery::{Discover, Endpoint, Health, Keeper, News, Status};
use crate::error::{Code, Error, Phase, Result};
use crate::sync;
use crate::transport::{Address, Transports};

mod budget;
mod load;
mod member;
mod mode;
mod record;
mod servers;
mod standing;

use budget::Budget;
use record::{Record, Tally};

pub(super) use member::Member;
pub use mode::FailMode;
pub(super) use record::Millis;
pub use servers::{ServerStatus, Servers};

/// How long a call waits at most before it is sent to the server again that has just failed it.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long a call waits for a server to be dialled before it asks another one: as long as RFC 8305 (5) has between the
/// addresses of one name.
const DIAL_PATIENCE: Duration = Duration::from_millis(250);

/// What a channel is made of, beside its source.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) balance: Arranging,
    pub(super) mode: FailMode,
    pub(super) zone: String,
}

/// A way of choosing, erased.
pub(super) type Arranging = Arc<dyn Fn(&[Endpoint]) -> Box<dyn Choose> + Send + Sync>;

pub(super) fn arranging(balance: impl Balance) -> Arranging {
    Arc::new(move |endpoints| balance.arrange(endpoints))
}

/// The calls' side of a channel. Dropped, it ends the channel's task.
pub(super) struct Channel {
    hub: Arc<Hub>,
    task: sync::AbortHandle,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What calls and the channel's task share.
pub(super) struct Hub {
    settings: Settings,
    transports: Transports,
    speak: Arc<dyn Speak>,
    chosen: Chosen,
    /// What the source is called.
    name: Arc<str>,
    status: Arc<Status>,
    tally: Arc<Tally>,
    budget: Budget,
    next_id: AtomicU64,
    known: Mutex<Option<Arc<Arranged>>>,
    /// Whether anything is known, for those who wait for the first list.
    first: watch::Sender<First>,
}

/// What came of asking for the first list.
#[derive(Clone, Debug)]
enum First {
    Awaited,
    Lost(Error),
    Known,
}

/// All servers of a list, arranged.
struct Arranged {
    /// Those that take calls and are near, if not all are.
    near: Option<Group>,
    /// All that take calls.
    all: Group,
    /// The others.
    draining: Vec<Arc<Member>>,
    endpoints: Vec<Endpoint>,
}

/// Servers, and a way of choosing among them.
struct Group {
    members: Vec<Arc<Member>>,
    choose: Box<dyn Choose>,
}

/// What a call asks of the servers.
#[derive(Clone, Default)]
pub(super) struct Want {
    /// The server that was chosen already, whose connection is not there.
    pub(super) chosen: Option<Arc<Member>>,
    /// What calls have in common that are to reach the same server, hashed.
    pub(super) key: Option<u64>,
    /// The servers that it has been sent to, by their ids.
    pub(super) tried: Vec<u64>,
    /// Whether it has been sent to any, and failed.
    pub(super) is_again: bool,
    /// The one server that it goes to.
    pub(super) only: Option<u64>,
    /// Whether it keeps to the first server that is chosen.
    pub(super) is_true: bool,
    /// Whether a server that cannot be connected to is the end of it.
    pub(super) is_final: bool,
    /// When it ends.
    pub(super) deadline: Option<Instant>,
}

impl Channel {
    /// Must be called on a runtime.
    pub(super) fn start(
        source: Box<dyn Discover>,
        settings: Settings,
        transports: Transports,
        speak: Arc<dyn Speak>,
        chosen: Chosen,
    ) -> Self {
        let (name, status) = (source.name().into(), Arc::new(Status::default()));
        let keeper = Keeper::new(source, status.clone());
        let hub = Arc::new(Hub {
            settings,
            transports,
            speak,
            chosen,
            name,
            status,
            tally: Arc::new(Tally::new()),
            budget: Budget::new(Instant::now()),
            next_id: AtomicU64::new(0),
            known: Mutex::new(None),
            first: watch::Sender::new(First::Awaited),
        });
        let task = sync::spawn(keep(hub.clone(), keeper));
        Self { hub, task }
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

/// Keeps the list, and dials those that are down, until the channel is dropped.
async fn keep(hub: Arc<Hub>, mut keeper: Keeper) {
    let mut redials = FuturesUnordered::new();
    loop {
        let news = {
            let mut news = pin!(keeper.next());
            loop {
                for member in hub.known().iter().flat_map(|arranged| arranged.members()) {
                    if member.record.begins_redial() {
                        redials.push(redial(Arc::downgrade(member)));
                    }
                }
                let redialled = async {
                    match redials.is_empty() {
                        true => std::future::pending().await,
                        false => redials.next().await,
                    }
                };
                let (down, redialled) = (pin!(hub.tally.went_down.notified()), pin!(redialled));
                let others = select(down, redialled);
                if let Either::Left((news, _)) = select(news.as_mut(), others).await {
                    break news;
                }
            }
        };
        match news {
            News::List(endpoints) => hub.adopt(endpoints),
            News::Lost(error) => hub.note_lost(error),
        }
    }
}

/// Dials a server until it is there, or has left the list.
async fn redial(member: Weak<Member>) {
    while let Some(member) = member.upgrade() {
        let record = member.record.clone();
        let pool = member.pool().clone();
        // It may leave meanwhile.
        drop(member);
        if pool.link().await.is_ok() {
            record.ends_redial();
            record.came_up();
            return;
        }
    }
}

impl Hub {
    pub(super) fn mode(&self) -> FailMode {
        self.settings.mode
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// A moment as it is remembered for every call.
    #[inline]
    pub(super) fn now(&self) -> Millis {
        self.tally.now()
    }

    /// The moment that was remembered, of less than 49 days ago.
    pub(super) fn moment(&self, then: Millis) -> Instant {
        self.tally.moment(then)
    }

    /// A call is made.
    #[inline]
    pub(super) fn note_call(&self) {
        self.budget.note_call();
    }

    /// Takes a further attempt at a call out of the budget.
    pub(super) fn may_try_again(&self) -> bool {
        self.budget.spend(Instant::now())
    }

    #[inline]
    fn known(&self) -> Option<Arc<Arranged>> {
        // Only whole lists are put in.
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over a new list. Servers that stay keep their connections, and what is known of them.
    fn adopt(&self, endpoints: Vec<Endpoint>) {
        let before = self.known();
        let mut members: HashMap<Address, Arc<Member>> = HashMap::new();
        for member in before.iter().flat_map(|arranged| arranged.members()) {
            members.insert(member.address.clone(), member.clone());
        }
        let mut seen = HashSet::new();
        let listed = endpoints.iter().filter(|endpoint| seen.insert(&endpoint.address)).map(|endpoint| {
            let kept = members.get(&endpoint.address).cloned();
            (endpoint.clone(), kept.unwrap_or_else(|| self.member(&endpoint.address)))
        });
        let listed: Vec<_> = listed.collect();
        let group = |takes: &dyn Fn(&Endpoint) -> bool| {
            let taken = listed.iter().filter(|(endpoint, _)| takes(endpoint)).cloned();
            let (endpoints, members): (Vec<_>, Vec<_>) = taken.unzip();
            Group { members, choose: (self.settings.balance)(&endpoints) }
        };
        let serves = |endpoint: &Endpoint| endpoint.health == Health::Serving;
        let zone = &self.settings.zone;
        let all = group(&serves);
        let near = (!zone.is_empty()).then(|| group(&|endpoint| serves(endpoint) && endpoint.zone == *zone));
        let arranged = Arranged {
            near: near.filter(|near| !near.members.is_empty() && near.members.len() < all.members.len()),
            all,
            draining: listed
                .iter()
                .filter(|(endpoint, _)| !serves(endpoint))
                .map(|(_, member)| member.clone())
                .collect(),
            endpoints,
        };
        let seen: HashSet<Address> = listed.iter().map(|(endpoint, _)| endpoint.address.clone()).collect();
        self.tally.set_servers(listed.len());
        let replaced = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.replace(Arc::new(arranged))
        };
        for member in members.values().filter(|member| !seen.contains(&member.address)) {
            member.record.leaves();
        }
        // Connections are closed without the lock.
        drop((before, replaced, members));
        self.first.send_replace(First::Known);
    }

    fn member(&self, address: &Address) -> Arc<Member> {
        let pool =
            Pool::new(address.clone(), self.transports.clone(), self.speak.clone(), self.chosen.clone());
        let (id, name) = (self.next_id.fetch_add(1, Ordering::Relaxed), address.to_string().into());
        let record = Record::new(id, name, self.tally.clone());
        Arc::new(Member::new(address.clone(), record, pool))
    }

    fn note_lost(&self, error: Error) {
        self.first.send_if_modified(|first| {
            let is_first = !matches!(first, First::Known);
            if is_first {
                *first = First::Lost(error);
            }
            is_first
        });
    }

    /// Waits for the first list.
    ///
    /// # Errors
    ///
    /// Why there is none, as soon as the source has failed.
    pub(super) async fn first_list(&self) -> Result<()> {
        let mut first = self.first.subscribe();
        let first = first.wait_for(|first| !matches!(first, First::Awaited)).await;
        match first.as_deref() {
            Ok(First::Lost(error)) => {
                let text = format!("where the servers are is not known: {}", error.message());
                let error = Error::new(Code::Unavailable, text).caused_by(error.clone());
                Err(error.in_phase(Phase::Resolve).at_peer(self.name()).not_executed())
            }
            _ => Ok(()),
        }
    }

    /// The server that a call goes to; `None` if nothing is known yet.
    ///
    /// # Errors
    ///
    /// [`Code::Unavailable`] if there is none.
    #[inline]
    pub(super) fn pick(&self, want: &Want) -> Result<Option<Arc<Member>>> {
        let Some(arranged) = self.known() else {
            return Ok(None);
        };
        if let Some(only) = want.only {
            let found = arranged.members().find(|member| member.record.id == only).cloned();
            return found.map(Some).ok_or_else(|| self.nobody(&arranged, "the server has left"));
        }
        let near = arranged.near.as_ref().and_then(|near| near.pick(want, &self.tally));
        // A call waits for a connection to one that is near rather than going far.
        if let Some(member) =
            near.filter(|member| !want.tried.contains(&member.record.id) && !member.record.is_out())
        {
            return Ok(Some(member.clone()));
        }
        match arranged.all.pick(want, &self.tally) {
            Some(member) => Ok(Some(member.clone())),
            None => Err(self.nobody(&arranged, "there is no server")),
        }
    }

    /// Whether it is known which servers take calls.
    ///
    /// # Errors
    ///
    /// [`Code::Unavailable`] if none does.
    pub(super) fn is_anybody_known(&self) -> Result<bool> {
        match self.known() {
            Some(arranged) if arranged.all.members.is_empty() => {
                Err(self.nobody(&arranged, "there is no server"))
            }
            known => Ok(known.is_some()),
        }
    }

    #[cold]
    fn nobody(&self, arranged: &Arranged, text: &str) -> Error {
        let text = match arranged.draining.len() {
            0 => text.to_owned(),
            draining => format!("{text} that takes calls; {draining} finish what they have begun"),
        };
        let error = Error::new(Code::Unavailable, text).in_phase(Phase::Resolve);
        error.at_peer(self.name()).not_executed()
    }

    /// A connection to a server that a call can go to. Servers that cannot be connected to are passed over.
    ///
    /// # Errors
    ///
    /// If there is no server, or none can be connected to: that of the last.
    pub(super) async fn link(&self, mut want: Want) -> Result<Arc<dyn Link>> {
        let (mut last, mut dials, mut slow) = (None, 0, Vec::new());
        loop {
            let picked = match want.chosen.take() {
                Some(chosen) => Some(chosen),
                None => self.pick(&want)?,
            };
            let Some(member) = picked else {
                self.first_list().await?;
                continue;
            };
            if want.only.is_none() && !member.record.is_down() && member.pool().is_pausing() {
                // It was lost soon after it was there. Whoever is to wait for its next dial, it is not this call.
                member.record.mark_down();
                continue;
            }
            let id = member.record.id;
            let is_tried = want.tried.contains(&id);
            if is_tried && let Some(error) = last.take() {
                return Err(error);
            }
            if is_tried || want.only == Some(id) {
                // There is no other, and it has only just failed.
                tokio::time::sleep(AGAIN_AFTER.mul_f64(fastrand::f64())).await;
            }
            if want.is_again {
                self.wait_for(&member, want.deadline).await?;
            }
            if want.is_true {
                want.only = Some(id);
            }
            dials += 1;
            let linked = if want.only.is_some() || want.is_final {
                member.link().await
            } else if member.record.is_down() {
                // So are all others: the first that comes back will do.
                return self.any_link().await;
            } else {
                let dialled = member.clone();
                let mut dial = Box::pin(async move { dialled.link().await });
                match tokio::time::timeout(DIAL_PATIENCE, dial.as_mut()).await {
                    Ok(linked) => linked,
                    Err(_) => {
                        // The channel's task brings this dial to its end.
                        member.record.note_slow_dial();
                        slow.push(dial);
                        continue;
                    }
                }
            };
            match linked {
                Ok(link) => return Ok(link),
                Err(error) if want.is_final => return Err(error),
                Err(error) if want.only.is_some() && dials >= self.chosen.limits.attempts_max => {
                    return Err(error);
                }
                Err(error) if want.only.is_none() => {
                    want.tried.push(id);
                    last = Some(error);
                }
                Err(_) => {}
            }
        }
    }

    /// Waits with a call that is tried again for as long as its server has asked for.
    ///
    /// # Errors
    ///
    /// If the call ends first.
    async fn wait_for(&self, member: &Member, deadline: Option<Instant>) -> Result<()> {
        let alone_for = member.record.alone_for();
        if alone_for.is_zero() {
            return Ok(());
        }
        let end = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if end.is_some_and(|end| end <= alone_for) {
            let text = format!("the server asks to be left alone for {alone_for:?}");
            let error = Error::new(Code::ResourceExhausted, text).in_phase(Phase::Queue);
            return Err(error.at_peer(member.address.to_string()).not_executed());
        }
        tokio::time::sleep(alone_for).await;
        Ok(())
    }

    /// A connection to whichever server comes back first, of some.
    async fn any_link(&self) -> Result<Arc<dyn Link>> {
        const AT_ONCE: usize = 16;
        let mut members = self.serving();
        if members.is_empty() {
            return Err(Error::new(Code::Unavailable, "there is no server").not_executed());
        }
        fastrand::shuffle(&mut members);
        members.truncate(AT_ONCE);
        let links = members.into_iter().map(|member| Box::pin(async move { member.link().await }));
        select_ok(links).await.map(|(link, _)| link)
    }

    /// All servers that take calls.
    pub(super) fn serving(&self) -> Vec<Arc<Member>> {
        self.known().map(|arranged| arranged.all.members.clone()).unwrap_or_default()
    }

    /// Waits for the first list as long as for a connection.
    pub(super) async fn first_list_in_time(&self) -> Result<()> {
        let timeout = self.chosen.limits.connect_timeout;
        match tokio::time::timeout(timeout, self.first_list()).await {
            Ok(listed) => listed,
            Err(_) => {
                let text = format!("no list of servers within {timeout:?}");
                let error = Error::new(Code::Unavailable, text).in_phase(Phase::Resolve);
                Err(error.at_peer(self.name()).not_executed())
            }
        }
    }
}

impl Want {
    fn avoids(&self, member: &Member) -> bool {
        member.record.is_avoided()
            || !self.tried.is_empty() && self.tried.contains(&member.record.id)
            || self.is_again && !member.record.alone_for().is_zero()
    }
}

impl Arranged {
    fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.all.members.iter().chain(&self.draining)
    }
}

impl Group {
    #[inline]
    fn pick(&self, want: &Want, tally: &Tally) -> Option<&Arc<Member>> {
        let now = OnceCell::new();
        let avoid = |place: usize| self.members.get(place).is_none_or(|member| want.avoids(member));
        let load = |place: usize| match self.members.get(place) {
            // The clock is read once, and only if it matters.
            Some(member) => member.record.load.look(*now.get_or_init(|| tally.nanos())),
            None => Load::NONE,
        };
        let place = self.choose.choose(&Ask { key: want.key, avoid: &avoid, load: &load })?;
        self.members.get(place)
    }
}
