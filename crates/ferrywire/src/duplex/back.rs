//! The way back to a caller that offers services: what the answering bank hands to whoever can open it.
//!
//! The answering bank does not know the calling one. It puts the way back beside its peer; the calling bank opens
//! it when it is first asked for, and until then nothing is spent on it.

use std::any::Any;
use std::sync::{Arc, OnceLock, PoisonError};

use super::Calling;
use super::lanes::Lanes;
use crate::limits::Limits;
use crate::protocol::{Compression, Terms};
use crate::sync::Mutex;
use crate::transport::Stream;

/// The way back to a caller.
pub(crate) struct Back {
    /// Until it is opened.
    way: Mutex<Option<Way>>,
    /// What calls are made with: a client, of which is only known here that there is one.
    opened: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// What a calling bank needs to begin.
pub(crate) struct Way {
    /// Its share of the connection.
    pub(crate) stream: Stream,
    pub(crate) limits: Limits,
    pub(crate) checksum: bool,
    pub(crate) compression: Option<Compression>,
    pub(super) lanes: Arc<Lanes>,
}

impl Way {
    /// With the limits and the choices that hold on the connection.
    pub(super) fn new(stream: Stream, terms: &Terms<'_>, lanes: Arc<Lanes>) -> Self {
        let Terms { limits, checksum, compression, .. } = terms;
        let (limits, checksum, compression) = ((*limits).clone(), *checksum, *compression);
        Self { stream, limits, checksum, compression, lanes }
    }
}

/// Runs a calling bank beside the answering one.
pub(crate) struct Beside(Arc<Lanes>);

impl Beside {
    /// Hands the bank over to the connection's task. If that has ended, the bank is dropped.
    pub(crate) fn run(self, calling: Calling) {
        self.0.deliver(calling);
    }
}

impl Back {
    /// One that is opened when it is first asked for.
    pub(crate) fn closed(way: Way) -> Self {
        Self { way: Mutex::new(Some(way)), opened: OnceLock::new() }
    }

    /// One over which calls are made already, with `client`.
    pub(crate) fn opened<C: Send + Sync + 'static>(client: C) -> Self {
        Self { way: Mutex::new(None), opened: OnceLock::from(Box::new(client) as Box<dyn Any + Send + Sync>) }
    }

    /// What calls are made with; made by `open` if nobody has asked before.
    pub(crate) fn client<C: Clone + Send + Sync + 'static>(
        &self,
        open: impl FnOnce(Way, Beside) -> C,
    ) -> Option<C> {
        let opened = self.opened.get_or_init(|| {
            // Taken out once, because it is only asked for in here.
            let way = self.way.lock().unwrap_or_else(PoisonError::into_inner).take();
            match way {
                Some(way) => {
                    way.lanes.call_from();
                    let beside = Beside(way.lanes.clone());
                    Box::new(open(way, beside))
                }
                None => Box::new(()),
            }
        });
        opened.downcast_ref::<C>().cloned()
    }
}

impl std::fmt::Debug for Back {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Back").field("is_open", &self.opened.get().is_some()).finish_non_exhaustive()
    }
}
