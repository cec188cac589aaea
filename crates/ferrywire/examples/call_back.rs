//! A server that calls its client back, over the connection on which the client called it:
//! `cargo run --release --example call_back`.

use std::time::Duration;

use ferrywire::{Client, Context, Result, Server, service};

/// What the client offers: whom the server tells how far it is.
#[service]
pub trait Progress {
    /// So much is done; whether to go on.
    async fn reached(&self, percent: u32) -> bool;
}

/// What the server offers.
#[service]
pub trait Kitchen {
    /// Bakes, and says how far it came.
    async fn bake(&self, context: &Context, what: String) -> Result<u32>;
}

struct Oven;

impl Kitchen for Oven {
    async fn bake(&self, context: &Context, what: String) -> Result<u32> {
        // Most callers offer nothing, and are told nothing.
        let caller = context.caller().map(ProgressClient::new);
        for percent in [25, 50, 75] {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if let Some(caller) = &caller
                && !caller.reached(percent).await?
            {
                println!("the kitchen: no {what}, then");
                return Ok(percent);
            }
        }
        println!("the kitchen: {what} is ready");
        Ok(100)
    }
}

struct Guest {
    patience: u32,
}

impl Progress for Guest {
    async fn reached(&self, percent: u32) -> bool {
        println!("the guest: {percent} %");
        percent < self.patience
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(KitchenServer::new(Oven)).bind("tcp://127.0.0.1:0").await?;
    let address = server.address();
    tokio::spawn(server.run());

    for patience in [100, 50] {
        let client = Client::builder().register(ProgressServer::new(Guest { patience }));
        let kitchen = KitchenClient::new(client.connect(&address).await?);
        println!("baked to {} %", kitchen.bake("bread".to_owned()).await?);
    }
    let silent = KitchenClient::connect(&address).await?;
    println!("baked to {} % for a client that offers nothing", silent.bake("cake".to_owned()).await?);
    Ok(())
}
