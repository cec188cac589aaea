//! What is not offered has no name on the wire.

use ferrywire_macros::service;

struct Calculator;

#[service]
impl Calculator {
    #[method(name = "Add")]
    pub(crate) async fn add(&self, a: i64) -> i64 {
        a
    }

    #[method(name = "New")]
    pub fn new() -> Self {
        Calculator
    }
}

fn main() {}
