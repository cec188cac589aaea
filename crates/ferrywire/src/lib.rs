//! RPC from a plain Rust trait, spoken to and from unmodified Go `net/rpc` programs.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod body;
pub mod client;
pub mod codec;
mod context;
pub mod description;
mod error;
mod input;
mod limits;
pub mod message;
mod metadata;
mod output;
mod peer;
#[doc(hidden)]
pub mod private;
pub mod protocol;
pub mod server;
pub mod service;
mod slot;
mod timer;
pub mod transport;

pub use client::{Call, Client, Started};
pub use context::{Cancellation, Context};
pub use error::{Code, Error, Phase, Result};
pub use ferrywire_macros::service;
pub use limits::Limits;
pub use metadata::Metadata;
pub use server::{Server, ServerHandle};
