//! The transport: TCP as the simulation has it.

use std::io;
use std::sync::Arc;

use ferrywire::transport::{Address, BoxFuture, Listen, Peer, Place, Split, Stream, Transport};
use turmoil::net::{TcpListener, TcpStream};

/// Streams of the simulated network, for places of TCP. A server listens at `0.0.0.0`; hosts go by their names.
#[derive(Clone)]
pub struct Simulated {
    accepted: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Simulated {
    fn default() -> Self {
        Self::noting(|| {})
    }
}

impl Simulated {
    /// The same, that says when a stream was accepted.
    pub fn noting(accepted: impl Fn() + Send + Sync + 'static) -> Self {
        Self { accepted: Arc::new(accepted) }
    }
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Transport for Simulated {
    fn reaches(&self, place: &Place) -> bool {
        matches!(place, Place::Tcp(_))
    }

    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let host = host(place)?;
            let peer = Peer::named(format!("tcp://{host}"));
            Ok(stream(TcpStream::connect(host).await?, peer))
        })
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Box<dyn Listen>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(host(place)?).await?;
            let address = Address::tcp(listener.local_addr()?);
            Ok(Box::new(Door { listener, address, accepted: self.accepted.clone() }) as Box<dyn Listen>)
        })
    }
}

struct Door {
    listener: TcpListener,
    address: Address,
    accepted: Arc<dyn Fn() + Send + Sync>,
}

impl Listen for Door {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move {
            let (accepted, address) = self.listener.accept().await?;
            (self.accepted)();
            Ok(stream(accepted, Peer::at("tcp", address)))
        })
    }

    fn split(self: Box<Self>, _count: usize) -> Split {
        Err(self)
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}

fn host(place: &Place) -> io::Result<String> {
    match place {
        Place::Tcp(host) => Ok(host.clone()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{place:?} is not reached over TCP"))),
    }
}

fn stream(socket: TcpStream, peer: Peer) -> Stream {
    let (reader, writer) = socket.into_split();
    Stream::new(reader, writer, peer)
}
