//! Serves Arith and Zoo at an address until it is interrupted, for Go programs that are started by hand.
//!
//! `cargo run -p ferrywire-interop --bin zoo-server -- tcp://127.0.0.1:0`
//!
//! The same port answers Go's `DialHTTP`; an `http://` address with a path adds that path.

use ferrywire::Result;
use ferrywire_interop::zoo;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(address), None) = (words.next(), words.next()) else {
        eprintln!("usage: zoo-server ADDRESS, such as tcp://127.0.0.1:0");
        std::process::exit(2);
    };
    let server = zoo::server().bind(address).await?;
    println!("listening on {}", server.address());
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server.run_until(interrupted).await
}
