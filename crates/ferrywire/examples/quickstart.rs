//! A server and a client in one program.
//!
//! `cargo run --release --example quickstart`, and with `-- stay` behind it the server stays for Go programs.

use ferrywire::{Result, Server, service};
use serde::{Deserialize, Serialize};

/// Two factors.
#[derive(Debug, Serialize, Deserialize)]
pub struct Args {
    a: i64,
    b: i64,
}

/// Arithmetic for everybody.
#[service]
pub trait Arith {
    /// The product of both.
    async fn multiply(&self, args: Args) -> Result<i64>;
}

struct Calculator;

impl Arith for Calculator {
    async fn multiply(&self, args: Args) -> Result<i64> {
        Ok(args.a * args.b)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(ArithServer::new(Calculator)).bind("tcp://127.0.0.1:0").await?;
    let address = server.address();
    let serving = tokio::spawn(server.run());

    let arith = ArithClient::connect(&address).await?;
    println!("6 × 7 = {}", arith.multiply(Args { a: 6, b: 7 }).await?);

    let place = address.to_string().replace("tcp://", "");
    println!("served at {address}; next, from Go, to a quickstart that was told to `stay`:");
    println!("    client, _ := rpc.Dial(\"tcp\", \"{place}\")");
    println!("    client.Call(\"Arith.Multiply\", &Args{{A: 6, B: 7}}, &product)");
    if std::env::args().any(|word| word == "stay") {
        serving.await.expect("the server does not panic")?;
    }
    Ok(())
}
