//! The echo over volo-thrift: many calls on one connection, or one connection for each call in flight.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use peer_support::{Connection, Peer, Result, run};
use pilota::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use volo::net::incoming::DefaultIncoming;
use volo_thrift::ServerError;
use volo_thrift::transport::pool::Config;

use generated::echo::{Echo, EchoClient, EchoClientBuilder, EchoServer};

mod generated;

fn main() -> ExitCode {
    run::<VoloThrift>()
}

struct VoloThrift {
    is_multiplex: bool,
}

impl Peer for VoloThrift {
    type Connection = Client;

    fn new(variant: &[&str]) -> Result<Self> {
        match variant {
            ["multiplex"] => Ok(Self { is_multiplex: true }),
            ["pingpong"] => Ok(Self { is_multiplex: false }),
            _ => Err("expected multiplex or pingpong".into()),
        }
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let server = EchoServer::new(Parrot).multiplex(self.is_multiplex);
        tokio::spawn(server.run(DefaultIncoming::from(listener)));
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Client> {
        // The pool behind a client opens one connection in all, or one for each call in flight. By default it closes
        // those that were idle for 15 s, and sets a timer of a second for every call.
        let client = EchoClientBuilder::new("echo")
            .address(address)
            .multiplex(self.is_multiplex)
            .pool_config(Config::default().timeout(IDLE_MAX))
            .rpc_timeout(None);
        Ok(Client(client.build()))
    }
}

/// A thousand clients connect at once, more than a listener of tokio's takes by default.
fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(4096)?)
}

const IDLE_MAX: Duration = Duration::from_secs(3600);

struct Parrot;

impl Echo for Parrot {
    async fn say(&self, payload: Bytes) -> std::result::Result<Bytes, ServerError> {
        Ok(payload)
    }
}

#[derive(Clone)]
struct Client(EchoClient);

impl Connection for Client {
    type Reply = Bytes;

    async fn call(&self, payload: &[u8]) -> Result<Bytes> {
        self.call_shared(&Bytes::copy_from_slice(payload)).await
    }

    async fn call_shared(&self, payload: &Bytes) -> Result<Bytes> {
        Ok(self.0.say(payload.clone()).await?)
    }
}
