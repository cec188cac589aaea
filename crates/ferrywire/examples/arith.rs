//! Go's textbook service, served to Go programs and called on them.
//!
//! `cargo run --release --example arith -- serve tcp://127.0.0.1:7001`
//! `cargo run --release --example arith -- call tcp://127.0.0.1:7001`
//! `curl -d '{"a":17,"b":8}' http://127.0.0.1:7001/Arith.Multiply`

use ferrywire::{Client, Code, Error, Result, Server, protocol::NetRpc, service};
use serde::{Deserialize, Serialize};

/// What both methods take: `type Args struct { A, B int }` in Go.
#[derive(Debug, Serialize, Deserialize)]
pub struct Args {
    a: i64,
    b: i64,
}

/// What a division gives: `type Quotient struct { Quo, Rem int }` in Go.
#[derive(Debug, Serialize, Deserialize)]
pub struct Quotient {
    quo: i64,
    rem: i64,
}

/// Arithmetic on integers.
#[service]
pub trait Arith {
    /// The product of both.
    fn multiply(&self, args: Args) -> i64;

    /// The quotient and the remainder.
    async fn divide(&self, args: Args) -> Result<Quotient>;
}

struct Calculator;

impl Arith for Calculator {
    fn multiply(&self, args: Args) -> i64 {
        args.a.wrapping_mul(args.b)
    }

    async fn divide(&self, args: Args) -> Result<Quotient> {
        if args.b == 0 {
            return Err(Error::new(Code::InvalidArgument, "divide by zero"));
        }
        Ok(Quotient { quo: args.a.wrapping_div(args.b), rem: args.a.wrapping_rem(args.b) })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (Some("serve"), Some(address)) => serve(&address).await,
        (Some("call"), Some(address)) => call(&address).await,
        _ => {
            eprintln!("usage: arith serve|call ADDRESS, such as tcp://127.0.0.1:7001");
            std::process::exit(2);
        }
    }
}

async fn serve(address: &str) -> Result<()> {
    let server = Server::builder().register(ArithServer::new(Calculator)).bind(address).await?;
    println!("listening on {}", server.address());
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server.run_until(interrupted).await
}

async fn call(address: &str) -> Result<()> {
    let client = Client::builder().protocol(NetRpc).connect(address).await?;
    let arith = ArithClient::new(client);
    println!("Arith.Multiply 17 × 8 = {}", arith.multiply(Args { a: 17, b: 8 }).await?);
    let Quotient { quo, rem } = arith.divide(Args { a: 17, b: 8 }).await?;
    println!("Arith.Divide 17 ÷ 8 = {quo}, remainder {rem}");
    match arith.divide(Args { a: 1, b: 0 }).await {
        Err(error) => println!("Arith.Divide 1 ÷ 0: {error}"),
        Ok(quotient) => println!("Arith.Divide 1 ÷ 0 = {quotient:?}, which is news"),
    }
    Ok(())
}
