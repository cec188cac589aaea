//! Serves Arith and Zoo to the program that started it, over its input and output, and ends with that
//! connection: Go's `ServeConn` over a pipe.

use ferrywire::Result;
use ferrywire::transport::{Peer, Stream};
use ferrywire_interop::zoo;

#[tokio::main]
async fn main() -> Result<()> {
    let server = zoo::server().build()?;
    let stream = Stream::new(tokio::io::stdin(), tokio::io::stdout(), Peer::named("stdio"));
    server.serve(stream).await;
    Ok(())
}
