//! Ferrywire in JSON: JSON-RPC 1.0 between two of ours, and plain HTTP under a client that is nobody's.

use std::net::SocketAddr;

use ferrywire::protocol::JsonRpc1;
use ferrywire::{Client, service};
use peer_support::{Connection, Peer, Result, Shape};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::http::Http;

/// What both sides offer and call. No bytes can be lent from what was read, because they lie there in base64.
#[service]
pub trait Speak {
    /// Answers with its argument.
    async fn say(&self, payload: ByteBuf) -> ByteBuf;

    /// Answers with its argument, in which it does not look into the text: just what axum's handler does.
    async fn repeat(&self, said: Said) -> Said;
}

/// What goes over HTTP.
#[derive(Serialize, Deserialize)]
pub struct Said {
    payload: String,
}

struct Parrot;

impl Speak for Parrot {
    async fn say(&self, payload: ByteBuf) -> ByteBuf {
        payload
    }

    async fn repeat(&self, said: Said) -> Said {
        said
    }
}

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug)]
pub enum InJson {
    JsonRpc,
    Http,
}

impl Peer for InJson {
    type Connection = Line;

    fn new(variant: &[&str]) -> Result<Self> {
        match variant {
            ["jsonrpc"] => Ok(Self::JsonRpc),
            ["http"] => Ok(Self::Http),
            _ => Err("usage: ours (jsonrpc | http) COMMAND".into()),
        }
    }

    async fn serve(&self) -> Result<SocketAddr> {
        super::serve(SpeakServer::new(Parrot)).await
    }

    async fn connect(&self, address: SocketAddr) -> Result<Line> {
        match self {
            Self::JsonRpc => {
                let client =
                    Client::builder().protocol(JsonRpc1).connect(format!("tcp://{address}").as_str()).await?;
                Ok(Line::JsonRpc(SpeakClient::new(client)))
            }
            Self::Http => Ok(Line::Http(Http::connect(address).await?)),
        }
    }

    fn unsupported(&self, shape: Shape) -> Option<String> {
        let is_beyond = matches!(self, Self::Http) && shape.depth > 1;
        is_beyond.then(|| "a connection of HTTP has one request at a time".to_owned())
    }
}

/// A connection.
#[derive(Clone)]
pub enum Line {
    JsonRpc(SpeakClient),
    Http(Http),
}

impl Connection for Line {
    type Reply = Vec<u8>;

    async fn call(&self, payload: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::JsonRpc(speak) => Ok(speak.say(ByteBuf::from(payload)).await?.into_vec()),
            Self::Http(http) => http.call(payload).await,
        }
    }
}
