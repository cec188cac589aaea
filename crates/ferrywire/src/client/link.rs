//! What a call needs of a connection, whatever protocol it speaks.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::pending::Until;
use crate::body::{Body, Encode};
use crate::error::Result;
use crate::message::Head;
use crate::metadata::Metadata;
use crate::transport::BoxFuture;

/// A connection over which calls are made. Erased once per call, not per field.
pub(crate) trait Link: Send + Sync + 'static {
    /// Puts a call on its way, or says that there is no room for it. Where there `is_promised` room, this takes
    /// it.
    fn send(&self, outgoing: &Outgoing<'_>, is_promised: bool, cx: &mut Context<'_>) -> Result<Sent>;

    /// Hands the reply to `settle` once it is here. The bytes are only lent.
    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<()>;

    /// Forgets a call, and tells the server where the wire has a word for that.
    fn withdraw(&self, id: u64);

    /// Waits until there is room for a call.
    fn room(self: Arc<Self>) -> BoxFuture<'static, Room>;

    /// A promised place is not wanted any more.
    fn give_up_room(&self);

    /// Lets no more than so many calls be pending at once, until the server has said how many it runs.
    fn admit(&self, calls: usize);

    /// Whether calls can still be sent.
    fn is_open(&self) -> bool;

    /// Closes the connection; calls that wait end with an error.
    fn close(&self);

    /// Which of a channel's servers it leads to.
    fn server(&self) -> Option<u64> {
        None
    }
}

/// Gets a reply: its body, and what came beside it.
pub(crate) type Settle<'s> = dyn FnMut(Result<Body<'_>>, Option<Box<Metadata>>) + 's;

/// A place on a connection, promised before the call is sent.
pub(crate) struct Room(Option<Arc<dyn Link>>);

impl Room {
    pub(crate) fn on(link: Arc<dyn Link>) -> Self {
        Self(Some(link))
    }

    /// The place is taken.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.give_up_room();
        }
    }
}

/// A call on its way out.
pub(crate) struct Outgoing<'o> {
    pub(crate) head: &'o Head<'o>,
    /// How long the caller is going to wait, if not as long as it usually does.
    pub(crate) timeout: Option<Duration>,
    pub(crate) argument: &'o dyn Encode,
    pub(crate) until: Until,
}

impl Outgoing<'_> {
    /// Whether it says nothing but its method.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.timeout.is_none() && self.head.metadata.is_none() && !self.head.is_one_way
    }
}

/// What became of sending.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The call has this id.
    As(u64),
    /// The call has been handed over, and nobody waits for its reply.
    Unheard,
    /// The connection is full; see [`Link::room`].
    NoRoom,
}
