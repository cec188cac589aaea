//! tarpc: calls over one connection, bincode in length-delimited frames.

use std::net::SocketAddr;
use std::process::ExitCode;

use futures::StreamExt;
use peer_support::{Connection, Peer, Result};
use serde_bytes::ByteBuf;
use tarpc::context::{self, Context};
use tarpc::serde_transport::{Transport, new};
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, server};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::LengthDelimitedCodec;

const FRAME_LEN_MAX: usize = 16 << 20;
/// How many calls may wait to be written; the default is 100, which is what one connection has in flight at most.
const CALLS_MAX: usize = 1024;

#[tarpc::service]
trait Echo {
    async fn say(payload: ByteBuf) -> ByteBuf;
}

fn main() -> ExitCode {
    peer_support::run::<Tarpc>()
}

struct Tarpc;

#[derive(Clone)]
struct Parrot;

impl Echo for Parrot {
    async fn say(self, _: Context, payload: ByteBuf) -> ByteBuf {
        payload
    }
}

impl Peer for Tarpc {
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
        tokio::spawn(accept(listener));
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Line> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut config = client::Config::default();
        (config.max_in_flight_requests, config.pending_request_buffer) = (CALLS_MAX, CALLS_MAX);
        Ok(Line(EchoClient::new(config, framed(stream)).spawn()))
    }
}

async fn accept(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("descriptors suffice");
        stream.set_nodelay(true).expect("a connected socket has this option");
        let channel = BaseChannel::new(server::Config { pending_response_buffer: CALLS_MAX }, framed(stream));
        // As in its documentation: a task for each request.
        tokio::spawn(channel.execute(Parrot.serve()).for_each(|answering| async move {
            tokio::spawn(answering);
        }));
    }
}

type Framed<Item, Sink> = Transport<TcpStream, Item, Sink, Bincode<Item, Sink>>;

fn framed<Item, Sink>(stream: TcpStream) -> Framed<Item, Sink>
where
    Item: for<'de> serde::Deserialize<'de>,
    Sink: serde::Serialize,
{
    let mut codec = LengthDelimitedCodec::builder();
    let framed = codec.max_frame_length(FRAME_LEN_MAX).new_framed(stream);
    new(framed, Bincode::default())
}

#[derive(Clone)]
struct Line(EchoClient);

impl Connection for Line {
    type Reply = ByteBuf;

    async fn call(&self, payload: &[u8]) -> Result<ByteBuf> {
        Ok(self.0.say(context::current(), ByteBuf::from(payload)).await?)
    }
}
