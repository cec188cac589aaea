//! Names that the program itself knows: resolvers, which are asked in the order in which they were given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::text::ill_formed;
use super::{Discover, Endpoint, Scheme};
use crate::error::{Code, Error, Phase, Result, shown};
use crate::transport::{BoxFuture, IntoAddress};

/// Knows the servers of some names.
pub trait Resolve: Send + Sync + 'static {
    /// The servers of `name`; `None`, or nobody, if it is not known here.
    ///
    /// # Errors
    ///
    /// Why they cannot be known now. The next resolver is asked then; the error is told if none knows the name.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it takes more than 5 s.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<Endpoint>>>>;
}

/// Resolvers, which are asked in the order in which they were given: the first that knows a name decides.
///
/// As a URL: `domain:arith`. Before the others a map is asked that belongs to them. They are asked again every 30 s.
///
/// ```
/// use ferrywire::discovery::{Resolvers, Sources};
///
/// # fn main() -> ferrywire::Result<()> {
/// let resolvers = Resolvers::new().known("arith", ["tcp://10.0.0.1:7001", "tcp://10.0.0.2:7001"])?;
/// let sources = Sources::default().with(resolvers);
/// # sources.open("domain:arith")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Resolvers {
    known: BTreeMap<String, Vec<Endpoint>>,
    others: Vec<Arc<dyn Resolve>>,
}

impl Resolvers {
    /// None; no name is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// These, with the servers of one name more, in the place of those that it had.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if one of them is no address.
    pub fn known(
        mut self,
        name: impl Into<String>,
        addresses: impl IntoIterator<Item = impl IntoAddress>,
    ) -> Result<Self> {
        let list: Result<_> =
            addresses.into_iter().map(|address| address.into_address().map(Endpoint::new)).collect();
        self.known.insert(name.into(), list?);
        Ok(self)
    }

    /// These, and if they do not know a name, this one.
    #[must_use]
    pub fn or(mut self, resolver: impl Resolve) -> Self {
        self.others.push(Arc::new(resolver));
        self
    }

    /// The servers of `name`.
    ///
    /// # Errors
    ///
    /// The last error of a resolver if none knows the name, and [`Code::NotFound`] if there was none.
    pub async fn resolve(&self, name: &str) -> Result<Vec<Endpoint>> {
        if let Some(list) = self.known.get(name).filter(|list| !list.is_empty()) {
            return Ok(list.clone());
        }
        let mut error = None;
        for resolver in &self.others {
            match timeout(RESOLUTION_MAX, resolver.resolve(name)).await {
                Ok(Ok(Some(list))) if !list.is_empty() => return Ok(list),
                Ok(Ok(_)) => {}
                Ok(Err(why)) => error = Some(why),
                Err(_) => {
                    error =
                        Some(unresolved(Code::Unavailable, format!("no answer within {RESOLUTION_MAX:?}")))
                }
            }
        }
        Err(error.unwrap_or_else(|| {
            unresolved(Code::NotFound, format!("no resolver knows `{}`", shown(name.as_bytes())))
        }))
    }
}

impl std::fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let others = self.others.len();
        f.debug_struct("Resolvers").field("known", &self.known).field("others", &others).finish()
    }
}

impl Scheme for Resolvers {
    fn open(&self, url: &str) -> Option<Result<Box<dyn Discover>>> {
        let name = url.strip_prefix("domain:")?;
        if name.is_empty() || name.len() > NAME_LEN_MAX || name.contains(char::is_control) {
            let url = shown(url.as_bytes());
            return Some(Err(ill_formed(format!("`{url}` names nothing: expected domain:name"))));
        }
        let named =
            Named { name: name.to_owned(), resolvers: self.clone(), told: None, asks_at: Instant::now() };
        Some(Ok(Box::new(named)))
    }

    fn names(&self) -> Vec<String> {
        vec!["domain".to_owned()]
    }
}

/// A name, and who may know it.
struct Named {
    name: String,
    resolvers: Resolvers,
    /// What was told last; `None` before the first time and after an error.
    told: Option<Vec<Endpoint>>,
    asks_at: Instant,
}

impl Discover for Named {
    fn name(&self) -> String {
        format!("domain:{}", self.name)
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            loop {
                if self.told.is_some() {
                    sleep_until(self.asks_at).await;
                }
                let resolved = self.resolvers.resolve(&self.name).await;
                self.asks_at = Instant::now() + BETWEEN_QUESTIONS;
                let list = resolved.inspect_err(|_| self.told = None)?;
                if self.told.as_ref() != Some(&list) {
                    self.told = Some(list.clone());
                    return Ok(list);
                }
            }
        })
    }
}

fn unresolved(code: Code, why: String) -> Error {
    Error::new(code, why).in_phase(Phase::Resolve).not_executed()
}

/// How often a name is asked for.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(30);

/// How long one resolver may take.
const RESOLUTION_MAX: Duration = Duration::from_secs(5);

/// The longest name, in bytes.
const NAME_LEN_MAX: usize = 255;
