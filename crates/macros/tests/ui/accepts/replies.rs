//! A reply is nothing, a value, or a `Result` with any error that becomes ferrywire's; clients get one kind.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(clippy::unused_self, clippy::missing_errors_doc)]

use ferrywire::{Client, Error};
use ferrywire_macros::service;

/// No such thing.
#[derive(Debug)]
pub struct Missing(u64);

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Error::from(format!("no thing {}", missing.0))
    }
}

/// What things answer.
pub type Result<T> = std::result::Result<T, Missing>;

/// Things.
#[service]
pub trait Things {
    /// Nothing.
    async fn touch(&self, id: u64);
    /// Nothing, said.
    async fn drop(&self, id: u64) -> ();
    /// A value.
    async fn count(&self) -> u64;
    /// Ferrywire's own.
    async fn name(&self, id: u64) -> ferrywire::Result<String>;
    /// An alias.
    async fn size(&self, id: u64) -> Result<u64>;
    /// In full.
    async fn owner(&self, id: u64) -> std::result::Result<Vec<String>, Missing>;
    /// Of text.
    async fn check(&self) -> std::result::Result<(), &'static str>;
    /// At once.
    fn poke(&self);
    /// At once, or not.
    fn prod(&self, id: u64) -> Result<()>;
}

#[allow(dead_code)]
async fn call(client: Client) -> ferrywire::Result<u64> {
    let things = ThingsClient::new(client);
    let () = things.touch(1).await?;
    let () = things.drop(1).await?;
    let _: String = things.name(1).await?;
    let _: u64 = things.size(1).await?;
    let _: Vec<String> = things.owner(1).await?;
    let () = things.check().await?;
    let () = things.poke().await?;
    let () = things.prod(1).await?;
    things.count().await
}

fn main() {
    let replies: Vec<_> = ThingsClient::description().methods.iter().map(|m| m.reply.rust_name()).collect();
    assert_eq!(replies[..5], ["()", "()", "u64", "alloc::string::String", "u64"]);
}
