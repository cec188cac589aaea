//! Plain HTTP: hyper finds the requests on a stream and writes the responses, calls run as on every other connection.
//!
//! A request is judged by its head, its body is gathered within the limits, and then it is taken by a
//! [`Connection`](super::connection::Connection) like any other, which is kept from request to request. There is one
//! request at a time: what a client sends ahead waits, and answers go in the order of the requests.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::time::Instant;

use super::bell::{Bell, Order};
use super::connection::Shared;
use crate::transport::Stream;
use answer::Desk;
use wire::Wire;

mod answer;
mod content;
mod engine;
mod pace;
mod pages;
mod wire;

pub use pages::Pages;
pub(super) use pages::Shelf;

/// Whether requests of HTTP are served.
pub(super) const IS_SERVED: bool = true;

/// What hyper reads at a time: the least that it takes.
const BUFFER_LEN: usize = 16 * 1024;

/// So many headers hyper takes without being told. If it is told a number, it makes room for so many with every request,
/// which costs two thousand instructions; fewer are looked for where a request is judged.
const HEADERS_UNTOLD: usize = 100;

/// Serves a connection that speaks HTTP until it ends. `first` are the bytes that have been read already, the first of
/// which came at `began`.
pub(super) async fn serve(
    stream: Stream,
    first: Vec<u8>,
    began: Instant,
    shared: Arc<Shared>,
    bell: Arc<Bell>,
) {
    let _serving = Serving::begin(&shared);
    let peer = stream.peer.clone();
    let desk = Desk::new(shared.clone(), peer.clone(), bell.clone(), began);
    let wire = Wire::new(stream, first, shared.clone(), desk.pace().clone());
    let limits = &shared.limits;
    let mut builder = http1::Builder::new();
    if limits.http_headers_max > HEADERS_UNTOLD {
        builder.max_headers(limits.http_headers_max);
    }
    let mut connection = builder
        .max_header_size(limits.http_head_len_max)
        .max_buf_size(BUFFER_LEN.max(limits.http_head_len_max))
        // Times are kept where the bytes are: hyper has no word for what a body may take.
        .header_read_timeout(None::<Duration>)
        .title_case_headers(true)
        // What is written is handed on as it lies, and dropped when it is sent.
        .writev(true)
        .serve_connection(wire, desk);
    let mut is_leaving = false;
    let ended = poll_fn(|cx| {
        bell.listen(cx.waker());
        match bell.ordered() {
            Order::Serve => {}
            Order::Drain if is_leaving => {}
            Order::Drain => {
                is_leaving = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            Order::Stop => return Poll::Ready(None),
        }
        connection.poll_without_shutdown(cx).map(Some)
    })
    .await;
    tracing::debug!(%peer, protocol = peer.protocol(), ?ended, "connection closed");
    let Some(ended) = ended else {
        return;
    };
    if ended.is_err_and(|error| error.is_parse_too_large()) {
        shared.hits.note("http_head_len_max");
    }
    connection.into_parts().io.close().await;
}

/// Counts the connection among those that are served.
struct Serving<'s>(&'s Shared);

impl<'s> Serving<'s> {
    fn begin(shared: &'s Shared) -> Self {
        shared.serving.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}
