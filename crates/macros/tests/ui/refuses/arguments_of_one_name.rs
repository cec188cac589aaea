//! Several arguments are fields of a struct, and Go has to tell them apart.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn add(&self, user_id: i64, userId: i64) -> i64;
    async fn sub(&self, a: i64, _a: i64) -> i64;
}

fn main() {}
