//! What stands in for plain HTTP in a program that was built without it: of HTTP there is the tunnel and the page.

use std::sync::Arc;

use tokio::time::Instant;

use super::bell::Bell;
use super::connection::Shared;
use crate::transport::Stream;

/// Whether requests of HTTP are served.
pub(super) const IS_SERVED: bool = false;

/// Never begun.
pub(super) async fn serve(
    _stream: Stream,
    _first: Vec<u8>,
    _began: Instant,
    _shared: Arc<Shared>,
    _bell: Arc<Bell>,
) {
}
