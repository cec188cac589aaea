//! A parameter is a name.

use ferrywire_macros::service;

struct Calculator;

#[service]
impl Calculator {
    pub async fn add(&self, (a, b): (i64, i64)) -> i64 {
        a + b
    }

    pub async fn first(&self, _: i64, whole @ (_, _): (i64, i64)) -> i64 {
        whole.0
    }
}

#[service]
pub trait Arith {
    async fn ignore(&self, _: i64) -> i64;
}

fn main() {}
