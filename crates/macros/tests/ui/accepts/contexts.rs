//! A context is no argument: it may stand anywhere, and neither the wire nor the client knows of it.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]

use ferrywire::{Client, Context, Result};
use ferrywire_macros::service;

/// Clocks.
#[service]
pub trait Clock {
    /// Alone.
    async fn left(&self, context: &Context) -> Result<u64>;
    /// In front.
    async fn after(&self, context: &Context, name: &str) -> Result<u64>;
    /// Behind.
    async fn before(&self, name: &str, context: &ferrywire::Context) -> Result<u64>;
    /// Between.
    async fn between(&self, from: u64, _context: &ferrywire::Context, to: u64) -> Result<u64>;
    /// In a method without a future of its own.
    fn now(&self, context: &Context) -> u64;
}

#[allow(dead_code)]
async fn call(client: Client) -> Result<()> {
    let clock = ClockClient::new(client);
    clock.left().await?;
    clock.after("a").await?;
    clock.before("a").await?;
    clock.between(1, 2).await?;
    clock.now().await?;
    Ok(())
}

fn main() {
    let methods = ClockClient::description().methods;
    assert_eq!(methods[0].argument.rust_name(), "()");
    assert!(methods[1].argument.rust_name().contains("Text"));
}
