//! A registry: who may write, what is entered, who is told.
//!
//! All of it stands under one lock that nobody holds across an await. Whoever waits for a change of a list sits at that list's
//! board, which is there while somebody does.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use ferrywire::discovery::Health;
use ferrywire::transport::Peer;
use http::{HeaderMap, header};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::address::Named;
use crate::api;
use crate::rate::Rate;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::store::{Bounds, Changes, Full, Listed, Store};

/// A registry of servers, which any ferrywire server can have on its port.
///
/// ```
/// use ferrywire::Server;
/// use ferrywire_registry::{Registry, WithRegistry};
///
/// # async fn example() -> ferrywire::Result<()> {
/// let registry = Registry::builder().build();
/// let server = Server::builder().with_registry(&registry).bind("tcp://127.0.0.1:9999").await?;
/// server.run().await
/// # }
/// ```
///
/// A clone is the same registry.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

/// Collects what a registry is made of.
#[derive(Default)]
#[must_use]
pub struct Builder {
    settings: Settings,
    token: Option<String>,
    snapshot: Option<PathBuf>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    token: Option<String>,
    /// Another one after every start: versions of another run mean nothing.
    pub(crate) epoch: String,
    state: Mutex<State>,
    rate: Mutex<Rate>,
    pub(crate) snapshot: Option<Snapshot>,
    /// Itself, for tasks that must not keep it.
    own: Weak<Inner>,
}

pub(crate) struct State {
    pub(crate) store: Store,
    /// By service; that of all servers is under `None`.
    boards: HashMap<Option<String>, Board>,
}

/// Where those sit who wait for one list to change.
struct Board {
    changes: watch::Sender<()>,
    watchers: usize,
    /// What was said last, of which version, and when: watchers of one list are told the same.
    told: Option<(u64, Instant, Bytes)>,
}

/// For so long a list is told again as it was written: its ages are as much out of date.
const TOLD_FOR: Duration = Duration::from_millis(250);

impl Registry {
    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// How many servers are registered.
    pub fn len(&self) -> usize {
        self.inner.now().store.len()
    }

    /// Whether no server is registered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many requests wait for a change.
    pub fn watchers(&self) -> usize {
        self.inner.state().boards.values().map(|board| board.watchers).sum()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("servers", &self.len()).finish_non_exhaustive()
    }
}

impl Builder {
    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// What other machines have to show to register a server: `Authorization: Bearer TOKEN`.
    ///
    /// Without a token only programs on the registry's own machine can, and only servers on it, unless
    /// [`Settings::trusts_network`] is set. Whoever shows the token may register any address. Reading needs none.
    ///
    /// Behind a proxy on the same machine everybody is on that machine: such a proxy has to refuse what may not write.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// Keeps what is registered in this file, which is replaced at most once a second when something has changed, and read now: its
    /// servers are listed from the start, for as long as if they had just beaten.
    ///
    /// A file that cannot be read or written is a warning in the log.
    pub fn snapshot(mut self, path: impl Into<PathBuf>) -> Self {
        self.snapshot = Some(path.into());
        self
    }

