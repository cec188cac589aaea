//! Names on the wire may be others than those in Rust.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]

use ferrywire::Result;
use ferrywire_macros::service;

/// Users.
#[service(name = "accounts.v2.Users")]
pub trait Users {
    /// By its own name.
    async fn user_count(&self) -> Result<u64>;
    /// By another.
    #[method(name = "Mul")]
    async fn multiply(&self, a: i64, b: i64) -> Result<i64>;
    /// By one that Rust has no word for.
    #[method(name = "rate-limit")]
    async fn rate_limit(&self, a: i64, b: i64) -> Result<i64>;
    /// With a number.
    async fn sha256_of(&self) -> Result<u64>;
    /// Beyond ASCII.
    async fn größe(&self) -> Result<u64>;
    /// By its own name, said with nothing.
    #[method()]
    async fn touch(&self) -> Result<()>;
}

fn main() {
    let description = UsersClient::description();
    assert_eq!(description.name, "accounts.v2.Users");
    let names: Vec<_> = description.methods.iter().map(|method| method.name).collect();
    assert_eq!(names, ["UserCount", "Mul", "rate-limit", "Sha256Of", "Größe", "Touch"]);
    assert_eq!(description.methods[1].full_name, "accounts.v2.Users.Mul");
    assert_eq!(description.methods[1].rust_name, "multiply");
    assert!(description.methods[1].argument.rust_name().ends_with("MulArgs"));
}
