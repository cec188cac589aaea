//! The echo over jsonrpsee: JSON-RPC 2.0 over a WebSocket, the payload in hexadecimal both ways.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use jsonrpsee::core::client::ClientT;
use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::rpc_params;
use jsonrpsee::server::{RpcModule, Server, ServerConfig};
use jsonrpsee::ws_client::{RpcService, WsClient, WsClientBuilder};
use peer_support::{Connection, Peer, Result, run};
use tokio::net::{TcpListener, TcpSocket};

fn main() -> ExitCode {
    run::<Jsonrpsee>()
}

struct Jsonrpsee;

impl Peer for Jsonrpsee {
    type Connection = Client;

    fn new(_: &[&str]) -> Result<Self> {
        Ok(Self)
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let config = ServerConfig::builder().ws_only().max_connections(CONNECTIONS_MAX).build();
        let server = Server::builder().set_config(config).build_from_tcp(listener.into_std()?)?;
        let mut module = RpcModule::new(());
        // The server does not look into the text. Nothing is waited for, so the method is not an async one.
        module.register_method("say", |params, _, _| params.one::<String>())?;
        tokio::spawn(server.start(module).stopped());
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Client> {
        let client = WsClientBuilder::new()
            .max_concurrent_requests(CALLS_MAX)
            // By default there is one layer, a logger.
            .set_rpc_middleware(RpcServiceBuilder::new());
        Ok(Client(Arc::new(client.build(format!("ws://{address}")).await?)))
    }
}

/// A thousand clients connect at once, more than a listener of tokio's takes by default.
fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(4096)?)
}

/// Its defaults are 100 and 256.
const CONNECTIONS_MAX: u32 = 20_000;
const CALLS_MAX: usize = 4096;

#[derive(Clone)]
struct Client(Arc<WsClient<RpcService>>);

impl Connection for Client {
    type Reply = Vec<u8>;

    async fn call(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let reply: String = self.0.request("say", rpc_params![faster_hex::hex_string(payload)]).await?;
        let mut bytes = vec![0; reply.len() / 2];
        faster_hex::hex_decode(reply.as_bytes(), &mut bytes)?;
        Ok(bytes)
    }
}
