//! Asks a source again and again, and says which of its lists are to be believed.
//!
//! A list that was believed is kept until a better one comes, however long the source is lost.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::status::Status;
use super::{Discover, Endpoint};
use crate::error::{Error, Result};
use crate::pause::Pause;
use crate::timer;
use crate::transport::BoxFuture;

/// The most servers that a list is read for; those behind are left out, with a warning.
pub const ENDPOINTS_MAX: usize = 10_000;

/// Asks a source again and again, and says which of its lists are to be believed.
///
/// - A source that fails is asked again after a pause at random, of up to 100 ms at first and up to 10 s at last. Its last list stands
///   for as long as that takes.
/// - A list that is empty, or has lost more than half of the addresses of the last one, is distrusted: those that it has lost stand
///   until the source has said nothing better for [`Discover::ttl`]. Those that it has are believed at once, so that nobody waits for servers
///   that take the place of others. The first list of all is believed whatever it is.
/// - Changes are told at most once a second, the newest only.
/// - An address is in a list once, and a list has at most [`ENDPOINTS_MAX`] of them. A server that calls itself `0.0.0.0` or `[::]`, as Go's
///   do that listen everywhere, is on this machine.
///
/// Time is the runtime's, which no change of the wall clock touches. What is known of the source is in its [`Status`].
pub struct Keeper {
    /// The question that the source has been asked. It owns the source, so that it goes on where it was however often whoever wants to
    /// know gives up.
    asking: BoxFuture<'static, Answer>,
    name: String,
    status: Arc<Status>,
    /// The last list that was believed; `None` before the first.
    good: Option<Vec<Endpoint>>,
    /// The last list that was told, and when.
    told: Option<(Vec<Endpoint>, Instant)>,
    suspect: Option<Suspect>,
    /// Whether the source's last word was an error.
    is_lost: bool,
    pause: Pause,
}

/// What a source has said, and the source.
type Answer = (Box<dyn Discover>, Result<Vec<Endpoint>>);

/// A list of which it is not believed, before its time has come, that servers are gone.
struct Suspect {
    list: Vec<Endpoint>,
    until: Instant,
}

/// What a [`Keeper`] says.
#[derive(Debug)]
pub enum News {
    /// A list to be believed, which differs from the last one.
    List(Vec<Endpoint>),
    /// The source failed, and is asked again; the last list stands. Told for every failure.
    Lost(Error),
}

impl Keeper {
    /// The keeper of `source`, which writes down in `status` what it learns.
    pub fn new(source: Box<dyn Discover>, status: Arc<Status>) -> Self {
        let name = source.name();
        status.note(|known| known.name.clone_from(&name));
        Self {
            asking: Box::pin(ask(source, None)),
            name,
            status,
            good: None,
            told: None,
            suspect: None,
            is_lost: false,
            pause: Pause::default(),
        }
    }

    /// The next news; there is no end of them.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has told nothing and forgotten nothing: the next one tells it.
    pub async fn next(&mut self) -> News {
        loop {
            // A source that always has something to say must not keep this task from being dropped.
            tokio::task::consume_budget().await;
            self.believe_what_stands();
            if let Some(list) = self.due() {
                return News::List(list);
            }
            let wakes_at = self.wakes_at().unwrap_or_else(|| timer::after(Duration::MAX));
            let Ok((source, said)) = timeout_at(wakes_at, &mut self.asking).await else { continue };
            let (pause, error) = match said {
                Ok(list) => (self.heard(list, source.ttl()), None),
                Err(error) => (Some(self.failed(&error)), Some(error)),
            };
            self.asking = Box::pin(ask(source, pause.map(timer::after)));
            if let Some(error) = error {
                return News::Lost(error);
            }
        }
    }

    /// The list to tell, if there is one and its time has come; it is told then.
    fn due(&mut self) -> Option<Vec<Endpoint>> {
        let list = self.stands()?;
        let now = Instant::now();
        if let Some((told, at)) = &self.told
            && (now < *at + BETWEEN_CHANGES || is_same(told, &list))
        {
            return None;
        }
        let list = list.into_owned();
        self.told = Some((list.clone(), now));
        self.status.note(|known| {
            known.told += 1;
            known.servers = list.len();
        });
        Some(list)
    }

