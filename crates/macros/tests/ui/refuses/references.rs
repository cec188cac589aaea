//! Of references only text and bytes cross the wire.

use ferrywire::Context;
use ferrywire_macros::service;

pub struct Args;

#[service]
pub trait Arith {
    async fn of_a_struct(&self, args: &Args) -> i64;
    async fn exclusive(&self, name: &mut str) -> i64;
    async fn of_a_list(&self, numbers: &[i64]) -> i64;
    async fn of_a_string(&self, name: &String) -> i64;
    async fn exclusive_context(&self, context: &mut Context) -> i64;
}

fn main() {}
