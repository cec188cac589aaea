//! A type has a name at both ends.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn merge(&self, other: Vec<Self>) -> i64
    where
        Self: Sized;
    async fn copy(&self) -> Result<Self, String>
    where
        Self: Sized;
}

fn main() {}
