//! Nothing that is written needs another lint or language than a strict user has.
#![forbid(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    elided_lifetimes_in_paths
)]
#![forbid(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

/// Strict.
#[ferrywire_macros::service]
pub trait Strict {
    /// Borrows.
    async fn borrow(&self, a: &str, b: &[u8]) -> ferrywire::Result<String>;
    /// At once.
    fn at_once(&self, a: &str, b: &[u8]) -> ferrywire::Result<String>;
}

mod hidden {
    #[ferrywire_macros::service]
    pub(crate) trait Inner {
        async fn nothing(&self, a: i64, b: i64) -> ferrywire::Result<()>;
    }
}

fn main() {
    let _ = (StrictClient::description(), hidden::InnerClient::description());
}
