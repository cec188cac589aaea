//! A `Result` says what it holds.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn add(&self, a: i64) -> std::fmt::Result;
}

fn main() {}
