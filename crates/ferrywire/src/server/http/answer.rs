//! From a request to its response: judged by its head, gathered, called, answered.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::content::{Content, Held};
use super::engine::Engine;
use super::pace::Pace;
use super::pages;
use crate::body::{Body, SPLICE_LEN_MIN};
use crate::codec::Format;
use crate::error::{Code, Error};
use crate::message::{self, Ask};
use crate::metadata::Metadata;
use crate::peer::Peer;
use crate::protocol::Protocol;
use crate::protocol::http::{self, Ended, Http, Refusal, Wanted};
use crate::protocol::jsonrpc;
use crate::protocol::netrpc::page::{self, Listed};
use crate::protocol::tunnel::MUST_CONNECT;
use crate::server::accept;
use crate::server::bell::Bell;
use crate::server::connection::Shared;
use crate::sync::{Mutex, MutexGuard};
use crate::timer;

/// Answers the requests of one connection, one at a time.
#[derive(Clone)]
pub(super) struct Desk(Arc<Drawers>);

/// What is kept from request to request.
struct Drawers {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    /// Says when the connection is to end.
    bell: Arc<Bell>,
    pace: Arc<Mutex<Pace>>,
    /// Away while a call runs in it, and lost with a call that is dropped.
    calls: Mutex<Option<Box<Engine<Http>>>>,
    lists: Mutex<Option<Box<Engine<jsonrpc::Served>>>>,
}

fn locked<T>(drawer: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are put in and taken out.
    drawer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service<Request<Incoming>> for Desk {
    type Response = Response<Content>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Content>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        match request.body().is_end_stream() {
            true => locked(self.pace()).begin_call(),
            false => locked(self.pace()).begin_body(),
        }
        let desk = self.clone();
        Box::pin(async move {
            let response = desk.answer(request).await;
            locked(desk.pace()).begin_response();
            Ok(response)
        })
    }
}