    /// The registry.
    pub fn build(self) -> Registry {
        let mut store = Store::default();
        let snapshot = self.snapshot.map(Snapshot::new);
        if let Some(snapshot) = &snapshot {
            snapshot.read_into(&mut store, &self.settings);
        }
        let inner = Arc::new_cyclic(|own| Inner {
            settings: self.settings,
            token: self.token,
            epoch: format!("{:016x}", fastrand::u64(..)),
            state: Mutex::new(State { store, boards: HashMap::new() }),
            rate: Mutex::default(),
            snapshot,
            own: own.clone(),
        });
        Registry { inner }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token is nobody's business.
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // The store's own steps do not panic half way; a list that was being written is not kept.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is there now: those whose time has passed are gone, and their watchers know.
    pub(crate) fn now(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        let changes = state.store.sweep(Instant::now());
        self.tell(&mut state, &changes);
        state
    }

    fn tell(&self, state: &mut State, changes: &Changes) {
        if !changes.any {
            return;
        }
        let all = std::iter::once(None).chain(changes.services.iter().cloned().map(Some));
        for list in all {
            if let Some(board) = state.boards.get(&list) {
                board.changes.send_replace(());
            }
        }
        if let Some(snapshot) = &self.snapshot {
            snapshot.note(&self.own);
        }
    }

    /// Refuses whoever asks too often.
    pub(crate) fn count(&self, peer: &Peer) -> Result<(), Refusal> {
        let Some(ip) = self.bounded(peer) else {
            return Ok(());
        };
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.admits(ip, &self.settings, Instant::now()) {
            return Ok(());
        }
        let most = self.settings.requests_per_second_max;
        Err(Refusal::exhausted(format!("more than {most} requests a second of one network address")))
    }

    /// The network address of a peer that is bounded by it.
    fn bounded(&self, peer: &Peer) -> Option<IpAddr> {
        let ip = peer.ip()?.to_canonical();
        (self.settings.bounds_loopback || !ip.is_loopback()).then_some(ip)
    }

    /// The address that a peer means by what it names, if it may name it.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub(crate) fn may_name(&self, named: Named, peer: &Peer, headers: &HeaderMap) -> Result<Named, Refusal> {
        let shown = self.shown_token(headers)?;
        let remote = peer.ip().map(|ip| ip.to_canonical()).filter(|ip| !ip.is_loopback());
        let Some(ip) = remote else {
            if !shown && !named.is_local() {
                let text = "without the token a server is registered under an address of its own machine";
                return Err(Refusal::denied(text));
            }
            return Ok(named);
        };
        // From over there it is known where that is.
        let named = if named.is_everywhere() { named.moved_to(ip) } else { named };
        if shown {
            return Ok(named);
        }
        if !self.settings.trusts_network {
            return Err(match self.token {
                Some(_) => Refusal::unauthenticated("other machines show the registry's token to write"),
                None => Refusal::denied("the registry has no token, so that only its own machine writes"),
            });
        }
        if !named.is_at(ip) {
            return Err(Refusal::denied(
                "without the token a server is registered under its own network address",
            ));
        }
        Ok(named)
    }

    /// Whether the token was shown.
    ///
    /// # Errors
    ///
    /// If another one was.
    fn shown_token(&self, headers: &HeaderMap) -> Result<bool, Refusal> {
        let Some(shown) = headers.get(header::AUTHORIZATION) else {
            return Ok(false);
        };
        let shown = shown.as_bytes();
        let is_bearer = shown.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        let token = if is_bearer { shown.get(7..).unwrap_or_default() } else { &[] };
        match &self.token {
            Some(own) if is_same(own.as_bytes(), token) => Ok(true),
            Some(_) => Err(Refusal::denied("this is not the registry's token")),
            // There is nothing that it could prove.
            None => Ok(false),
        }
    }

    /// Enters a server, or a beat of it. Returns the version that its lists have then.
    pub(crate) fn enter(&self, named: &Named, listed: Listed, peer: &Peer) -> Result<u64, Refusal> {
        self.enter_as(named, |_| listed, peer)
    }

    /// Enters what `listed` makes of what is listed there, if anything is.
    pub(crate) fn enter_as(
        &self,
        named: &Named,
        listed: impl FnOnce(Option<&Listed>) -> Listed,
        peer: &Peer,
    ) -> Result<u64, Refusal> {
        let settings = &self.settings;
        let mut state = self.now();
        let key = named.key();
        let listed = listed(state.store.get(&key).map(|entry| &entry.listed));
        let bounds = Bounds {
            entries_max: settings.entries_max,
            entries_per_source_max: settings.entries_per_source_max,
        };
        let entered = state.store.beat(&key, listed, self.bounded(peer), bounds, Instant::now());
        let changes = entered.map_err(|full| {
            Refusal::exhausted(match full {
                Full::Entries => format!("the registry is full: {} servers", settings.entries_max),
                Full::Source => {
                    format!("{} servers of one network address", settings.entries_per_source_max)
                }
            })
        })?;
        self.tell(&mut state, &changes);
        Ok(state.store.changed(None))
    }

