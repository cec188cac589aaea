//! An argument lives as long as its call, and a reply outlives its method.

use std::borrow::Cow;

use ferrywire_macros::service;

#[service]
pub trait Names {
    async fn put(&self, name: &'static str) -> u64;
    async fn hold(&self, name: Cow<'static, str>) -> u64;
    async fn get(&self) -> Cow<'_, str>;
    async fn fixed(&self) -> Cow<'static, str>;
}

fn main() {}
