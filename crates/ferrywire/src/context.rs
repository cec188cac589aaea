//! What a method may ask about the call that it is running.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metadata::Metadata;
use crate::peer::Peer;
use crate::timer;

/// What a method may ask about its call: who calls, until when, with what beside the argument, and whether
/// anybody still waits.
///
/// A method gets one by having a parameter `context: &Context`; it costs nothing where there is none.
#[derive(Debug)]
pub struct Context {
    peer: Arc<Peer>,
    timeout: Duration,
    deadline: OnceLock<Instant>,
    metadata: Option<Box<Metadata>>,
    /// What goes out beside the reply.
    reply: Mutex<Option<Box<Metadata>>>,
    cancellation: OnceLock<CancellationToken>,
}

static NO_METADATA: Metadata = Metadata::new();

impl Context {
    pub(crate) fn new(peer: Arc<Peer>) -> Self {
        Self {
            peer,
            timeout: Duration::ZERO,
            deadline: OnceLock::new(),
            metadata: None,
            reply: Mutex::new(None),
            cancellation: OnceLock::new(),
        }
    }

    /// Makes it the context of a new call of the same peer.
    #[inline]
    pub(crate) fn begin(&mut self, timeout: Duration, metadata: Option<Box<Metadata>>) {
        self.timeout = timeout;
        if self.metadata.is_some() || metadata.is_some() {
            self.metadata = metadata;
        }
        if self.deadline.get().is_some() {
            self.deadline = OnceLock::new();
        }
    }

    /// The call has ended by itself: nobody is told that it was cancelled. What goes out beside its reply.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Box<Metadata>> {
        if self.cancellation.get().is_some() {
            self.cancellation = OnceLock::new();
        }
        self.reply.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Who calls.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The moment at which the call ends, finished or not.
    ///
    /// The clock is first read when this is first asked, which is then a little later than the request came.
    pub fn deadline(&self) -> std::time::Instant {
        self.moment().into_std()
    }

    /// The time that is left until the deadline; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.moment().saturating_duration_since(Instant::now())
    }

    fn moment(&self) -> Instant {
        *self.deadline.get_or_init(|| timer::after(self.timeout))
    }

    /// What came beside the argument; empty on wires that carry none.
    pub fn metadata(&self) -> &Metadata {
        self.metadata.as_deref().unwrap_or(&NO_METADATA)
    }

    /// How often the call was tried before this time, as its caller says; zero the first time, and on wires that carry
    /// no metadata. The entry `grpc-previous-rpc-attempts` says it.
    ///
    /// What the method calls in its turn is then not tried again by itself: one layer repeats, or each would repeat
    /// what the one above it repeats. These calls have the number with them.
    pub fn previous_attempts(&self) -> u32 {
        self.metadata().previous_attempts()
    }

    /// Adds an entry to what goes out beside the reply, on wires that carry such; it goes with a successful
    /// reply only. See [`Metadata`] for what names and values may be: with others the caller gets an error of
    /// [`Code::Internal`](crate::Code::Internal) that names the entry, in the reply's place.
    pub fn add_reply_metadata(&self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let mut reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        reply.get_or_insert_default().insert(name, value);
    }

    /// A handle that outlives the method and tells when the call is withdrawn.
    ///
    /// The method's own future needs none: it is dropped when its call is withdrawn, its deadline passes or
    /// its caller is lost. Take one for work that goes on elsewhere, such as a spawned task.
    pub fn cancellation(&self) -> Cancellation {
        Cancellation(self.cancellation.get_or_init(CancellationToken::new).clone())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(cancellation) = self.cancellation.get() {
            cancellation.cancel();
        }
    }
}

/// Tells when something is to end: that a call is withdrawn ([`Context::cancellation`]), or that a server is to be taken off the lists
/// ([`Announce`](crate::server::Announce)).
#[derive(Clone, Debug)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    /// For what ends when `token` says so.
    pub(crate) fn told_by(token: CancellationToken) -> Self {
        Self(token)
    }

    /// Whether it is to end. A call that has ended by itself never is.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is to end; for ever, if it is a call that ends by itself.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.clone().cancelled_owned()
    }
}
