//! A service is a trait, or what an `impl` block offers.

use ferrywire_macros::service;

#[service]
struct Args {
    a: i64,
}

#[service]
enum Kind {
    One,
}

#[service]
fn add(a: i64) -> i64 {
    a
}

#[service]
mod math {}

#[service]
const LIMIT: u64 = 1;

trait Plain {}

#[service]
impl Plain for Args {}

#[service]
unsafe trait Careful {}

trait WithMethod {
    #[service(name = "Add")]
    fn add(&self);
}

fn main() {}
