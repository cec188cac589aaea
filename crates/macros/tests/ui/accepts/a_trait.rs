//! A trait is served by whatever implements it, and called by a client that has its methods.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(missing_debug_implementations)]

use ferrywire::{Client, Result};
use ferrywire_macros::service;
use serde::{Deserialize, Serialize};

/// Two numbers.
#[derive(Serialize, Deserialize)]
pub struct Args {
    a: i64,
    b: i64,
}

/// Sums and products.
#[service]
pub trait Arith {
    /// The product of both.
    async fn multiply(&self, args: Args) -> Result<i64>;
    /// The sum of both.
    async fn add(&self, args: Args) -> Result<i64>;
}

struct Calculator;

impl Arith for Calculator {
    async fn multiply(&self, args: Args) -> Result<i64> {
        Ok(args.a * args.b)
    }

    async fn add(&self, args: Args) -> Result<i64> {
        Ok(args.a + args.b)
    }
}

/// Compiles only if the future may go to another thread.
#[allow(dead_code)]
async fn call(client: Client) -> Result<i64> {
    let arith = ArithClient::named(client.clone(), "another.Arith");
    let product: i64 = arith.multiply(Args { a: 6, b: 7 }).await?;
    let _ = ArithClient::connect("tcp://127.0.0.1:1").await?;
    Ok(product + ArithClient::new(client).clone().add(Args { a: 6, b: 7 }).await?)
}

fn main() {
    let server = ArithServer::new(Calculator);
    assert_eq!(format!("{server:?}"), "ArithServer(..)");
    let _shared = ArithServer::shared(std::sync::Arc::new(Calculator)).clone();

    let description = ArithServer::<Calculator>::description();
    assert!(std::ptr::eq(description, ArithClient::description()));
    assert_eq!((description.name, description.doc), ("Arith", "Sums and products."));
    let names: Vec<_> = description.methods.iter().map(|method| method.full_name).collect();
    assert_eq!(names, ["Arith.Multiply", "Arith.Add"]);
    assert_eq!(description.methods[0].rust_name, "multiply");
    assert_eq!(description.methods[1].doc, "The sum of both.");
    assert!(description.methods[0].argument.rust_name().ends_with("Args"));
    assert_eq!(description.methods[0].reply.rust_name(), "i64");
}
