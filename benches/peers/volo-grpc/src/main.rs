//! The echo over volo-grpc: unary gRPC calls on one HTTP/2 connection.

use std::net::SocketAddr;
use std::process::ExitCode;

use peer_support::{Connection, Peer, Result, run};
use pilota::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use volo::net::incoming::DefaultIncoming;
use volo_grpc::server::{Server, ServiceBuilder};
use volo_grpc::{Request, Response, Status};

use generated::ferrywire::bench::{Echo, EchoClient, EchoClientBuilder, EchoServer, Payload};

mod generated;

fn main() -> ExitCode {
    run::<VoloGrpc>()
}

struct VoloGrpc;

impl Peer for VoloGrpc {
    type Connection = Client;

    fn new(_: &[&str]) -> Result<Self> {
        Ok(Self)
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let server = Server::new()
            .http2_init_stream_window_size(STREAM_WINDOW)
            .http2_init_connection_window_size(CONNECTION_WINDOW)
            .add_service(ServiceBuilder::new(EchoServer::new(Parrot)).build());
        tokio::spawn(server.run(DefaultIncoming::from(listener)));
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Client> {
        // A pool behind each client holds one connection, for HTTP/2.
        let client = EchoClientBuilder::new("echo")
            .address(address)
            .http2_init_stream_window_size(STREAM_WINDOW)
            .http2_init_connection_window_size(CONNECTION_WINDOW)
            // By default it sets a timer of a second for every call.
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

/// Its defaults, from 1 to 5 MiB, are just too small for a message of 1 MiB.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

struct Parrot;

impl Echo for Parrot {
    async fn say(&self, request: Request<Payload>) -> std::result::Result<Response<Payload>, Status> {
        Ok(Response::new(request.into_inner()))
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
        Ok(self.0.say(Payload { data: payload.clone() }).await?.into_inner().data)
    }
}