    /// The list that stands: the last that was believed, and what a suspected one has beside it.
    fn stands(&self) -> Option<Cow<'_, [Endpoint]>> {
        let good = self.good.as_ref()?;
        let Some(suspect) = &self.suspect else { return Some(Cow::Borrowed(good)) };
        let addresses: HashSet<_> = suspect.list.iter().map(|endpoint| &endpoint.address).collect();
        let lost = good.iter().filter(|endpoint| !addresses.contains(&endpoint.address));
        Some(Cow::Owned(suspect.list.iter().chain(lost).take(ENDPOINTS_MAX).cloned().collect()))
    }

    /// When there is something to do though the source says nothing.
    fn wakes_at(&self) -> Option<Instant> {
        let tells_at = match (self.stands(), &self.told) {
            (Some(list), Some((told, at))) if !is_same(told, &list) => Some(*at + BETWEEN_CHANGES),
            _ => None,
        };
        // A source that is lost does not say so any more.
        let believes_at = self.suspect.as_ref().filter(|_| !self.is_lost).map(|suspect| suspect.until);
        [tells_at, believes_at].into_iter().flatten().min()
    }

    /// The suspected list, if its time has come and the source still says so.
    fn believe_what_stands(&mut self) {
        if self.is_lost {
            return;
        }
        let now = Instant::now();
        if let Some(suspect) = self.suspect.take_if(|suspect| suspect.until <= now) {
            tracing::warn!(
                source = %self.name,
                servers = suspect.list.len(),
                "the list that was distrusted is believed: the source still says so"
            );
            self.good = Some(suspect.list);
        }
    }

    /// Takes a list, and says how long the source should not be asked.
    fn heard(&mut self, list: Vec<Endpoint>, ttl: Duration) -> Option<Duration> {
        let list = self.tidied(list);
        if self.is_lost {
            tracing::info!(source = %self.name, servers = list.len(), "the source of servers is back");
        }
        self.is_lost = false;
        self.pause.reset();
        self.status.heard();
        let Some(good) = &self.good else {
            self.good = Some(list);
            return None;
        };
        if !is_suspicious(good, &list) {
            self.suspect = None;
            // Who says the same again and again is not asked in a circle.
            let pause = is_same(good, &list).then_some(BETWEEN_CHANGES);
            self.good = Some(list);
            return pause;
        }
        if let Some(suspect) = &mut self.suspect {
            let pause = is_same(&suspect.list, &list).then_some(BETWEEN_CHANGES);
            suspect.list = list;
            return pause;
        }
        tracing::warn!(
            source = %self.name,
            servers = list.len(),
            before = good.len(),
            ?ttl,
            "a list that has lost most of its servers is distrusted for a while"
        );
        self.status.note(|known| known.distrusted += 1);
        self.suspect = Some(Suspect { list, until: timer::after(ttl) });
        None
    }

    /// Takes a failure, and says how long the source should not be asked.
    fn failed(&mut self, error: &Error) -> Duration {
        let source = &self.name;
        if self.is_lost {
            tracing::debug!(%source, %error, "the source of servers is still lost");
        } else {
            tracing::warn!(%source, %error, "the source of servers is lost; its last list stands");
        }
        self.is_lost = true;
        self.status.failed(error);
        self.pause.grow()
    }

    /// The list with every address once, each as it can be dialled, and not too long.
    fn tidied(&self, mut list: Vec<Endpoint>) -> Vec<Endpoint> {
        for endpoint in &mut list {
            endpoint.address.be_on_this_machine_if_unspecified();
        }
        let mut seen = HashSet::new();
        list.retain(|endpoint| seen.len() < ENDPOINTS_MAX + 1 && seen.insert(endpoint.address.clone()));
        if list.len() > ENDPOINTS_MAX {
            tracing::warn!(source = %self.name, limit = ENDPOINTS_MAX, "servers are left out: too many");
            list.truncate(ENDPOINTS_MAX);
        }
        list
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What the source says next, asked when it may be.
async fn ask(mut source: Box<dyn Discover>, not_before: Option<Instant>) -> Answer {
    if let Some(moment) = not_before {
        sleep_until(moment).await;
    }
    let said = source.next().await;
    (source, said)
}

/// Whether both say the same, in whatever order.
fn is_same(ours: &[Endpoint], theirs: &[Endpoint]) -> bool {
    if ours == theirs {
        return true;
    }
    let ours_at_all: HashSet<&Endpoint> = ours.iter().collect();
    ours.len() == theirs.len() && theirs.iter().all(|endpoint| ours_at_all.contains(endpoint))
}

/// Whether `list` has lost so much of `good` that it is more likely the source that has lost its memory.
fn is_suspicious(good: &[Endpoint], list: &[Endpoint]) -> bool {
    let addresses: HashSet<_> = list.iter().map(|endpoint| &endpoint.address).collect();
    let lost = good.iter().filter(|endpoint| !addresses.contains(&endpoint.address)).count();
    lost * 2 > good.len()
}

/// The shortest time from one list that is told to the next.
const BETWEEN_CHANGES: Duration = Duration::from_secs(1);
