//! TCP: no delay, keepalive, and a dead peer found within two minutes.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{Address, BoxFuture, Listen, Place, Stream, Transport};
use crate::peer::Peer;

/// TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Transport for Tcp {
    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let Place::Tcp(host) = place else {
                return Err(elsewhere(place));
            };
            stream(TcpStream::connect(host.as_str()).await?)
        })
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Box<dyn Listen>>> {
        Box::pin(async move {
            let Place::Tcp(host) = place else {
                return Err(elsewhere(place));
            };
            let listener = TcpListener::bind(host.as_str()).await?;
            let address = listener.local_addr()?;
            if !address.ip().is_loopback() {
                tracing::warn!(%address, "listening without TLS beyond this machine");
            }
            Ok(Box::new(Listener { listener, address: Address::tcp(address) }) as Box<dyn Listen>)
        })
    }
}

struct Listener {
    listener: TcpListener,
    address: Address,
}

impl Listen for Listener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move { stream(self.listener.accept().await?.0) })
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}

fn stream(socket: TcpStream) -> io::Result<Stream> {
    let peer = Peer::at("tcp", socket.peer_addr()?);
    socket.set_nodelay(true)?;
    // A peer that died without a word is noticed after 30 s + 3 × 10 s of silence, or 30 s after a write.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    options.set_tcp_user_timeout(Some(Duration::from_secs(30)))?;
    let (reader, writer) = socket.into_split();
    Ok(Stream::new(reader, writer, peer))
}

fn elsewhere(place: &Place) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{place:?} is not reached over TCP"))
}
