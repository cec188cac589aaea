//! What crosses the wire has one type.

use ferrywire_macros::service;
use serde::Serialize;

#[service]
pub trait Store<K, V> {
    async fn put<T: Serialize, const N: usize>(&self, thing: T) -> i64;
}

#[service]
pub trait Borrowing {
    async fn get<'a>(&'a self, name: &'a str) -> i64;
}

struct Shelf<T>(T);

#[service]
impl<T> Shelf<T> {
    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {}
