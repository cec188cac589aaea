//! TCP: no delay, keepalive, and a dead peer found within two minutes.

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::{Domain, Protocol, Socket, Type};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{Address, BoxFuture, Listen, Made, Place, Split, Stream, Transport};
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

    fn accept_elsewhere(&mut self) -> BoxFuture<'_, io::Result<Made<Stream>>> {
        Box::pin(async move {
            let socket = self.listener.accept().await?.0.into_std()?;
            Ok(Box::new(move || stream(TcpStream::from_std(socket)?)) as Made<Stream>)
        })
    }

    #[cfg(target_os = "linux")]
    fn split(self: Box<Self>, count: usize) -> Split {
        match siblings(&self.listener, count.saturating_sub(1)) {
            Ok(siblings) => {
                let Self { listener, address } = *self;
                let sockets = std::iter::once(listener.into_std()).chain(siblings.into_iter().map(Ok));
                let made = |socket: io::Result<std::net::TcpListener>| {
                    let address = address.clone();
                    Box::new(move || {
                        let listener = TcpListener::from_std(socket?)?;
                        Ok(Box::new(Self { listener, address }) as Box<dyn Listen>)
                    }) as Made<Box<dyn Listen>>
                };
                Ok(sockets.map(made).collect())
            }
            Err(cause) => {
                tracing::warn!(%cause, address = %self.address, "one listener serves all threads");
                Err(self)
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn split(self: Box<Self>, _count: usize) -> Split {
        Err(self)
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}

/// More sockets that listen where `first` does. From now on others of the same user may join them.
#[cfg(target_os = "linux")]
fn siblings(first: &TcpListener, count: usize) -> io::Result<Vec<std::net::TcpListener>> {
    /// As many as wait at the first one.
    const BACKLOG: i32 = 1024;
    let address = first.local_addr()?;
    SockRef::from(first).set_reuse_port(true)?;
    let sibling = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(SockRef::from(first).only_v6()?)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    (0..count).map(|_| sibling()).collect()
}

fn stream(socket: TcpStream) -> io::Result<Stream> {
    let peer = Peer::at("tcp", socket.peer_addr()?);
    socket.set_nodelay(true)?;
    // A peer that died without a word is noticed after 30 s + 3 × 10 s of silence, or 60 s after a write.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // Not less than keepalive takes in all: Linux ends a connection at the first lost probe behind this time.
    options.set_tcp_user_timeout(Some(Duration::from_secs(60)))?;
    let (reader, writer) = socket.into_split();
    Ok(Stream::new(reader, writer, peer))
}

fn elsewhere(place: &Place) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{place:?} is not reached over TCP"))
}
