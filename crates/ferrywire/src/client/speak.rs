//! The protocol that a client speaks, chosen at run time.

use std::marker::PhantomData;
use std::sync::Arc;

use super::connection;
use super::link::Link;
use crate::codec::Format;
use crate::limits::Limits;
use crate::protocol::tunnel::Tunnel;
use crate::protocol::{Protocol, WriteRequests};
use crate::transport::Stream;

/// A protocol as clients choose it at run time.
pub(crate) trait Speak: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn tunnel(&self) -> Option<Tunnel>;
    fn format(&self, limits: &Limits) -> Format;
    /// Begins to speak on `stream`, of which `first` has been read already.
    fn start(&self, stream: Stream, first: Vec<u8>, limits: &Limits) -> Arc<dyn Link>;
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

    fn format(&self, limits: &Limits) -> Format {
        P::WriteRequests::new(limits).format()
    }

    fn start(&self, stream: Stream, first: Vec<u8>, limits: &Limits) -> Arc<dyn Link> {
        let (link, task) = connection::start::<P>(stream, first, limits);
        tokio::spawn(task);
        link
    }
}
