//! The protocol that a client speaks, chosen at run time.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;

use super::driver;
use super::exchange::Exchanges;
use super::link::Link;
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::protocol::tunnel::Tunnel;
use crate::protocol::{Compression, Protocol, Terms, WriteRequests};
use crate::service::Service;
use crate::sync;
use crate::transport::{Address, BoxFuture, Place, Stream};

/// What a client's builder has collected about its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) limits: Arc<Limits>,
    pub(crate) format: Option<Format>,
    pub(crate) checksum: bool,
    pub(crate) compression: Option<Compression>,
    /// What the server's address says, where it has such: `host:port`, and a path.
    pub(crate) host: Arc<str>,
    pub(crate) path: Arc<str>,
}

impl Chosen {
    pub(crate) fn terms(&self) -> Terms<'_> {
        let Self { limits, format, checksum, compression, host, path } = self;
        let (format, checksum, compression) = (*format, *checksum, *compression);
        Terms { limits, format, checksum, compression, host, path }
    }

    /// The same, of a server at that address.
    pub(crate) fn at(mut self, address: &Address) -> Self {
        if let Place::Tcp(host) = address.place() {
            self.host = host.as_str().into();
        }
        self.path = address.tunnel().unwrap_or_default().into();
        self
    }
}

/// Makes further streams to the same server.
pub(crate) type More = Arc<dyn Fn() -> BoxFuture<'static, Result<Stream>> + Send + Sync>;

/// Services that the server may call, and who knows how they are answered.
pub(crate) struct Offered {
    pub(crate) services: Services,
    pub(crate) speak: Answering,
}

/// Makes what speaks `Speak` in both directions, if it can.
pub(crate) type Answering = fn(Services, &Chosen, &dyn Speak) -> Result<Arc<dyn Speak>>;

/// Services, under their own names or others.
pub(crate) type Services = Vec<(Option<String>, Arc<dyn Service>)>;

/// A protocol as clients choose it at run time.
pub(crate) trait Speak: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn tunnel(&self) -> Option<Tunnel>;
    fn format(&self, chosen: &Chosen) -> Format;
    /// Whether an address's path is a part of what is asked for, and no tunnel's.
    fn asks_for_paths(&self) -> bool {
        false
    }
    /// Begins to speak on `stream`, of which `first` has been read already. A protocol on which calls need streams for
    /// themselves makes `more` of them.
    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen, more: Option<More>) -> Arc<dyn Link>;
}

impl dyn Speak {
    /// Whether the protocol can do what was chosen.
    pub(crate) fn check(&self, chosen: &Chosen) -> Result<()> {
        if let Some(compression) = chosen.compression {
            compression.check()?;
        }
        let format = self.format(chosen);
        match chosen.format {
            Some(asked) if asked != format => {
                let text = format!("{} carries {}, not {}", self.name(), format.name(), asked.name());
                Err(Error::new(Code::InvalidArgument, text).not_executed())
            }
            _ => Ok(()),
        }
    }
}

/// `P`, chosen.
pub(crate) struct Speaks<P>(PhantomData<fn() -> P>);

impl<P> Speaks<P> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P: Protocol> Speak for Speaks<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn tunnel(&self) -> Option<Tunnel> {
        P::TUNNEL
    }

    fn format(&self, chosen: &Chosen) -> Format {
        P::WriteRequests::new(&chosen.terms()).format()
    }

    fn asks_for_paths(&self) -> bool {
        P::IS_HTTP
    }

    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen, more: Option<More>) -> Arc<dyn Link> {
        if P::IS_HTTP {
            return Exchanges::<P>::start(stream, chosen, more);
        }
        let (link, task) = driver::start::<P>(stream, first, chosen);
        sync::spawn(task.map(drop));
        link
    }
}