    /// Takes a server out; says whether it was there.
    pub(crate) fn take_out(&self, named: &Named) -> bool {
        let mut state = self.now();
        let changes = state.store.remove(&named.key());
        self.tell(&mut state, &changes);
        changes.any
    }

    /// The list of a service, or of all servers, in JSON.
    pub(crate) fn list(&self, service: Option<&str>) -> Bytes {
        let mut state = self.now();
        state.told(&self.epoch, service, Instant::now())
    }

    /// The same, once it is of another version than `after`, or after `wait` at the latest.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing.
    pub(crate) async fn changed_list(
        self: Arc<Self>,
        service: Option<String>,
        after: u64,
        wait: Duration,
    ) -> Bytes {
        let until = Instant::now() + wait.min(self.settings.wait_max);
        let mut seat = None;
        loop {
            let next_due = {
                let mut state = self.now();
                let now = Instant::now();
                if state.store.changed(service.as_deref()) != after || now >= until {
                    return state.told(&self.epoch, service.as_deref(), now);
                }
                let seat = seat.get_or_insert_with(|| Seat::at(self.clone(), &mut state, service.clone()));
                // Under the lock, which whoever tells of a change holds: none is missed.
                seat.changes.mark_unchanged();
                state.store.next_due()
            };
            let Some(seat) = &mut seat else { continue };
            let wakes_at = next_due.map_or(until, |due| due.min(until));
            // What it was that woke it, the next turn sees.
            let _ = tokio::time::timeout_at(wakes_at, seat.changes.changed()).await;
        }
    }

    /// All servers that take calls, for the lists of the family.
    pub(crate) fn serving(&self, mut each: impl FnMut(&str)) {
        let state = self.now();
        let serving = state.store.list(None).filter(|(_, entry)| entry.listed.health == Health::Serving);
        serving.for_each(|(address, _)| each(address));
    }
}

impl State {
    /// A list in JSON; one that was written a moment ago for those who wait at its board.
    fn told(&mut self, epoch: &str, service: Option<&str>, now: Instant) -> Bytes {
        let version = self.store.changed(service);
        let board = match self.boards.is_empty() {
            true => None,
            false => self.boards.get_mut(&service.map(str::to_owned)),
        };
        if let Some((told, at, body)) = board.as_ref().and_then(|board| board.told.as_ref())
            && *told == version
            && now - *at < TOLD_FOR
        {
            return body.clone();
        }
        let body = api::list(epoch, version, self.store.list(service), now);
        if let Some(board) = board {
            board.told = Some((version, now, body.clone()));
        }
        body
    }
}

/// A place at a board, given back when it is dropped.
struct Seat {
    inner: Arc<Inner>,
    list: Option<String>,
    changes: watch::Receiver<()>,
}

impl Seat {
    fn at(inner: Arc<Inner>, state: &mut State, list: Option<String>) -> Self {
        let board = state.boards.entry(list.clone()).or_insert_with(|| Board {
            changes: watch::Sender::new(()),
            watchers: 0,
            told: None,
        });
        board.watchers += 1;
        let changes = board.changes.subscribe();
        Self { inner, list, changes }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        if let Some(board) = state.boards.get_mut(&self.list) {
            board.watchers -= 1;
            if board.watchers == 0 {
                state.boards.remove(&self.list);
            }
        }
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
fn is_same(own: &[u8], shown: &[u8]) -> bool {
    let mut difference = u8::from(own.len() != shown.len());
    for (at, byte) in own.iter().enumerate() {
        difference |= std::hint::black_box(byte ^ shown.get(at).copied().unwrap_or_default());
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_or_not() {
        for (shown, same) in
            [("secret", true), ("secreT", false), ("secre", false), ("secret\0", false), ("", false)]
        {
            assert_eq!(is_same(b"secret", shown.as_bytes()), same, "{shown}");
        }
    }
}
