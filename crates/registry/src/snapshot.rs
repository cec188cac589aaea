//! The snapshot: what is registered, in a file, so that a registry that starts again knows its fleet.
//!
//! The file is replaced as a whole or not at all: it is written beside its place, forced to the disk, and renamed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::api::{self, Said};
use crate::registry::Inner;
use crate::settings::Settings;
use crate::store::{Bounds, Store};

/// A snapshot is written no sooner than so long after the one before.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest snapshot that is read, in bytes.
const LEN_MAX: u64 = 128 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Snapshot {
    path: PathBuf,
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    /// Something has changed since the last snapshot.
    is_due: bool,
    /// A task sees to it.
    is_seen_to: bool,
}

#[derive(Deserialize, Serialize)]
struct Kept<'k> {
    #[serde(borrow)]
    servers: Vec<Said<'k>>,
}

impl Snapshot {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, pending: Mutex::default() }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Two flags; a panic leaves them as they are.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what the file holds, as if it had just beaten.
    pub(crate) fn read_into(&self, store: &mut Store, settings: &Settings) {
        let path = self.path.display();
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return,
            Err(cause) => {
                tracing::warn!(%path, %cause, "the snapshot cannot be read: the registry starts empty");
                return;
            }
        };
        let kept: Kept<'_> = match serde_json::from_slice(&text) {
            Ok(kept) => kept,
            Err(cause) => {
                tracing::warn!(%path, %cause, "the snapshot is damaged: the registry starts empty");
                return;
            }
        };
        let bounds = Bounds { entries_max: settings.entries_max, entries_per_source_max: usize::MAX };
        let now = Instant::now();
        for said in kept.servers {
            let entered =
                said.checked(settings).map_err(|refusal| refusal.message).and_then(|(named, listed)| {
                    let entered = store.beat(&named.key(), listed, None, bounds, now);
                    entered.map_err(|_| "the registry is full".to_owned())
                });
            if let Err(why) = entered {
                tracing::warn!(%path, why, "a server of the snapshot is left out");
            }
        }
        tracing::info!(%path, servers = store.len(), "the snapshot was read");
    }

    /// Something has changed: sees to it that it is written.
    pub(crate) fn note(&self, registry: &Weak<Inner>) {
        let mut pending = self.pending();
        pending.is_due = true;
        if pending.is_seen_to {
            return;
        }
        // Outside of a runtime nothing is asked of a registry.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            pending.is_seen_to = true;
            runtime.spawn(keep(SeenTo(registry.clone())));
        }
    }

    /// Whether there is something to write, which it then is not any more; if not, nobody sees to it from now on.
    fn take(&self) -> bool {
        let mut pending = self.pending();
        pending.is_seen_to = pending.is_due;
        std::mem::take(&mut pending.is_due)
    }
}

/// Somebody sees to the snapshot; nobody, once it is dropped with a runtime that ends.
struct SeenTo(Weak<Inner>);

impl Drop for SeenTo {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade()
            && let Some(snapshot) = &inner.snapshot
        {
            snapshot.pending().is_seen_to = false;
        }
    }
}

/// Writes until nothing has changed since.
async fn keep(seen_to: SeenTo) {
    loop {
        let (text, path) = {
            let Some(inner) = seen_to.0.upgrade() else { return };
            let Some(snapshot) = &inner.snapshot else { return };
            if !snapshot.take() {
                return;
            }
            let state = inner.now();
            let servers = state.store.list(None).map(|(address, entry)| api::said(address, &entry.listed));
            let kept = Kept { servers: servers.collect() };
            (serde_json::to_vec(&kept).expect("texts and numbers are JSON"), snapshot.path.clone())
        };
        let shown = path.display().to_string();
        match tokio::task::spawn_blocking(move || replace(&path, &text)).await {
            Ok(Ok(())) => tracing::debug!(path = shown, "the snapshot was written"),
            Ok(Err(cause)) => tracing::warn!(path = shown, %cause, "the snapshot cannot be written"),
            Err(cause) => tracing::warn!(path = shown, %cause, "the snapshot was not written"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let len = File::open(path)?.take(LEN_MAX + 1).read_to_end(&mut text)?;
    if len as u64 > LEN_MAX {
        return Err(io::Error::other(format!("it is longer than {LEN_MAX} bytes")));
    }
    Ok(text)
}

/// Puts a file in the place of another, all of it or nothing.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is the folder's, which is forced to the disk too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
