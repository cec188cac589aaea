//! What clients and services have themselves cannot be a method's name in Rust as well.

use ferrywire_macros::service;

#[service]
pub trait Link {
    async fn connect(&self, to: &str) -> u64;
    fn new(&self) -> u64;
    async fn named(&self) -> u64;
    async fn description(&self) -> u64;
}

struct Book;

#[service]
impl Book {
    pub fn description(&self) -> String {
        String::new()
    }
}

fn main() {}
