//! The protocol that a client speaks, chosen at run time.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;

use super::driver;
use super::link::Link;
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::protocol::tunnel::Tunnel;
use crate::protocol::{Compression, Protocol, Terms, WriteRequests};
use crate::service::Service;
use crate::sync;
use crate::transport::Stream;

/// What a client's builder has collected about its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) limits: Arc<Limits>,
    pub(crate) format: Option<Format>,
    pub(crate) checksum: bool,
    pub(crate) compression: Option<Compression>,
}

impl Chosen {
    pub(crate) fn terms(&self) -> Terms<'_> {
        let Self { limits, format, checksum, compression } = self;
        Terms { limits, format: *format, checksum: *checksum, compression: *compression }
    }
}

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
    /// Begins to speak on `stream`, of which `first` has been read already.
    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen) -> Arc<dyn Link>;
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

    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen) -> Arc<dyn Link> {
        let (link, task) = driver::start::<P>(stream, first, chosen);
        sync::spawn(task.map(drop));
        link
    }
}
