//! Sources of servers by their URLs.

use std::sync::Arc;

use super::{Discover, Scheme};
use crate::error::{Code, Error, Phase, Result};

/// Opens sources by their URLs.
#[derive(Clone, Default)]
pub struct Sources {
    added: Vec<Arc<dyn Scheme>>,
}

impl Sources {
    /// The same, with a further scheme, which is asked before those that are there.
    #[must_use]
    pub fn with(mut self, scheme: impl Scheme) -> Self {
        self.added.insert(0, Arc::new(scheme));
        self
    }

    /// The source of this URL.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if it is of no known scheme, or ill-formed.
    pub fn open(&self, url: &str) -> Result<Box<dyn Discover>> {
        self.added.iter().find_map(|scheme| scheme.open(url)).unwrap_or_else(|| {
            let text = format!("`{}` is of no known scheme", crate::error::shown(url.as_bytes()));
            Err(Error::new(Code::InvalidArgument, text).in_phase(Phase::Resolve).not_executed())
        })
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("added", &self.added.len()).finish_non_exhaustive()
    }
}
