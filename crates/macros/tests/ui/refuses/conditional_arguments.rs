//! An argument is always there.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn add(&self, a: i64, #[cfg(all())] b: i64) -> i64;
}

fn main() {}
