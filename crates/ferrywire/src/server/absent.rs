//! What stands in for plain HTTP in a program that was built without it: of HTTP there is the tunnel and the page.

use std::sync::Arc;

use tokio::time::Instant;

use super::bell::Bell;
use super::connection::Shared;
use crate::error::Result;
use crate::transport::Stream;

/// Holds no pages: nobody could ask for them.
#[derive(Debug, Default)]
pub(crate) struct Shelf;

impl Shelf {
    /// There are no paths.
    pub(super) fn sort(&mut self, _taken: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

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
