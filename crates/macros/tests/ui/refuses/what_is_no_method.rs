//! A service has methods and nothing else.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    type Number;
    const LIMIT: u64;
    macro_of_mine!();
    async fn add(&self, a: i64) -> i64;
}

macro_rules! macro_of_mine {
    () => {};
}
use macro_of_mine;

fn main() {}
