//! What a call needs of a connection, whatever protocol it speaks.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::body::{Body, Encode};
use crate::error::Result;
use crate::message::Head;
use crate::transport::BoxFuture;

/// A connection over which calls are made. Erased once per call, not per field.
pub(crate) trait Link: Send + Sync + 'static {
    /// Puts a call on its way, or says that there is no room for it.
    fn send(&self, outgoing: &Outgoing<'_>, room: Option<Room>, cx: &mut Context<'_>) -> Result<Sent>;

    /// Hands the reply to `settle` once it is here. The bytes are only lent.
    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut dyn FnMut(Result<Body<'_>>)) -> Poll<()>;

    /// Forgets a call, and tells the server where the wire has a word for that.
    fn withdraw(&self, id: u64);

    /// Waits until there is room for a call.
    fn room(self: Arc<Self>) -> BoxFuture<'static, Room>;

    /// Whether calls can still be sent.
    fn is_open(&self) -> bool;

    /// Closes the connection; calls that wait end with an error.
    fn close(&self);
}

/// A place on a connection, taken before the call is sent.
#[derive(Debug)]
pub(crate) struct Room(pub(crate) OwnedSemaphorePermit);

/// A call on its way out.
pub(crate) struct Outgoing<'o> {
    pub(crate) head: Head<'o>,
    pub(crate) argument: &'o dyn Encode,
    pub(crate) deadline: Instant,
}

/// What became of sending.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The call has this id.
    As(u64),
    /// The connection is full; see [`Link::room`].
    NoRoom,
}
