//! The one trait: a request in, a reply out. Connections and routers know nothing else of a handler.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use crate::body::{Body, Sink};
use crate::description::Description;
use crate::error::Result;
use crate::metadata::Metadata;
use crate::peer::Peer;

/// A set of methods that can be called.
///
/// `#[service]` writes one around your trait; write your own to answer methods that are only known at run
/// time.
pub trait Service: Send + Sync + 'static {
    /// What is offered: the service's name, its methods and their types.
    fn description(&self) -> &Description;

    /// A place in which one call at a time runs. A connection keeps it and uses it again.
    fn new_slot(self: Arc<Self>, peer: &Arc<Peer>) -> Box<dyn CallSlot>;
}

/// A reusable place for one running call: the only type erasure on the answering bank.
pub trait CallSlot: Send {
    /// Starts a call and polls it once.
    ///
    /// When ready with success, the reply has been appended to `sink` and nothing else has been done to it;
    /// in every other case `sink` is as it was. The body is only lent: a call that becomes pending keeps a
    /// copy. Metadata may be taken.
    fn start(
        &mut self,
        request: &mut Request<'_>,
        cx: &mut TaskContext<'_>,
        sink: &mut Sink<'_>,
    ) -> Poll<Result<()>>;

    /// Polls a call that was pending; `sink` as in [`start`](Self::start).
    fn poll(&mut self, cx: &mut TaskContext<'_>, sink: &mut Sink<'_>) -> Poll<Result<()>>;

    /// Drops the running call, if there is one: it was cancelled, its deadline passed, its peer is gone, or
    /// it panicked.
    fn clear(&mut self);
}

/// What a service gets of a request.
#[derive(Debug)]
pub struct Request<'b> {
    /// The method's place in [`Description::methods`].
    pub method: usize,
    /// The encoded argument.
    pub body: Body<'b>,
    /// How long the method may run.
    pub timeout: Duration,
    /// What came beside the argument.
    pub metadata: Option<Box<Metadata>>,
}

impl Request<'_> {
    /// See [`Context::previous_attempts`](crate::Context::previous_attempts).
    #[inline]
    pub(crate) fn previous_attempts(&self) -> u32 {
        self.metadata.as_ref().map_or(0, |metadata| metadata.previous_attempts())
    }
}
