//! A trait keeps its default bodies, its supertraits and its attributes.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]

use std::fmt::Display;

use ferrywire::{Context, Result};
use ferrywire_macros::service;

/// Has a name.
pub trait Named {
    /// The name.
    fn name(&self) -> String;
}

/// Greets.
#[service]
pub trait Greeter: Named + Display
where
    Self: Sized,
{
    /// Says hello.
    async fn greet(&self, who: &str) -> Result<String> {
        if who.is_empty() {
            return Err("nobody".into());
        }
        let number: u8 = "7".parse().map_err(|_| "no number")?;
        Ok(format!("{} greets {who} {number} times", self.name()))
    }

    /// Changes its argument.
    async fn shorten(&self, mut text: String) -> Result<String> {
        text.truncate(3);
        std::future::ready(()).await;
        Ok(text)
    }

    /// Looks at nothing.
    async fn idle(&self, _context: &Context, _name: &str, _size: u64) {}

    /// At once.
    #[must_use]
    #[inline]
    fn twice(&self, mut text: String) -> String {
        text.push_str(&text.clone());
        text
    }
}

struct Host;

impl Named for Host {
    fn name(&self) -> String {
        "host".into()
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("host")
    }
}

impl Greeter for Host {}

fn main() {
    let _ = GreeterServer::new(Host);
    assert_eq!(Host.twice("ab".into()), "abab");
}
