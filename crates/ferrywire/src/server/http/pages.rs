//! Pages of plug-ins: requests of HTTP that are no calls, answered by somebody else on the server's own port.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt;
use hyper::header;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use crate::error::{Code, Error, Result};
use crate::peer::Peer;
use crate::protocol::http::{JSON_RPC_PATH, Refusal};
use crate::server::Builder;
use crate::server::bell::{Bell, Order};
use crate::transport::BoxFuture;

/// Answers requests at a path and below it: what a plug-in shows and takes on the server's own port.
///
/// ```
/// use bytes::Bytes;
/// use ferrywire::server::Pages;
/// use ferrywire::transport::{BoxFuture, Peer};
/// use http::{Request, Response};
///
/// /// Says who asks.
/// struct Mirror;
///
/// impl Pages for Mirror {
///     fn answer(&self, request: Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> {
///         let peer = request.extensions().get::<Peer>().map(Peer::to_string);
///         Box::pin(async move { Response::new(peer.unwrap_or_default().into()) })
///     }
/// }
///
/// # fn example() -> ferrywire::Result<()> {
/// let server = ferrywire::Server::builder().pages("/mirror", Mirror).build()?;
/// # Ok(())
/// # }
/// ```
///
/// A request comes here only after it was judged as any other: heads are bounded, `Host` is one that the server knows, and what
/// a browser sends is refused, for the pages of allowed sites too.
pub trait Pages: Send + Sync + 'static {
    /// The response to a request whose body has come. Who asks is among the request's extensions, as a [`Peer`].
    ///
    /// It may take its time, up to [`Limits::handler_timeout_max`](crate::Limits::handler_timeout_max), after which the answer is
    /// 504. A panic is answered by 500. A response of `1xx` is none, and is answered by 500 too; the body's length is said by
    /// the server.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when whoever asks is gone. When the server begins to drain it is polled once more and then
    /// dropped; the answer is 503, and the connection closes.
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'static, Response<Bytes>>;

    /// The longest body of a request, in bytes; 64 KiB unless it says another.
    ///
    /// A longer one is refused with 413 before anything is allocated for it.
    fn body_len_max(&self) -> usize {
        64 * 1024
    }
}

impl Builder {
    /// Answers requests of plain HTTP at this path, and below it, by `pages`: of `/registry/v1` also `/registry/v1/servers`. Where
    /// one path is below another, the longer one has it.
    ///
    /// [`bind`](Self::bind) and [`build`](Self::build) fail with [`Code::InvalidArgument`] if the path does not begin with a slash and
    /// go on behind it, or ends with one, and with [`Code::AlreadyExists`] if something is there already.
    pub fn pages(mut self, path: impl Into<String>, pages: impl Pages) -> Self {
        self.shelf.0.push((path.into(), Arc::new(pages)));
        self
    }
}

/// All pages of a server, with their paths.
#[derive(Default)]
pub(crate) struct Shelf(Vec<(String, Arc<dyn Pages>)>);

impl Shelf {
    /// Puts longer paths first, and returns all paths in that order.
    ///
    /// # Errors
    ///
    /// If a path is none, or is `taken`.
    pub(crate) fn sort(&mut self, taken: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        self.0.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        let paths: Vec<String> = self.0.iter().map(|(path, _)| path.clone()).collect();
        let mut before = None;
        for path in &paths {
            let is_letter = |byte: u8| byte > b' ' && byte < 0x7f && !matches!(byte, b'?' | b'#' | b'%');
            if !path.starts_with('/') || path.ends_with('/') || !path.bytes().all(is_letter) {
                let path = crate::error::shown(path.as_bytes());
                let text = format!("`{path}` is not a path of pages: expected one such as /registry/v1");
                return Err(Error::new(Code::InvalidArgument, text));
            }
            if path == JSON_RPC_PATH || taken(path) || before == Some(path) {
                let text = format!("something is at {path} already: put the pages elsewhere");
                return Err(Error::new(Code::AlreadyExists, text));
            }
            before = Some(path);
        }
        Ok(paths)
    }

    /// The pages at this place among all.
    pub(super) fn at(&self, at: usize) -> Option<&Arc<dyn Pages>> {
        self.0.get(at).map(|(_, pages)| pages)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(path, _)| path)).finish()
    }
}

/// The request as pages are asked it.
pub(super) fn request(head: &Parts, peer: &Peer, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers.clone();
    request.extensions_mut().insert(peer.clone());
    request
}

/// What pages answer, unless they panic or the connection is told to end.
///
/// # Errors
///
/// What is answered in their stead.
pub(super) async fn answer(
    pages: &dyn Pages,
    request: Request<Bytes>,
    bell: &Bell,
) -> Result<Response<Bytes>, Refusal> {
    let internal = |text| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, text);
    let panicked = |_| {
        tracing::error!("a page panicked");
        internal("internal error: the page panicked")
    };
    // Whatever a panic has left half done is the pages' own.
    let answering = catch_unwind(AssertUnwindSafe(|| pages.answer(request))).map_err(panicked)?;
    let mut answering = AssertUnwindSafe(answering).catch_unwind();
    let answered = poll_fn(|cx| match answering.poll_unpin(cx) {
        Poll::Ready(answered) => Poll::Ready(Some(answered)),
        // The order wakes the connection's task, which polls this again.
        Poll::Pending if bell.ordered() != Order::Serve => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let Some(answered) = answered.await else {
        let text = "the server is shutting down";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, text));
    };
    let mut response = answered.map_err(panicked)?;
    if response.status().is_informational() {
        return Err(internal("internal error: a page has answered with a status that is no answer"));
    }
    // How long the body is, and how it is sent, the server says.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    Ok(response)
}
