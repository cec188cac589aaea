//! Everything that is wrong with an item is said at once, and nothing else: the types are there all the same.

use ferrywire_macros::service;

pub struct Args;

#[service(nmae = "Sums")]
pub trait Arith {
    async fn add(&mut self, args: &Args) -> &str;
    #[method(name = "a.b")]
    async fn fine(&self, a: i64) -> i64;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&mut self, _args: &Args) -> &str {
        ""
    }

    async fn fine(&self, a: i64) -> i64 {
        a
    }
}

fn main() {
    let _ = ArithServer::new(Calculator);
    let _ = ArithClient::description();
}
