//! A trait without methods is a service without methods.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(missing_debug_implementations)]

/// Offers nothing yet.
#[ferrywire_macros::service]
pub trait Later {}

/// Offers nothing either.
pub struct Never;

#[ferrywire_macros::service]
impl Never {}

impl Later for Never {}

fn main() {
    let _ = LaterServer::new(Never);
    assert!(LaterClient::description().methods.is_empty());
    assert!(Never::description().methods.is_empty());
}
