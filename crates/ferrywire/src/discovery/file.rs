//! Servers that stand in a file, which is read again when it changes.

use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

use super::text::{self, ill_formed};
use super::{Discover, Endpoint};
use crate::error::{Code, Error, Phase, Result};
use crate::transport::BoxFuture;

/// The servers that stand in a file, one a line.
///
/// As a URL: `file:///etc/arith/servers`. The path is taken as it lies, without escapes. A line is an address, whose `tcp://` may be left
/// out, and behind semicolons or spaces the options of [`Fixed`](super::Fixed). Behind `#` stands what is for people. At most 1 MiB is read.
///
/// The file is looked at every second. One that is not there, or not well-formed, is an error, so that the last list stands. Replace it by
/// renaming another over it: one that is written in place may be read when it is half written.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    /// What was told last; `None` before the first time and after an error.
    told: Option<Vec<Endpoint>>,
    /// The file that this stands in; `None` if it has to be read in any case.
    stamp: Option<Stamp>,
    looks_at: Instant,
}

impl File {
    /// The servers in the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), told: None, stamp: None, looks_at: Instant::now() }
    }

    /// The list, if it is another than what was told last.
    async fn look(&mut self) -> Result<Option<Vec<Endpoint>>> {
        let (path, known) = (self.path.clone(), self.stamp);
        // A file system may take long, and so may a mebibyte.
        let read = tokio::task::spawn_blocking(move || read_if_changed(&path, known));
        let read = read.await.unwrap_or_else(|cause| {
            Err(Error::new(Code::Internal, "reading a list of servers was broken off").caused_by(cause))
        });
        self.looks_at = Instant::now() + BETWEEN_LOOKS;
        let (list, stamp) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(error) => {
                (self.told, self.stamp) = (None, None);
                return Err(error);
            }
        };
        self.stamp = stamp;
        if self.told.as_ref() == Some(&list) {
            return Ok(None);
        }
        self.told = Some(list.clone());
        Ok(Some(list))
    }
}

impl Discover for File {
    fn name(&self) -> String {
        format!("file://{}", self.path.display())
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            loop {
                // After an error it is the keeper who knows how long to wait.
                if self.told.is_some() {
                    sleep_until(self.looks_at).await;
                }
                if let Some(list) = self.look().await? {
                    return Ok(list);
                }
            }
        })
    }

    /// A file that is being written is whole a moment later.
    fn ttl(&self) -> Duration {
        5 * BETWEEN_LOOKS
    }
}

/// Opens `file:`.
pub(super) fn open(url: &str) -> Option<Result<Box<dyn Discover>>> {
    let path = url.strip_prefix("file:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') || path.contains(char::is_control) {
        return Some(Err(ill_formed(format!(
            "`{}` is not the URL of a file: expected file:///path",
            crate::error::shown(url.as_bytes())
        ))));
    }
    Some(Ok(Box::new(File::new(path))))
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The same, if whatever happens to the file from now on changes it.
    ///
    /// Times of files go by ticks: what is written within the tick of the last change leaves no mark.
    fn if_settled(self) -> Option<Self> {
        const TICK_MAX: Duration = Duration::from_secs(2);
        let changed = u64::try_from(self.changed.0).ok()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        (Duration::from_secs(changed) + TICK_MAX < now).then_some(self)
    }
}

/// What stands in the file at `path`, unless it is the one that is `known`.
fn read_if_changed(path: &Path, known: Option<Stamp>) -> Result<Option<(Vec<Endpoint>, Option<Stamp>)>> {
    let unreadable = |cause: std::io::Error| {
        unavailable(format!("cannot read {}: {cause}", path.display())).caused_by(cause)
    };
    if known.is_some() && known == Some(Stamp::of(&std::fs::metadata(path).map_err(unreadable)?)) {
        return Ok(None);
    }
    // A pipe would be waited for.
    let no_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file =
        std::fs::OpenOptions::new().read(true).custom_flags(no_waiting).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unavailable(format!("{} is not a file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LEN_MAX {
        return Err(ill_formed(format!("{} is over the limit of {FILE_LEN_MAX} bytes", path.display())));
    }
    let in_file =
        |error: Error| ill_formed(format!("{}, {}", path.display(), error.message())).caused_by(error);
    let text = std::str::from_utf8(&bytes).map_err(|cause| in_file(ill_formed(cause.to_string())))?;
    let list = text::lines(text).map_err(in_file)?;
    // Taken before the file was read: a change in between is one.
    Ok(Some((list, Stamp::of(&metadata).if_settled())))
}

fn unavailable(why: String) -> Error {
    Error::new(Code::Unavailable, why).in_phase(Phase::Resolve).not_executed()
}

/// How often the file is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The longest file that is read, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;
