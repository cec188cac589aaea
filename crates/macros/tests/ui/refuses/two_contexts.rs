//! A call has one context.

use ferrywire::Context;
use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn add(&self, context: &Context, a: i64, other: &ferrywire::Context) -> i64;
}

fn main() {}
