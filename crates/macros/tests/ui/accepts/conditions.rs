//! What stands under a `#[cfg]` is there or not there in all that is written.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(clippy::unused_self, clippy::non_minimal_cfg, clippy::missing_errors_doc)]

use ferrywire::Result;
use ferrywire_macros::service;

/// Some of its methods are there.
#[service]
pub trait Partly {
    /// Not there, and neither is its type.
    #[cfg(any())]
    async fn gone(&self, thing: Absent, other: Absent) -> Result<Absent>;
    /// There.
    async fn here(&self, a: i64, b: i64) -> Result<i64>;
    /// Not there either.
    #[cfg_attr(all(), cfg(any()), doc = "never read")]
    fn gone_too(&self, thing: Absent) -> Absent;
    /// There,
    #[cfg_attr(all(), doc = "and described.")]
    #[cfg(all())]
    fn at_once(&self, a: i64) -> i64;
    /// One of two.
    #[cfg(any())]
    async fn either(&self, thing: Absent) -> Result<()>;
    /// The other of two.
    #[cfg(not(any()))]
    async fn either(&self, thing: u8) -> Result<()>;
}

/// Not there at all.
#[service]
#[cfg(any())]
pub trait Never {
    /// Not there.
    async fn gone(&self, thing: Absent) -> Result<Absent>;
}

struct Handler;

impl Partly for Handler {
    async fn here(&self, a: i64, b: i64) -> Result<i64> {
        Ok(a * b)
    }

    fn at_once(&self, a: i64) -> i64 {
        a
    }

    async fn either(&self, _thing: u8) -> Result<()> {
        Ok(())
    }
}

#[service]
impl Handler {
    /// Not there.
    #[cfg(any())]
    pub async fn gone(&self, thing: Absent) -> Result<Absent> {}

    /// There.
    pub fn here_too(&self) {}
}

fn main() {
    let _ = PartlyServer::new(Handler);
    let names: Vec<_> = PartlyClient::description().methods.iter().map(|method| method.rust_name).collect();
    assert_eq!(names, ["here", "at_once", "either"]);
    assert_eq!(Handler::description().methods.len(), 1);
}
