//! Streams inside the process, for tests and for a client and a server in one program.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::{Address, BoxFuture, Listen, Place, Split, Stream, Transport};
use crate::peer::Peer;

/// A set of places inside the process, addressed as `memory://name`.
///
/// Clones are the same set. A server and a client meet if both are given it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    places: Arc<Mutex<HashMap<String, mpsc::Sender<Stream>>>>,
}

/// How many bytes each direction holds before its writer waits.
const HELD_LEN: usize = 64 * 1024;
/// How many streams wait to be accepted.
const BACKLOG: usize = 128;

impl Transport for Memory {
    fn reaches(&self, place: &Place) -> bool {
        matches!(place, Place::Memory(_))
    }

    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let Place::Memory(name) = place else {
                return Err(elsewhere(place));
            };
            let refused = || {
                io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused: nobody listens there")
            };
            let listener = self.places().get(name).cloned().ok_or_else(refused)?;
            let (ours, theirs) = tokio::io::duplex(HELD_LEN);
            let (reader, writer) = tokio::io::split(theirs);
            let theirs = Stream::new(reader, writer, Peer::named("memory:"));
            listener.send(theirs).await.map_err(|_| refused())?;
            let (reader, writer) = tokio::io::split(ours);
            Ok(Stream::new(reader, writer, Peer::named(format!("memory://{name}"))))
        })
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Box<dyn Listen>>> {
        Box::pin(async move {
            let Place::Memory(name) = place else {
                return Err(elsewhere(place));
            };
            let mut places = self.places();
            if places.get(name).is_some_and(|listener| !listener.is_closed()) {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there"));
            }
            let (sender, streams) = mpsc::channel(BACKLOG);
            places.insert(name.clone(), sender);
            Ok(Box::new(Listener { streams, name: name.clone() }) as Box<dyn Listen>)
        })
    }
}

impl Memory {
    /// No places yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Stream>>> {
        // Nothing in here can be left half done by a panic.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener {
    streams: mpsc::Receiver<Stream>,
    name: String,
}

impl Listen for Listener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move {
            match self.streams.recv().await {
                Some(stream) => Ok(stream),
                // Another listener has taken the name; nothing will come here any more.
                None => std::future::pending().await,
            }
        })
    }

    fn split(self: Box<Self>, _count: usize) -> Split {
        Err(self)
    }

    fn address(&self) -> Address {
        format!("memory://{}", self.name).parse().expect("a name that was listened on is an address")
    }
}

fn elsewhere(place: &Place) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{place:?} is not inside the process"))
}
