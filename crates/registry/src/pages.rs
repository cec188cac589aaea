//! The registry's pages: which request goes where.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use ferrywire::server::{self, Pages};
use ferrywire::transport::{BoxFuture, Peer};
use futures_util::future::{Either, ready};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use crate::address::Named;
use crate::api::{self, Entered, ROOT, SERVERS, Said, millis};
use crate::legacy::{self, FAMILIES, Family};
use crate::refusal::{Refusal, json, shown};
use crate::registry::{Inner, Registry};

/// Puts a registry on a server's own port.
pub trait WithRegistry {
    /// Answers at `/registry/v1`, `/wgrpc/registry` and `/_geerpc_/registry`, whoever is not a browser.
    ///
    /// Of a registry that is asked by a name, as `http://registry.example.org:9999`, the server has to know that name:
    /// [`allow_host`](server::Builder::allow_host). Clients of one network address have
    /// [`connections_per_address_max`](ferrywire::Limits::connections_per_address_max) connections, and each that waits for a
    /// change needs one.
    #[must_use]
    fn with_registry(self, registry: &Registry) -> Self;
}

impl WithRegistry for server::Builder {
    fn with_registry(self, registry: &Registry) -> Self {
        FAMILIES.iter().fold(self.pages(ROOT, registry.clone()), |builder, family| {
            builder.pages(family.path, registry.clone())
        })
    }
}

impl Pages for Registry {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> {
        let stranger = Peer::named("unknown");
        let peer = request.extensions().get::<Peer>().unwrap_or(&stranger);
        let path = request.uri().path();
        let family = Family::at(path);
        if let Err(refusal) = self.inner.count(peer) {
            let response = family.map_or_else(|| refusal.response(), |_| legacy::said(&refusal));
            return Box::pin(ready(response));
        }
        if let Some(family) = family {
            return Box::pin(ready(family.answer(&self.inner, &request, peer)));
        }
        let answered = match (path, request.method()) {
            (SERVERS, &Method::GET) => match Asked::of(request.uri().query()) {
                Ok(asked) => return Box::pin(self.list(asked)),
                Err(refusal) => Err(refusal),
            },
            (SERVERS, &Method::POST) => enter(&self.inner, &request, peer),
            (SERVERS, &Method::DELETE) => take_out(&self.inner, &request, peer),
            (SERVERS, _) => Err(Refusal::not_allowed("expected DELETE, GET, POST here")),
            _ => Err(Refusal::not_found("nothing is here: servers are at /registry/v1/servers")),
        };
        let mut response = answered.unwrap_or_else(|refusal| refusal.response());
        if response.status() == http::StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("DELETE, GET, POST"));
        }
        Box::pin(ready(response))
    }

    fn body_len_max(&self) -> usize {
        self.inner.settings.body_len_max
    }
}

impl Registry {
    fn list(&self, asked: Asked) -> impl Future<Output = Response<Bytes>> + Send + 'static + use<> {
        let inner = self.inner.clone();
        // A version of another epoch is not waited for: whatever it was, it is over.
        let after = asked.after.filter(|_| asked.epoch.is_none_or(|epoch| epoch == inner.epoch));
        let list = match after {
            None => Either::Left(ready(inner.list(asked.service.as_deref()))),
            Some(after) => Either::Right(inner.changed_list(asked.service, after, asked.wait)),
        };
        async move { json(list.await) }
    }
}

/// What is asked of a list.
#[derive(Debug, Default)]
struct Asked {
    service: Option<String>,
    after: Option<u64>,
    epoch: Option<String>,
    wait: Duration,
}

impl Asked {
    fn of(query: Option<&str>) -> Result<Self, Refusal> {
        let mut asked = Self { wait: Duration::from_secs(30), ..Self::default() };
        let number = |name: &str, value: &str| {
            value.parse::<u64>().map_err(|_| Refusal::invalid(format!("{name} is a number")))
        };
        for (name, value) in pairs(query) {
            let value = value?;
            match name {
                "service" => asked.service = Some(value.into_owned()),
                "epoch" => asked.epoch = Some(value.into_owned()),
                "after" => asked.after = Some(number(name, &value)?),
                "wait_ms" => asked.wait = Duration::from_millis(number(name, &value)?),
                // What is not known yet may mean something later.
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn enter(inner: &Inner, request: &Request<Bytes>, peer: &Peer) -> Result<Response<Bytes>, Refusal> {
    expect_json(request.headers())?;
    let said: Said<'_> = serde_json::from_slice(request.body())
        .map_err(|cause| Refusal::invalid(format!("this is no server: {}", shown(&cause.to_string()))))?;
    let (named, listed) = said.checked(&inner.settings)?;
    let named = inner.may_name(named, peer, request.headers())?;
    let ttl_ms = millis(listed.ttl);
    let version = inner.enter(&named, listed, peer)?;
    Ok(entered(inner, version, ttl_ms))
}

fn take_out(inner: &Inner, request: &Request<Bytes>, peer: &Peer) -> Result<Response<Bytes>, Refusal> {
    let address = pairs(request.uri().query()).find(|(name, _)| *name == "address");
    let (_, address) = address.ok_or_else(|| Refusal::invalid("expected ?address=tcp://host:port"))?;
    let named = Named::read(&address?, inner.settings.name_len_max).map_err(Refusal::invalid)?;
    let named = inner.may_name(named, peer, request.headers())?;
    if !inner.take_out(&named) {
        return Err(Refusal::not_found("no server is registered at this address"));
    }
    let version = inner.now().store.changed(None);
    Ok(entered(inner, version, 0))
}

fn entered(inner: &Inner, version: u64, ttl_ms: u64) -> Response<Bytes> {
    let entered = Entered { epoch: inner.epoch.clone(), version, ttl_ms };
    json(serde_json::to_vec(&entered).expect("texts and numbers are JSON").into())
}

/// A body of another type is no form of a web page, whatever it holds.
fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_json(headers) { Ok(()) } else { Err(Refusal::no_json()) }
}

/// Whether the body is JSON by its own words.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// What a query says, by its names.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, Result<Cow<'_, str>, Refusal>)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name, unescaped(value))
    })
}

pub(crate) fn unescaped(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&letter, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| letter == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(letter));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Refusal::invalid("a query is UTF-8"))
}

/// What stands in a query as it is.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// The path and query of a list.
pub(crate) fn list_path(service: Option<&str>, seen: Option<(&str, u64)>, wait: Duration) -> String {
    let mut path = format!("{}?wait_ms={}", api::SERVERS, millis(wait));
    if let Some(service) = service {
        path.push_str(&format!("&service={}", escaped(service)));
    }
    if let Some((epoch, version)) = seen {
        path.push_str(&format!("&after={version}&epoch={}", escaped(epoch)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_into_a_query_is_read_out_of_it() {
        for text in ["", "Arith", "a b&c=d", "ünï/code", "100%", "%41", "[::1]:80"] {
            let query = format!("x=1&service={}&after=7", escaped(text));
            let asked = Asked::of(Some(&query)).unwrap();

            assert_eq!((asked.service.as_deref(), asked.after), (Some(text), Some(7)));
        }
        for query in ["after=x", "after=-1", "wait_ms=99999999999999999999", "service=%ff"] {
            assert!(Asked::of(Some(query)).is_err(), "{query}");
        }
    }
}
