//! A reply leaves after its method has ended.

use ferrywire_macros::service;

#[service]
pub trait Names {
    async fn name(&self) -> &str;
    async fn fixed(&self) -> Result<&'static str, String>;
    async fn all(&self) -> Vec<&[u8]>;
}

fn main() {}
