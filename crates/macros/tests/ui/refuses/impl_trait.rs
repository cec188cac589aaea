//! What crosses the wire has one type, and it is said.

use std::future::Future;

use ferrywire_macros::service;

#[service]
pub trait Arith {
    async fn sum(&self, numbers: impl Iterator<Item = i64>) -> i64;
    async fn maybe(&self, numbers: Option<impl Iterator<Item = i64>>) -> i64;
    fn later(&self) -> impl Future<Output = i64>;
    async fn many(&self) -> Vec<impl Clone>;
}

fn main() {}
