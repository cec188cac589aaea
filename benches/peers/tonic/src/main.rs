//! tonic: unary calls over one HTTP/2 connection.

use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::Bytes;
use peer_support::{Connection, Peer, Result};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use crate::echo::Payload;
use crate::echo::echo_client::EchoClient;
use crate::echo::echo_server::{Echo, EchoServer};

// Made from echo.proto by tonic-prost-build 0.14.9 with `bytes(".")`, and checked in so that nobody needs protoc.
#[rustfmt::skip]
#[allow(clippy::all, warnings)]
mod echo;

/// So that a payload of 1 MiB never waits for a window; the default is 64 KiB.
const WINDOW_LEN: u32 = 8 << 20;
const MESSAGE_LEN_MAX: usize = 16 << 20;
const STREAMS_MAX: u32 = 4096;

fn main() -> ExitCode {
    peer_support::run::<Tonic>()
}

struct Tonic;

struct Parrot;

#[tonic::async_trait]
impl Echo for Parrot {
    async fn say(&self, request: Request<Payload>) -> std::result::Result<Response<Payload>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

impl Peer for Tonic {
    type Connection = Line;

    fn new(variant: &[&str]) -> Result<Self> {
        match variant {
            [] => Ok(Self),
            _ => Err("there is only one variant".into()),
        }
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let service = EchoServer::new(Parrot)
            .max_decoding_message_size(MESSAGE_LEN_MAX)
            .max_encoding_message_size(MESSAGE_LEN_MAX);
        let server = Server::builder()
            .initial_stream_window_size(WINDOW_LEN)
            .initial_connection_window_size(WINDOW_LEN)
            .max_concurrent_streams(STREAMS_MAX)
            .add_service(service);
        tokio::spawn(async { server.serve_with_incoming(incoming).await.expect("serving does not end") });
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Line> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_LEN)
            .initial_connection_window_size(WINDOW_LEN)
            .connect()
            .await?;
        let client = EchoClient::new(channel)
            .max_decoding_message_size(MESSAGE_LEN_MAX)
            .max_encoding_message_size(MESSAGE_LEN_MAX);
        Ok(Line(client))
    }
}

#[derive(Clone)]
struct Line(EchoClient<Channel>);

impl Connection for Line {
    type Reply = Bytes;

    async fn call(&self, payload: &[u8]) -> Result<Bytes> {
        self.call_shared(&Bytes::copy_from_slice(payload)).await
    }

    async fn call_shared(&self, payload: &Bytes) -> Result<Bytes> {
        // A clone of the client is how tonic's own documentation shares one among tasks.
        let reply = self.0.clone().say(Payload { body: payload.clone() }).await?;
        Ok(reply.into_inner().body)
    }
}
