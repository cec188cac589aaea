//! Servers that are known from the start and never change.

use super::{Discover, Endpoint, text};
use crate::error::Result;
use crate::transport::{BoxFuture, IntoAddress};

/// A list of servers that never changes.
///
/// As a URL: `fixed:10.0.0.1:7001,tcp://10.0.0.2:7001;weight=3;zone=eu`. Addresses are separated by commas, and `tcp://` may be left out.
/// Behind each may stand, after semicolons:
///
/// | option | is |
/// | --- | --- |
/// | `weight=3` | how much it is to get, beside others |
/// | `zone=eu` | where it stands |
/// | `health=draining` | whether it takes calls: `serving` or `draining` |
/// | `meta.NAME=VALUE` | what else is said of it |
#[derive(Clone, Debug)]
pub struct Fixed {
    list: Vec<Endpoint>,
    is_told: bool,
}

impl Fixed {
    /// These servers.
    pub fn new(list: impl Into<Vec<Endpoint>>) -> Self {
        Self { list: list.into(), is_told: false }
    }

    /// The servers at these addresses.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if one of them is no address.
    pub fn at(addresses: impl IntoIterator<Item = impl IntoAddress>) -> Result<Self> {
        let list: Result<Vec<Endpoint>> =
            addresses.into_iter().map(|address| address.into_address().map(Endpoint::new)).collect();
        Ok(Self::new(list?))
    }
}

impl Discover for Fixed {
    fn name(&self) -> String {
        const NAMED: usize = 3;
        let named: Vec<String> = self.list.iter().take(NAMED).map(|one| one.address.to_string()).collect();
        let more = if self.list.len() > NAMED { ",…" } else { "" };
        format!("fixed:{}{more}", named.join(","))
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            if self.is_told {
                std::future::pending::<()>().await;
            }
            self.is_told = true;
            Ok(self.list.clone())
        })
    }
}

/// Opens `fixed:`.
pub(super) fn open(url: &str) -> Option<Result<Box<dyn Discover>>> {
    let list = text::endpoints(url.strip_prefix("fixed:")?);
    Some(list.map(|list| Box::new(Fixed::new(list)) as Box<dyn Discover>))
}
