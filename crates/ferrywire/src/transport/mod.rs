//! Transports: where streams of bytes come from. One file each.
//!
//! A transport knows addresses and streams, and nothing of what is said over them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Code, Error, Phase, Result};

mod address;
mod memory;
mod tcp;
mod unix;

pub use crate::peer::Peer;
pub use address::{Address, IntoAddress, Place};
pub use memory::Memory;
pub use tcp::Tcp;
pub use unix::Unix;

/// A boxed future; dialling and accepting are rare enough for one each.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A stream of bytes in both directions, and who is at its other end.
pub struct Stream {
    /// Where bytes come from.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// Where bytes go. Shutting it down ends this direction only.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The other end.
    pub peer: Arc<Peer>,
}

impl Stream {
    /// Any pair of byte streams: standard input and output, the two ends of pipes, a test's own.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        peer: Peer,
    ) -> Self {
        Self { reader: Box::new(reader), writer: Box::new(writer), peer: Arc::new(peer) }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Makes streams to a place, and accepts them at one.
pub trait Transport: Send + Sync + 'static {
    /// Whether places of this kind are its own; all are, unless it says otherwise.
    fn reaches(&self, place: &Place) -> bool {
        let _ = place;
        true
    }

    /// A new stream to `place`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves neither a task nor a socket.
    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Stream>>;

    /// Starts accepting streams at `place`.
    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Box<dyn Listen>>>;
}

/// Something that is made on the runtime that is going to use it: what has a socket belongs to one.
pub type Made<T> = Box<dyn FnOnce() -> io::Result<T> + Send>;

/// The listeners that have taken a listener's place, or that listener.
pub type Split = Result<Vec<Made<Box<dyn Listen>>>, Box<dyn Listen>>;

/// A place where streams are accepted.
pub trait Listen: Send + 'static {
    /// The next stream.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>>;

    /// The next stream, for another runtime to serve.
    ///
    /// As it is, the stream belongs to this runtime nevertheless, which is right for streams without a socket.
    fn accept_elsewhere(&mut self) -> BoxFuture<'_, io::Result<Made<Stream>>> {
        Box::pin(async move {
            let stream = self.accept().await?;
            Ok(Box::new(|| Ok(stream)) as Made<Stream>)
        })
    }

    /// So many listeners at this place in the stead of this one, each for a runtime of its own, among which the
    /// system deals out those who come.
    ///
    /// # Errors
    ///
    /// This one, as it was, where the system does nothing of the kind.
    fn split(self: Box<Self>, count: usize) -> Split;

    /// Where it listens, with the port that was chosen.
    fn address(&self) -> Address;
}

/// The transports of a client or a server: those that it was given, and behind them those of the system.
#[derive(Clone, Default)]
pub(crate) struct Transports(Vec<Arc<dyn Transport>>);

impl Transports {
    /// Adds one, which comes before all others.
    pub(crate) fn add(&mut self, transport: impl Transport) {
        self.0.insert(0, Arc::new(transport));
    }

    fn reaching(&self, place: &Place) -> Result<&dyn Transport> {
        if let Some(own) = self.0.iter().find(|transport| transport.reaches(place)) {
            return Ok(&**own);
        }
        match place {
            Place::Tcp(_) => Ok(&Tcp),
            Place::Unix(_) => Ok(&Unix),
            Place::Memory(name) => {
                let text = format!("memory://{name} is inside a `Memory`: hand it to the builder");
                Err(Error::new(Code::InvalidArgument, text).in_phase(Phase::Connect).not_executed())
            }
        }
    }

    /// A new stream to `address`.
    pub(crate) async fn dial(&self, address: &Address) -> Result<Stream> {
        let transport = self.reaching(address.place())?;
        transport.dial(address.place()).await.map_err(|cause| {
            Error::new(Code::Unavailable, cause.to_string())
                .in_phase(Phase::Connect)
                .at_peer(address.to_string())
                .not_executed()
                .caused_by(cause)
        })
    }

    /// A listener at `address`.
    pub(crate) async fn listen(&self, address: &Address) -> Result<Box<dyn Listen>> {
        let transport = self.reaching(address.place())?;
        transport.listen(address.place()).await.map_err(|cause| {
            Error::new(Code::Unavailable, format!("cannot listen on {address}: {cause}")).caused_by(cause)
        })
    }
}

impl std::fmt::Debug for Transports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transports").field("own", &self.0.len()).finish_non_exhaustive()
    }
}
