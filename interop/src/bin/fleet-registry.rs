//! A registry, until it is killed: `fleet-registry ADDRESS [SNAPSHOT]`.

use ferrywire::{Result, Server};
use ferrywire_registry::{Registry, WithRegistry};

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "tcp://127.0.0.1:0".to_owned());
    let mut registry = Registry::builder();
    if let Some(snapshot) = words.next() {
        registry = registry.snapshot(snapshot);
    }
    let server = Server::builder().with_registry(&registry.build()).bind(address).await?;
    println!("listening on {}", server.address());
    server.run().await
}
