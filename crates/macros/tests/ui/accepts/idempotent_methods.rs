//! A method says of itself that it may run twice.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(clippy::unused_self)]

use ferrywire::Result;
use ferrywire_macros::service;

/// What there is of everything.
#[service]
pub trait Stock {
    /// Reads.
    #[method(idempotent)]
    async fn count(&self, item: u64) -> Result<u64>;
    /// Sets something to a value, under another name.
    #[method(name = "Put", idempotent)]
    async fn set(&self, item: u64, count: u64) -> Result<()>;
    /// The other way round.
    #[method(idempotent, name = "Drop")]
    async fn forget(&self, item: u64) -> Result<()>;
    /// Changes something.
    async fn take(&self, item: u64) -> Result<()>;
}

struct Shelf;

#[service]
impl Shelf {
    #[method(idempotent)]
    pub fn len(&self) -> u64 {
        7
    }
}

fn main() {
    let methods = StockClient::description().methods;
    let marked: Vec<_> = methods.iter().map(|method| (method.name, method.is_idempotent)).collect();
    assert_eq!(marked, [("Count", true), ("Put", true), ("Drop", true), ("Take", false)]);
    assert!(Shelf::description().methods[0].is_idempotent);
    assert_eq!(Shelf.len(), 7);
}
