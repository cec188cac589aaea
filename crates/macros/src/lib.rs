//! The `#[service]` attribute: a plain trait becomes a server and a client.
//!
//! An item is read (`parse`), judged (`check`), kept in our own words (`model`) and written out (`expand`).
//! Whatever is wrong with it is said at once, each at its token; the item itself is given back in every case.

use proc_macro::TokenStream;

mod check;
mod expand;
mod model;
mod parse;

/// Serves a trait, and calls it: writes `ArithServer` and `ArithClient` for `trait Arith`.
///
/// ```
/// use ferrywire::{Result, service};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// pub struct Args {
///     pub a: i64,
///     pub b: i64,
/// }
///
/// /// Sums and products.
/// #[service]
/// pub trait Arith {
///     /// The product of both numbers.
///     async fn multiply(&self, args: Args) -> Result<i64>;
/// }
///
/// struct Calculator;
///
/// impl Arith for Calculator {
///     async fn multiply(&self, args: Args) -> Result<i64> {
///         Ok(args.a * args.b)
///     }
/// }
///
/// let server = ArithServer::new(Calculator);
/// assert_eq!(ArithServer::<Calculator>::description().methods[0].full_name, "Arith.Multiply");
/// # let _ = server;
/// ```
///
/// # What is written
///
/// - The trait itself, with `Send + Sync + 'static` added and its futures `Send`. Who implements it writes
///   `async fn`, as in the trait.
/// - `ArithServer<T>`, which serves any `T: Arith`: `ArithServer::new(handler)`, or
///   `ArithServer::shared(handler)` for an `Arc<T>` that others hold too.
/// - `ArithClient`, with the trait's methods. Each returns a `Call`, a future that does nothing until it is
///   awaited and whose output is a `ferrywire::Result` of the reply. It is made by
///   `ArithClient::connect(address)`, by `ArithClient::new(client)`, or by
///   `ArithClient::named(client, "another.Name")` for a service that has another name on the wire.
/// - `description()` on both: the names, the doc comments and the types, as data.
///
/// # What a method looks like
///
/// It takes `&self`, because calls share one service, and then, in any order:
///
/// - `context: &Context`, if it asks who calls, until when, and with what beside the argument;
/// - its arguments, each owned, or `&str` or `&[u8]`, which are then read without a copy. A type that
///   borrows is written with `'_`, such as `View<'_>`.
///
/// It is `async`, or not: one that is not `async` and takes no context is answered at once, where the
/// request was read, so it must be short.
///
/// It returns `T`, `Result<T>` or `Result<T, E>` where `E: Into<ferrywire::Error>`. Whatever ends in
/// `Result` and says what it holds is taken for one, an alias too.
///
/// Types of arguments and replies implement `Serialize` and `Deserialize`.
///
/// # How Go sees it
///
/// | in Rust | in Go |
/// |---|---|
/// | `trait Arith` | the service `Arith` |
/// | `user_count` | the method `UserCount` |
/// | no argument | `struct{}` |
/// | one argument | its type |
/// | `mul(&self, a: i64, b: i64)` | `MulArgs`, a `struct{ A, B int64 }` |
/// | no reply, or `()` | `struct{}` |
/// | a reply `T` or `Result<T>` | `T`, and an error beside it |
///
/// Other names are given by `#[service(name = "x.y")]` on the trait and by `#[method(name = "Mul")]` on a
/// method. The name of a service may have dots; that of a method may not. Together with the dot between
/// them they have at most 255 bytes.
///
/// # What may run twice
///
/// `#[method(idempotent)]` on a method says that running it twice does what running it once does: it reads, or sets something to a value.
/// A client with several servers then calls it again, as if every call of it were `.idempotent()`, when a server is lost and nobody knows
/// whether the call has run there.
///
/// ```
/// # use ferrywire::{Result, service};
/// #[service]
/// pub trait Stock {
///     /// How many there are.
///     #[method(idempotent)]
///     async fn count(&self, item: u64) -> Result<u64>;
///     /// Takes one away.
///     async fn take(&self, item: u64) -> Result<()>;
/// }
///
/// assert!(StockClient::description().methods[0].is_idempotent);
/// ```
///
/// # Without a trait
///
/// On an `impl` block the attribute offers the block's `pub` methods. There is a server only, and it is the
/// type itself:
///
/// ```
/// # use ferrywire::service;
/// struct Calculator;
///
/// #[service]
/// impl Calculator {
///     pub async fn add(&self, a: i64, b: i64) -> i64 {
///         a + b
///     }
/// }
///
/// assert_eq!(Calculator::description().methods[0].full_name, "Calculator.Add");
/// ```
///
/// Functions without `self` are left alone, and so are methods that are not `pub`.
#[proc_macro_attribute]
pub fn service(keys: TokenStream, item: TokenStream) -> TokenStream {
    expand::service(keys.into(), item.into()).into()
}