impl Desk {
    /// For a connection whose first byte came at `began`.
    pub(super) fn new(shared: Arc<Shared>, peer: Arc<Peer>, bell: Arc<Bell>, began: Instant) -> Self {
        let pace = Arc::new(Mutex::new(Pace::beginning(began)));
        let (calls, lists) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Drawers { shared, peer, bell, pace, calls, lists }))
    }

    pub(super) fn pace(&self) -> &Arc<Mutex<Pace>> {
        &self.0.pace
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Content> {
        let paths = &self.0.shared.paths;
        let (head, body) = request.into_parts();
        let judged = self.count(&head).and_then(|()| http::judge(&head, paths));
        let answered = match judged {
            Ok(wanted) => self.give(wanted, &head, body).await,
            Err(refusal) => Err(refusal),
        };
        let mut response = answered.unwrap_or_else(refused);
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = head.headers.get(header::ORIGIN)
            && paths.allowed.is_allowed_origin(origin.as_bytes())
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        response
    }

    /// Refuses a head with more headers than may be.
    fn count(&self, head: &Parts) -> Result<(), Refusal> {
        let (len, most) = (head.headers.len(), self.0.shared.limits.http_headers_max);
        if len <= most {
            return Ok(());
        }
        self.0.shared.hits.note("http_head_len_max");
        let text = format!("a head with {len} headers is over the limit of {most}");
        let error = Error::new(Code::ResourceExhausted, text).not_executed();
        Err(Refusal {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            error,
            allow: None,
            is_last: true,
        })
    }

    /// On the heap, because it goes from hand to hand.
    fn engine<P: Protocol>(&self) -> Box<Engine<P>> {
        Box::new(Engine::new(&self.0.shared, &self.0.peer))
    }

    async fn give(&self, wanted: Wanted, head: &Parts, body: Incoming) -> Result<Response<Content>, Refusal> {
        let shared = &self.0.shared;
        match wanted {
            Wanted::Call { name, format } => self.call(&name, format, head, body).await,
            Wanted::JsonRpc => self.run(head, body).await,
            Wanted::List { as_json: true } => {
                let list = serde_json::json!({ "services": shared.router.list() });
                Ok(with_body(StatusCode::OK, Format::Json.content_type(), list.to_string().into()))
            }
            Wanted::List { as_json: false } => {
                Ok(with_body(StatusCode::OK, TEXT, listed(shared.router.list()).into()))
            }
            Wanted::Page { at } => {
                let page = page::render(accept::page_title(at), shared.router.list());
                let mut response = with_body(StatusCode::OK, "text/html; charset=utf-8", page.into());
                let headers = response.headers_mut();
                let policy = "default-src 'none'; style-src 'unsafe-inline'";
                headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
                headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
                Ok(response)
            }
            Wanted::Plugged { at } => self.show(at, head, body).await,
            Wanted::Leave => Ok(leave()),
            Wanted::Tunnel => {
                let text = format!("{MUST_CONNECT}\n");
                let mut response = with_body(StatusCode::METHOD_NOT_ALLOWED, TEXT, text.into());
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("CONNECT"));
                close(&mut response);
                Ok(response)
            }
            Wanted::NoCall { name } => Err(match shared.router.find(&name, None) {
                Ok(_) => Refusal::not_allowed("POST"),
                Err(missing) => self.missing(missing, &name),
            }),
        }
    }

    async fn call(
        &self,
        name: &[u8],
        format: Format,
        head: &Parts,
        body: Incoming,
    ) -> Result<Response<Content>, Refusal> {
        let began = Instant::now();
        let timeout = http::timeout_of(&head.headers)?;
        let (whole, held) = self.gather(body, self.0.shared.limits.frame_len_max).await?;
        let bytes: &[u8] = match format {
            // Nothing is said of any parameter.
            Format::Json if whole.trim_ascii().is_empty() => b"{}",
            _ => &whole[..],
        };
        let shared = (bytes.len() >= SPLICE_LEN_MIN).then_some(&whole);
        let ask = Ask {
            tag: format,
            method: message::Wanted::named(name),
            body: Ok(Body { format, bytes, types: None, shared }),
            packed: None,
            timeout,
            metadata: http::metadata_of(&head.headers),
        };
        let kept = locked(&self.0.calls).take();
        let mut engine = kept.unwrap_or_else(|| self.engine());
        let (ended, reply) = engine.call(ask, began.elapsed()).await;
        drop(held);
        let mut response = match ended {
            Ended::Reply { format, metadata } => {
                let reply = Held::nothing(&self.0.shared).keep(reply);
                let mut response = with_body(StatusCode::OK, format.content_type(), reply);
                match metadata.map(|metadata| add(&metadata, response.headers_mut())) {
                    None | Some(Ok(())) => response,
                    Some(Err(error)) => refused(Refusal::with(error)),
                }
            }
            Ended::Failed(error) => refused(Refusal::with(error)),
            Ended::Missing(missing) => refused(self.missing(missing, name)),
        };
        match engine.has_ended() {
            true => close(&mut response),
            false => *locked(&self.0.calls) = Some(engine),
        }
        Ok(response)
    }

    /// Runs requests of JSON-RPC.
    async fn run(&self, head: &Parts, body: Incoming) -> Result<Response<Content>, Refusal> {
        let began = Instant::now();
        let timeout = http::timeout_of(&head.headers)?;
        let most = self.0.shared.limits.frame_len_max.saturating_add(jsonrpc::ENVELOPE_LEN);
        let (whole, held) = self.gather(body, most).await?;
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(&whole) {
            let error = serde_json::json!({ "code": jsonrpc::ErrorCode::PARSE_ERROR.0, "message": error.to_string() });
            let reply = serde_json::json!({ "jsonrpc": "2.0", "id": null, "error": error });
            let reply = reply.to_string().into();
            return Ok(with_body(StatusCode::BAD_REQUEST, Format::Json.content_type(), reply));
        }
        let kept = locked(&self.0.lists).take();
        let mut engine = kept.unwrap_or_else(|| self.engine());
        let until = timeout.map(|timeout| timer::later(began, timeout));
        let mut replies = engine.run(&whole, until).await;
        drop(held);
        replies.truncate(replies.trim_ascii_end().len());
        let mut response = match replies.is_empty() {
            false => {
                let replies = Held::nothing(&self.0.shared).keep(replies);
                with_body(StatusCode::OK, Format::Json.content_type(), replies)
            }
            true if engine.has_ended() => {
                let text = "expected a request of JSON-RPC 2.0";
                refused(Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, text))
            }
            true => empty(StatusCode::NO_CONTENT),
        };
        match engine.has_ended() {
            true => close(&mut response),
            false => *locked(&self.0.lists) = Some(engine),
        }
        Ok(response)
    }

    /// Answers by the pages at this place.
    async fn show(&self, at: usize, head: &Parts, body: Incoming) -> Result<Response<Content>, Refusal> {
        let shared = &self.0.shared;
        let Some(pages) = shared.shelf.at(at) else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, Code::NotFound, "nothing is here"));
        };
        let most = pages.body_len_max().min(shared.limits.frame_len_max);
        let (whole, held) = self.gather(body, most).await?;
        let request = pages::request(head, &self.0.peer, whole);
        let answering = pages::answer(&**pages, request, &self.0.bell);
        let answered = tokio::time::timeout(shared.limits.handler_timeout_max, answering).await;
        drop(held);
        let answered = answered.unwrap_or_else(|_| {
            let text = "the page has not answered in its time";
            Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded, text))
        });
        // Not counted among what connections hold: pages may answer many with the same bytes.
        Ok(answered?.map(Content::new))
    }

    /// All of a body of at most so many bytes, counted among what all connections hold.
    async fn gather(&self, mut body: Incoming, most: usize) -> Result<(Bytes, Held), Refusal> {
        let shared = &self.0.shared;
        let too_long = || {
            shared.hits.note("frame_len_max");
            let text = format!("a body over the limit of {most} bytes");
            let error = Error::new(Code::ResourceExhausted, text).not_executed();
            Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, error, allow: None, is_last: true }
        };
        if body.size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        let (mut only, mut whole, mut held) = (Bytes::new(), Vec::new(), Held::nothing(shared));
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(frame) = frame else {
                let text = "the body has not come as a whole";
                return Err(Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, text));
            };
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let len = only.len() + whole.len() + bytes.len();
            if len > most {
                return Err(too_long());
            }
            if let Some(limit) = held.set(len) {
                shared.hits.note(limit);
                let text = "the server holds as many bytes of messages as it may";
                return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted, text));
            }
            // Most bodies come in one piece, and are not copied.
            if only.is_empty() && whole.is_empty() {
                only = bytes;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut only));
            whole.extend_from_slice(&bytes);
        }
        locked(self.pace()).begin_call();
        Ok((if whole.is_empty() { only } else { whole.into() }, held))
    }

    fn missing(&self, missing: message::Missing, name: &[u8]) -> Refusal {
        let shared = &self.0.shared;
        http::missing(missing, name, (!shared.paths.pages.is_empty()).then(|| shared.router.list()))
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn empty(status: StatusCode) -> Response<Content> {
    let mut response = Response::new(Content::default());
    *response.status_mut() = status;
    response
}

fn with_body(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Content> {
    let mut response = Response::new(Content::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The peer is not listened to any more.
fn close(response: &mut Response<Content>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

fn refused(refusal: Refusal) -> Response<Content> {
    let body = http::body_of(&refusal.error).into();
    let mut response = with_body(refusal.status, Format::Json.content_type(), body);
    if let Some(allow) = refusal.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(time) = refusal.error.retry_after() {
        let seconds = time.as_millis().div_ceil(1000).min(u32::MAX.into());
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds as u32));
        // Both names are headers, and a number is a header's value.
        let _ = add(&Metadata::of_retry_after(time), response.headers_mut());
    }
    if refusal.is_last {
        close(&mut response);
    }
    response
}

/// What a browser may be made to send by a page of an allowed site.
fn leave() -> Response<Content> {
    let mut response = empty(StatusCode::NO_CONTENT);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, timeout, traceparent"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Adds what travels beside a reply.
///
/// # Errors
///
/// The entry that is no header.
fn add(metadata: &Metadata, headers: &mut HeaderMap) -> Result<(), Error> {
    for (name, value) in metadata.iter() {
        let entry = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value).ok());
        match entry {
            Some((name, value)) if !http::is_own_header(name.as_str()) => {
                headers.append(name, value);
            }
            _ => {
                let name = crate::error::shown(name.as_bytes());
                let text = format!("the reply's metadata `{name}` is no header of a response");
                return Err(Error::new(Code::Internal, text));
            }
        }
    }
    Ok(())
}

/// What is served, for people.
fn listed(mut services: Vec<Listed>) -> String {
    services.sort_by(|a, b| a.service.cmp(&b.service));
    let mut text = String::new();
    for service in services {
        for method in service.methods {
            text.push_str(&format!(
                "{}.{}({}) {}\n",
                service.service, method.name, method.argument, method.reply
            ));
        }
    }
    text.push_str("\nPOST an argument as JSON to a method's name, or JSON-RPC 2.0 to this place.\n");
    text
}
