//! Streams that are not as an ordinary connection is: cut in bytes, closed by half.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ferrywire::Client;
use ferrywire::protocol::NetRpc;
use ferrywire::transport::{Peer, Stream};
use ferrywire_gob::{Decoder, Encoder};
use ferrywire_interop::harness::{Outcome, Transport};
use ferrywire_interop::zoo::*;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::suite::{Case, Ground, case, expect, holds, works};

/// Go's own header of a request.
#[derive(Serialize, Deserialize)]
struct Request {
    service_method: String,
    seq: u64,
}

/// Go's own header of a reply.
#[derive(Debug, Serialize, Deserialize)]
struct Response {
    service_method: String,
    seq: u64,
    error: String,
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("raw/half_close_is_answered_to_the_end", half_close),
        case("raw/one_byte_at_a_time", async |ground| {
            let (reader, writer) = open(&ground).await?;
            let stream = Stream::new(Trickle(reader), Trickle(writer), Peer::named("a trickle"));
            let client = Client::builder().protocol(NetRpc).over(stream);
            works(&client).await?;
            expect(&client, "Zoo.Shapes", &value::shapes(), answer::shapes(value::shapes())).await?;
            works(&client).await
        }),
        case("raw/a_stream_that_has_ended_fails_its_calls", async |ground| {
            let (reader, writer) = open(&ground).await?;
            let stream = Stream::new(reader.take(60), writer, Peer::named("a short stream"));
            let client = Client::builder().protocol(NetRpc).over(stream);
            let reply =
                client.call::<_, Vec<u8>>("Zoo.Fill", &1000_i64).timeout(Duration::from_secs(5)).await;
            let error = reply.err().ok_or("got a reply of 60 bytes, expected an error")?;
            holds(error.code() == ferrywire::Code::Unavailable && error.may_have_run(), || {
                format!("got {error:?}")
            })
        }),
    ]
}

/// Stops writing with calls running: they are answered, then the server ends the connection.
async fn half_close(ground: Ground) -> Outcome {
    let (mut reader, mut writer) = open(&ground).await?;
    let mut requests = Encoder::new(Vec::new());
    for seq in 0..5 {
        let header = Request { service_method: "Zoo.Slow".into(), seq };
        requests.encode(&header).map_err(|error| error.to_string())?;
        requests.encode(&(100 * seq.cast_signed())).map_err(|error| error.to_string())?;
    }
    let mut replies = Vec::new();
    let spoken = async {
        writer.write_all(&requests.into_inner()).await?;
        writer.shutdown().await?;
        reader.read_to_end(&mut replies).await
    };
    spoken.await.map_err(|cause| cause.to_string())?;

    let mut replies = Decoder::new(&replies[..]);
    let mut answered: Vec<u64> = Vec::new();
    for _ in 0..5 {
        let header: Response = replies.decode().map_err(|error| error.to_string())?;
        let waited: u64 = replies.decode::<i64>().map_err(|error| error.to_string())?.cast_unsigned();
        holds(header.error.is_empty() && waited == 100 * header.seq, || format!("got {header:?}, {waited}"))?;
        answered.push(header.seq);
    }
    answered.sort_unstable();
    same(&answered, &vec![0, 1, 2, 3, 4])?;
    holds(replies.decode::<Response>().is_err(), || "got more than five replies".to_owned())
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// The two halves of a connection that is ready for gob.
async fn open(ground: &Ground) -> Result<(Reader, Writer), String> {
    let failed = |cause: std::io::Error| format!("{}: {cause}", ground.place);
    let (mut reader, mut writer): (Reader, Writer) = if let Some(path) = ground.place.strip_prefix("unix://")
    {
        let (reader, writer) = UnixStream::connect(path).await.map_err(failed)?.into_split();
        (Box::new(reader), Box::new(writer))
    } else {
        let place = ground.place.trim_start_matches("tcp://");
        let (reader, writer) = TcpStream::connect(place).await.map_err(failed)?.into_split();
        (Box::new(reader), Box::new(writer))
    };
    let path = match ground.transport {
        Transport::Tcp | Transport::Unix | Transport::Json | Transport::JsonUnix => {
            return Ok((reader, writer));
        }
        Transport::Connect | Transport::ConnectUnix => "/_goRPC_",
        Transport::ConnectPath => "/custom/rpc",
    };
    writer.write_all(format!("CONNECT {path} HTTP/1.0\n\n").as_bytes()).await.map_err(failed)?;
    let expected = b"HTTP/1.0 200 Connected to Go RPC\n\n";
    let mut head = [0; 34];
    reader.read_exact(&mut head).await.map_err(failed)?;
    holds(head == *expected, || format!("got `{}`", head.escape_ascii()))?;
    Ok((reader, writer))
}

/// Passes one byte at a time.
struct Trickle<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Trickle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut one = [0];
        let mut room = ReadBuf::new(&mut one);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut room);
        into.put_slice(room.filled());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Trickle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes.get(..1).unwrap_or_default())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
