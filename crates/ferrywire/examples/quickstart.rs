//! A server and a client in one program: `cargo run --release --example quickstart`.

use ferrywire::{Result, Server, service};
use serde::{Deserialize, Serialize};

/// Two factors.
#[derive(Serialize, Deserialize)]
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
    let server = Server::builder()
        .register(ArithServer::new(Calculator))
        .bind("tcp://127.0.0.1:0")
        .await?;
    let address = server.address();
    tokio::spawn(server.run());

    let arith = ArithClient::connect(&address).await?;
    println!("6 × 7 = {}", arith.multiply(Args { a: 6, b: 7 }).await?);
    Ok(())
}
