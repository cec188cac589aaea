//! A name on the wire is there, has no dot of its own, is one method's only, and is short.

use ferrywire_macros::service;

#[service(name = "")]
pub trait Arith {
    #[method(name = "")]
    async fn add(&self, a: i64) -> i64;
    #[method(name = "math.Sub")]
    async fn sub(&self, a: i64) -> i64;
    #[method(name = "Multiply")]
    async fn mul(&self, a: i64) -> i64;
    async fn multiply(&self, a: i64) -> i64;
    async fn user_count(&self) -> i64;
    async fn userCount(&self) -> i64;
    async fn __(&self) -> i64;
}

#[service(name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
pub trait Long {
    async fn add(&self, a: i64) -> i64;
}

#[service(name = "almost.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
pub trait Almost {
    async fn add(&self, a: i64) -> i64;
    async fn add_three_numbers(&self, a: i64) -> i64;
}

fn main() {}
