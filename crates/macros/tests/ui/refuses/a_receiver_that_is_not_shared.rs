//! Calls share one service, so that a method takes `&self` and nothing else.

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn none(a: i64) -> i64;
    async fn exclusive(&mut self, a: i64) -> i64;
    async fn by_value(self, a: i64) -> i64;
    async fn boxed(self: Box<Self>, a: i64) -> i64;
}

struct Calculator;

#[service]
impl Calculator {
    pub async fn exclusive(&mut self, a: i64) -> i64 {
        a
    }

    pub fn new() -> Self {
        Calculator
    }
}

fn main() {}
