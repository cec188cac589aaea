//! The echoing side: whole frames go back from where they were read, all of one read in one write.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::frame::{READ_LEN, frame_len, whole};

thread_local! {
    /// What all connections of a thread read into, so that none has to own cold memory.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_LEN]);
}

pub async fn accept(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("descriptors suffice");
        stream.set_nodelay(true).expect("a connected socket has this option");
        tokio::spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("raw server: {error}");
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    // The beginning of a frame whose end has not come, or what could not be sent at once.
    let mut rest = Vec::new();
    loop {
        let Some(sent) = poll_fn(|cx| read_and_send(&mut stream, &mut rest, cx)).await? else {
            return Ok(());
        };
        if !sent {
            stream.write_all(&rest).await?;
            rest.clear();
        }
        while !rest.is_empty() {
            let missing = frame_len(&rest).unwrap_or_default().saturating_sub(rest.len());
            rest.reserve(missing.max(READ_LEN));
            if stream.read_buf(&mut rest).await? == 0 {
                return Ok(());
            }
            let end = whole(&rest);
            if end > 0 {
                stream.write_all(&rest[..end]).await?;
                rest.drain(..end);
            }
        }
    }
}

/// Reads once and sends back what is whole: `Some(true)` if `rest` is the beginning of a frame, `Some(false)` if it is
/// frames that could not be sent, nothing at the end.
fn read_and_send(
    stream: &mut TcpStream,
    rest: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<bool>>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let end = whole(bytes);
        let sent = match stream.try_write(&bytes[..end]) {
            _ if end == 0 => 0,
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Poll::Ready(Err(error)),
        };
        rest.extend_from_slice(&bytes[sent..]);
        Poll::Ready(Ok(Some(sent == end)))
    })
}
