//! An `impl` block offers its `pub` methods; the type itself is the service, and the block stays as it was.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(missing_debug_implementations, clippy::unwrap_used, clippy::unused_self, clippy::missing_errors_doc)]

use std::sync::Mutex;

use ferrywire::service::Service;
use ferrywire::{Context, Result};
use ferrywire_macros::service;

/// Counts.
#[derive(Default)]
pub struct Counter {
    count: Mutex<u64>,
}

/// Counting, one at a time.
#[service(name = "counting.Counter")]
impl Counter {
    /// How far it counts.
    pub const COUNT_MAX: u64 = 10;

    /// Begins at nought.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to the count.
    ///
    /// # Errors
    ///
    /// If the count would go too far.
    ///
    /// # Panics
    ///
    /// Never.
    pub async fn add(&self, much: u64) -> Result<u64> {
        std::future::ready(()).await;
        let count = self.within(much).ok_or("too far")?;
        *self.count.lock().unwrap() = count;
        Ok(count)
    }

    /// Both at once.
    #[method(name = "AddBoth")]
    pub async fn add_two(
        &self,
        _context: &Context,
        one: u64,
        other: &str,
    ) -> std::result::Result<u64, String> {
        std::future::ready(()).await;
        let other: u64 = other.parse().map_err(|_| format!("`{other}` is no number"))?;
        Ok(one + other)
    }

    /// The count.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.count.lock().unwrap()
    }

    /// Whatever it is: not offered.
    pub(crate) fn within(&self, much: u64) -> Option<u64> {
        Some(self.count() + much).filter(|count| *count <= Self::COUNT_MAX)
    }

    /// Not offered, so that it may be anything.
    fn take<T: Into<u64>>(self, more: T) -> u64 {
        self.count.into_inner().unwrap() + more.into()
    }
}

fn main() {
    assert_eq!(Counter::new().take(3_u8), 3);
    let service: std::sync::Arc<dyn Service> = std::sync::Arc::new(Counter::new());
    assert!(std::ptr::eq(service.description(), Counter::description()));
    let description = Counter::description();
    assert_eq!((description.name, description.doc), ("counting.Counter", "Counting, one at a time."));
    let names: Vec<_> = description.methods.iter().map(|method| method.full_name).collect();
    assert_eq!(names, ["counting.Counter.Add", "counting.Counter.AddBoth", "counting.Counter.Count"]);
}
