//! The attributes know few keys.

use ferrywire_macros::service;

#[service(nmae = "Sums")]
pub trait Misspelt {
    #[method(rename = "Add")]
    async fn add(&self, a: i64) -> i64;
}

#[service(name)]
pub trait Unsaid {
    #[method(name = 5)]
    async fn add(&self, a: i64) -> i64;
    #[method("Sub")]
    async fn sub(&self, a: i64) -> i64;
    #[method]
    async fn mul(&self, a: i64) -> i64;
    #[method = "Div"]
    async fn div(&self, a: i64) -> i64;
}

#[service(name = "A", name = "B")]
pub trait Twice {
    #[method(name = "Add")]
    #[method(name = "Plus")]
    async fn add(&self, a: i64) -> i64;
}

#[service(idempotent)]
pub trait Repeated {
    #[method(idempotent = true)]
    async fn add(&self, a: i64) -> i64;
    #[method(idempotent, name = "Sub", idempotent)]
    async fn sub(&self, a: i64) -> i64;
}

fn main() {}
