//! Ferrywire itself as a peer: `ours PROTOCOL COMMAND`, in this program.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ferrywire::codec::Shared;
use ferrywire::protocol::{Native, NetRpc};
use ferrywire::service::Service;
use ferrywire::{Client, Limits, Server, service};
use peer_support::{Connection, Peer, Result, run_words};
use serde_bytes::{ByteArray, ByteBuf};

mod http;
mod json;

/// Does what `words` ask of Ferrywire: a protocol, and then a command.
pub fn run(words: &[&str]) -> Result<()> {
    match words {
        ["jsonrpc" | "http", ..] => run_words::<json::InJson>(words),
        _ => run_words::<Ours>(words),
    }
}

/// What both sides offer and call.
#[service]
pub trait Echo {
    /// Answers with its argument.
    async fn say(&self, payload: &[u8]) -> ByteBuf;

    /// Answers with its argument, which is as long as its type says: on the wire the same, but nobody allocates.
    async fn say_block(&self, payload: &[u8]) -> ByteArray<BLOCK_LEN>;

    /// Answers with its argument, which is long, and therefore not copied.
    async fn say_shared(&self, payload: Shared) -> Shared;

    /// Answers after [`NAP`].
    async fn nap(&self);
}

const NAP: Duration = Duration::from_millis(5);

const BLOCK_LEN: usize = 64;
/// The only limit that is not the default: all of the benchmark's connections come from one address.
const CONNECTIONS_MAX: usize = 20_000;

struct Parrot;

impl Echo for Parrot {
    async fn say(&self, payload: &[u8]) -> ByteBuf {
        ByteBuf::from(payload)
    }

    async fn say_block(&self, payload: &[u8]) -> ByteArray<BLOCK_LEN> {
        let block: [u8; BLOCK_LEN] = payload.try_into().expect("a block was sent");
        ByteArray::new(block)
    }

    async fn say_shared(&self, payload: Shared) -> Shared {
        payload
    }

    async fn nap(&self) {
        tokio::time::sleep(NAP).await;
    }
}

/// Which protocol is spoken, and what a payload is to the program.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    protocol: Spoken,
    is_block: bool,
}

#[derive(Clone, Copy, Debug)]
enum Spoken {
    NetRpc,
    Native,
}

impl Peer for Ours {
    type Connection = Line;

    fn new(variant: &[&str]) -> Result<Self> {
        let (name, is_block) = match variant {
            [name] => (name, false),
            [name, "block"] => (name, true),
            _ => return Err("usage: ours (netrpc | native) [block] COMMAND".into()),
        };
        match *name {
            "netrpc" => Ok(Self { protocol: Spoken::NetRpc, is_block }),
            "native" => Ok(Self { protocol: Spoken::Native, is_block }),
            _ => Err(format!("no protocol of ours is called {name}").into()),
        }
    }

    async fn serve(&self) -> Result<SocketAddr> {
        serve(EchoServer::new(Parrot)).await
    }

    async fn connect(&self, address: SocketAddr) -> Result<Line> {
        let builder = match self.protocol {
            Spoken::NetRpc => Client::builder().protocol(NetRpc),
            Spoken::Native => Client::builder().protocol(Native),
        };
        let client = builder.connect(format!("tcp://{address}").as_str()).await?;
        Ok(Line { echo: EchoClient::new(client), is_block: self.is_block })
    }

    fn unsupported(&self, shape: peer_support::Shape) -> Option<String> {
        (self.is_block && shape.payload_len != BLOCK_LEN).then(|| format!("a block has {BLOCK_LEN} bytes"))
    }
}

/// Serves on a free port, whatever is spoken there.
async fn serve(service: impl Service) -> Result<SocketAddr> {
    let mut limits = Limits::default();
    (limits.connections_max, limits.connections_per_address_max) = (CONNECTIONS_MAX, CONNECTIONS_MAX);
    let server = Server::builder().limits(limits).register(service).bind("tcp://127.0.0.1:0").await?;
    let address = server.address().to_string().trim_start_matches("tcp://").parse()?;
    tokio::spawn(server.run());
    Ok(address)
}

/// A connection.
#[derive(Clone)]
pub struct Line {
    pub(crate) echo: EchoClient,
    is_block: bool,
}

impl Connection for Line {
    type Reply = Reply;

    async fn call(&self, payload: &[u8]) -> Result<Reply> {
        Ok(match self.is_block {
            false => Reply::Bytes(self.echo.say(payload).await?),
            true => Reply::Block(self.echo.say_block(payload).await?),
        })
    }

    async fn call_shared(&self, payload: &Bytes) -> Result<Reply> {
        Ok(Reply::Shared(self.echo.say_shared(Shared(payload.clone())).await?))
    }
}

/// What came back.
#[derive(Debug)]
pub enum Reply {
    Bytes(ByteBuf),
    Block(ByteArray<BLOCK_LEN>),
    Shared(Shared),
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Block(block) => &block[..],
            Self::Shared(bytes) => bytes,
        }
    }
}
