//! The body of a response: all of it at once.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::server::connection::Shared;

/// A response's body.
#[derive(Debug, Default)]
pub(super) struct Content(Option<Bytes>);

impl Content {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// So many bytes, counted among those that all connections hold.
pub(super) struct Held {
    shared: Arc<Shared>,
    len: usize,
}

impl Held {
    pub(super) fn nothing(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), len: 0 }
    }

    /// It is so many now; names the limit if that is too much.
    pub(super) fn set(&mut self, len: usize) -> Option<&'static str> {
        self.shared.account(&mut self.len, len)
    }

    /// These bytes, counted until they are sent.
    pub(super) fn keep(mut self, bytes: Vec<u8>) -> Bytes {
        self.set(bytes.len());
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

struct Kept {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
