//! The slot that generated services run in: one future place, one argument buffer, both used again.
//!
//! What a call owns travels as one boxed [`Kit`] into its future and comes back with the reply, so that a
//! call costs no allocation and moves one word.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;

use crate::body::{Body, Sink};
use crate::codec::{Format, Types};
use crate::context::Context;
use crate::description::Description;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::service::{CallSlot, Request, Service};

/// What the `#[service]` attribute implements; [`Service`] follows from it.
pub trait Dispatch: Send + Sync + Sized + 'static {
    /// The reply of whichever method ran.
    type Reply: Send;

    /// What is offered.
    fn description(&self) -> &'static Description;

    /// Decodes the argument, runs the method that the kit names, and gives the kit back.
    ///
    /// One anonymous future for all methods: the choice is inside, so that its type is the union of all.
    fn dispatch(kit: Box<Kit<Self>>) -> impl Future<Output = (Box<Kit<Self>>, Self::Reply)> + Send;

    /// Writes the reply where the connection wants it.
    fn encode(reply: Self::Reply, sink: &mut Sink<'_>) -> Result<()>;

    /// Answers at once what needs no future: methods declared without `async`.
    ///
    /// The argument is read where it lies, without a copy.
    fn now(&self, _request: &Request<'_>, _sink: &mut Sink<'_>) -> Option<Result<()>> {
        None
    }
}

/// What a running call owns.
#[derive(Debug)]
pub struct Kit<D> {
    /// The service that is called.
    pub service: Arc<D>,
    /// The method's place in the description.
    pub method: usize,
    /// What the method may ask about its call.
    pub context: Context,
    format: Format,
    bytes: Vec<u8>,
    /// The argument, where it came in a storage that can be shared; nothing is in `bytes` then.
    shared: Option<Bytes>,
    types: Option<Arc<Types>>,
}

impl<D> Kit<D> {
    /// The encoded argument.
    #[inline]
    pub fn body(&self) -> Body<'_> {
        let shared = self.shared.as_ref();
        let bytes = shared.map_or(&self.bytes[..], |shared| shared);
        Body { format: self.format, bytes, types: self.types.as_ref(), shared }
    }
}

impl<D: Dispatch> Service for D {
    fn description(&self) -> &Description {
        Dispatch::description(self)
    }

    fn new_slot(self: Arc<Self>, peer: &Arc<Peer>) -> Box<dyn CallSlot> {
        slot_of(self, peer.clone(), D::dispatch)
    }
}

/// Inference names the anonymous future here; a concrete slot type could not be written down.
fn slot_of<D, F, M>(service: Arc<D>, peer: Arc<Peer>, make: M) -> Box<dyn CallSlot>
where
    D: Dispatch,
    F: Future<Output = (Box<Kit<D>>, D::Reply)> + Send + 'static,
    M: Fn(Box<Kit<D>>) -> F + Send + 'static,
{
    Box::new(Slot { service, peer, kit: None, make, running: Box::pin(None) })
}

struct Slot<D, F, M> {
    service: Arc<D>,
    peer: Arc<Peer>,
    /// Here between calls; gone for good with a call that was dropped.
    kit: Option<Box<Kit<D>>>,
    make: M,
    running: Pin<Box<Option<F>>>,
}

/// A buffer that grew beyond this is given back after its call.
const BUFFER_KEPT_MAX: usize = 16 * 1024;

impl<D, F, M> CallSlot for Slot<D, F, M>
where
    D: Dispatch,
    F: Future<Output = (Box<Kit<D>>, D::Reply)> + Send + 'static,
    M: Fn(Box<Kit<D>>) -> F + Send + 'static,
{
    #[inline]
    fn start(
        &mut self,
        request: &mut Request<'_>,
        cx: &mut TaskContext<'_>,
        sink: &mut Sink<'_>,
    ) -> Poll<Result<()>> {
        if let Some(outcome) = self.service.now(request, sink) {
            return Poll::Ready(outcome.map_err(Error::of_method));
        }
        let mut kit = match self.kit.take() {
            Some(kit) => kit,
            None => Box::new(Kit {
                service: self.service.clone(),
                method: 0,
                context: Context::new(self.peer.clone()),
                format: request.body.format,
                bytes: Vec::new(),
                shared: None,
                types: None,
            }),
        };
        kit.method = request.method;
        kit.context.begin(request.timeout, request.metadata.take());
        kit.format = request.body.format;
        kit.bytes.clear();
        match request.body.shared {
            None => kit.bytes.extend_from_slice(request.body.bytes),
            Some(_) => kit.shared = Some(request.body.to_shared()),
        }
        // The definitions rarely change: the same handle is kept from call to call.
        match (&kit.types, request.body.types) {
            (Some(kept), Some(types)) if Arc::ptr_eq(kept, types) => {}
            (_, types) => kit.types = types.cloned(),
        }
        self.running.set(Some((self.make)(kit)));
        self.poll(cx, sink)
    }

    #[inline]
    fn poll(&mut self, cx: &mut TaskContext<'_>, sink: &mut Sink<'_>) -> Poll<Result<()>> {
        let Some(running) = self.running.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let (mut kit, reply) = ready!(running.poll(cx));
        self.running.set(None);
        let metadata = kit.context.end();
        if metadata.is_some() {
            sink.written.metadata = metadata;
        }
        if kit.bytes.capacity() > BUFFER_KEPT_MAX {
            kit.bytes = Vec::new();
        }
        if kit.shared.is_some() {
            kit.shared = None;
        }
        self.kit = Some(kit);
        Poll::Ready(D::encode(reply, sink).map_err(Error::of_method))
    }

    fn clear(&mut self) {
        self.running.set(None);
    }
}
