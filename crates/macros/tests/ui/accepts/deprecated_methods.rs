//! A method may be deprecated: who calls it is told, who serves it is not.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(clippy::missing_errors_doc)]

use ferrywire::{Client, Result};
use ferrywire_macros::service;

/// Old and new.
#[service]
pub trait Ages {
    /// Old.
    #[deprecated = "call `new_way`"]
    async fn old_way(&self, a: i64) -> Result<i64>;
    /// Old, at once.
    #[deprecated(since = "0.1.0", note = "call `new_way`")]
    fn older_way(&self, a: i64) -> Result<i64>;
    /// New.
    async fn new_way(&self, a: i64) -> Result<i64>;
}

/// Old altogether.
#[service]
#[deprecated = "see `Ages`"]
pub trait Past {
    /// Old.
    async fn way(&self, a: i64, b: i64) -> Result<i64>;
}

#[allow(dead_code)]
async fn call(client: Client) -> Result<i64> {
    #[expect(deprecated)]
    AgesClient::new(client).old_way(1).await
}

fn main() {
    assert_eq!(AgesClient::description().methods.len(), 3);
}
