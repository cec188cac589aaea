//! RPC from a plain Rust trait, spoken to and from unmodified Go `net/rpc` programs and whatever speaks JSON-RPC.
//!
//! Write a trait and put [`#[service]`](macro@service) on it. That gives a server, which takes any type that
//! implements the trait, and a client with the same methods.
//!
//! ```
//! use ferrywire::{Result, Server, service};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! pub struct Args {
//!     a: i64,
//!     b: i64,
//! }
//!
//! #[service]
//! pub trait Arith {
//!     async fn multiply(&self, args: Args) -> Result<i64>;
//! }
//!
//! struct Calculator;
//!
//! impl Arith for Calculator {
//!     async fn multiply(&self, args: Args) -> Result<i64> {
//!         Ok(args.a * args.b)
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! let server =
//!     Server::builder().register(ArithServer::new(Calculator)).bind("tcp://127.0.0.1:0").await?;
//! let address = server.address();
//! tokio::spawn(server.run());
//!
//! let arith = ArithClient::connect(address).await?;
//! assert_eq!(arith.multiply(Args { a: 6, b: 7 }).await?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to read on
//!
//! - [`macro@service`]: what a trait may look like, and how it appears to Go.
//! - [`Server`], [`Client`], [`Call`]: the two banks, and what travels between them.
//! - [`Error`]: what can go wrong, and whether the call may have run.
//! - [`Limits`]: every bound, and its default.
//! - [`protocol`], [`transport`], [`codec`], [`service`](mod@service): the contracts by which the library is
//!   extended; what ships with it keeps to the same ones.

#![cfg_attr(docsrs, feature(doc_cfg))]
// What there is to say goes into errors and tracing events.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ambient;
mod arrival;
pub mod balance;
pub mod body;
pub mod client;
pub mod codec;
mod compression;
mod context;
pub mod description;
pub mod discovery;
mod duplex;
mod error;
mod input;
mod limits;
pub mod message;
mod metadata;
mod offered;
mod output;
pub mod pause;
mod peer;
#[doc(hidden)]
pub mod private;
pub mod protocol;
pub mod server;
pub mod service;
mod slot;
#[cfg(all(test, ferrywire_loom))]
mod stage;
mod sync;
mod timer;
pub mod transport;
mod window;

pub use client::{Call, Client, OneWay, Started, WithMetadata};
pub use codec::{Format, Shared};
pub use compression::Compression;
pub use context::{Cancellation, Context};
pub use error::{Code, Error, Phase, Result};
pub use ferrywire_macros::service;
pub use limits::Limits;
pub use metadata::{Metadata, NoTrace, Trace};
pub use server::{Server, ServerHandle};
