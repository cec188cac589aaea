//! One request to a registry: dialled, asked, read within bounds, closed.
//!
//! Redirects are not followed, and nothing is kept: a beat every ten seconds is worth no connection.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use ferrywire::{Code, Error, Result};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::refusal::shown;

/// The longest head that is read, in bytes: the header protocol has its list there, and 10,000 addresses take a third.
const HEAD_LEN_MAX: usize = 1024 * 1024;
/// The longest body, in bytes: ten thousand servers have 1.6 KiB each, metadata included.
const BODY_LEN_MAX: usize = 16 * 1024 * 1024;

/// What `authority`, a `host:port`, answers to a request within `timeout`.
///
/// # Errors
///
/// [`Code::Unavailable`] if it answers nothing that is HTTP, too much, or too late.
///
/// # Cancel safety
///
/// Dropping the future closes the connection.
pub(crate) async fn ask(
    authority: &str,
    request: http::request::Builder,
    body: Bytes,
    timeout: Duration,
) -> Result<Response<Bytes>> {
    let host = HeaderValue::try_from(authority).map_err(|cause| failed(authority, cause))?;
    let request = request.header(header::HOST, host).header(header::CONNECTION, "close");
    let request = request.body(Full::new(body)).map_err(|cause| failed(authority, cause))?;
    match tokio::time::timeout(timeout, exchanged(authority, request)).await {
        Ok(answered) => answered,
        Err(_) => Err(failed(authority, format!("no answer within {timeout:?}"))),
    }
}

async fn exchanged(authority: &str, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(authority).await.map_err(|cause| failed(authority, cause))?;
    let shaken = http1::Builder::new().max_buf_size(HEAD_LEN_MAX).handshake(Io(stream)).await;
    let (mut sender, connection) = shaken.map_err(|cause| failed(authority, cause))?;
    let mut connection = pin!(connection);
    let mut has_ended = false;
    let mut answered = pin!(async move {
        let response = sender.send_request(request).await.map_err(|cause| failed(authority, cause))?;
        let (head, body) = response.into_parts();
        let whole =
            Limited::new(body, BODY_LEN_MAX).collect().await.map_err(|cause| failed(authority, cause))?;
        Ok(Response::from_parts(head, whole.to_bytes()))
    });
    // In one task: the connection reads and writes for the request that waits beside it.
    poll_fn(move |cx| {
        if !has_ended {
            has_ended = connection.as_mut().poll(cx).is_ready();
        }
        answered.as_mut().poll(cx)
    })
    .await
}

/// What went wrong with a registry, in whose words there may be anything.
pub(crate) fn failed(authority: &str, why: impl std::fmt::Display) -> Error {
    let why = shown(&why.to_string());
    Error::new(Code::Unavailable, format!("the registry at {authority}: {why}")).not_executed()
}

/// A socket as hyper reads and writes it.
struct Io(TcpStream);

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; 8192];
        let len = buffer.remaining().min(chunk.len());
        let mut room = ReadBuf::new(chunk.get_mut(..len).unwrap_or_default());
        ready!(Pin::new(&mut self.get_mut().0).poll_read(cx, &mut room))?;
        buffer.put_slice(room.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
