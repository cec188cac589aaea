//! The user may call anything whatever they like: nothing that is written looks names up where they stand.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(
    missing_debug_implementations,
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    unused_macros
)]

mod core {}
mod std {}
mod serde {}
mod ferrywire {}

macro_rules! concat {
    () => {};
}

macro_rules! matches {
    () => {};
}

/// Hides the trait.
pub struct Send;
/// Hides the trait.
pub struct Sync;
/// Hides the trait.
pub struct Clone;
/// Hides the trait.
pub struct Debug;
/// Hides the trait.
pub struct From;
/// Hides the trait.
pub struct Into;
/// Hides the trait.
pub struct AsRef;
/// Hides the type.
pub struct Box;
/// Hides the type.
pub struct Arc;
/// Hides the type.
pub struct Option;
/// Hides the variant.
pub struct Some;
/// Hides the variant.
pub struct None;
/// Hides the variant.
pub struct Ok;
/// Hides the variant.
pub struct Err;
/// Not ferrywire's.
pub struct Error;
/// Not ferrywire's.
pub struct Call;
/// Not ferrywire's.
pub struct Stub;
/// Not ferrywire's.
pub struct Kit;
/// Not ferrywire's.
pub struct Method;
/// Not ferrywire's.
pub struct Bytes;
/// Not ferrywire's.
pub struct Future;

/// Has the name of the server's own parameter.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct T(u8);
/// Has the name of the struct that carries several arguments.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct MulArgs(u8);
/// Has the name of what is answered.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct Reply(u8);

/// A static and a constant in small letters.
pub static reply: u8 = 1;
/// A static and a constant in small letters.
pub const argument: u8 = 2;

/// Every method has a name that something else might have.
#[::ferrywire_macros::service]
pub trait Odd {
    /// One.
    async fn call(&self, t: T) -> ::ferrywire::Result<MulArgs>;
    /// Two.
    async fn mul(&self, a: T, b: &str) -> ::ferrywire::Result<Reply>;
    /// Three.
    async fn dispatch(&self, kit: MulArgs) -> T;
    /// Four.
    fn now(&self, request: &[u8], sink: &str) -> T;
    /// Five.
    async fn clone(&self, service: T);
    /// Six.
    async fn encode(&self, self_: T, place: T) -> ::ferrywire::Result<T, ::std::string::String>;
    /// Seven.
    fn fmt(&self);
    /// Eight.
    fn shared(&self);
}

fn main() {
    assert_eq!(OddClient::description().methods.len(), 8);
}
