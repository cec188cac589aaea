//! The header protocol of WgRPC and GeeRPC: an address in a header is a beat, all addresses in a header are the list.
//!
//! | request | is answered |
//! | --- | --- |
//! | `POST` with `X-Wgrpc-Server: tcp@host:port` | 200; without the header, 500, as theirs do |
//! | `GET` | 200 with `X-Wgrpc-Servers: a,b,c`, which may be empty |
//! | anything else | 405 |

use bytes::Bytes;
use ferrywire::discovery::Health;
use ferrywire::transport::Peer;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::address::{Named, family_spelling};
use crate::refusal::Refusal;
use crate::registry::Inner;
use crate::store::Listed;

/// One of the two: the same protocol with other names.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) path: &'static str,
    /// In which a server says its address.
    pub(crate) server: HeaderName,
    /// In which the list is.
    pub(crate) servers: HeaderName,
}

/// Both.
pub(crate) static FAMILIES: [Family; 2] = [
    Family {
        path: "/wgrpc/registry",
        server: HeaderName::from_static("x-wgrpc-server"),
        servers: HeaderName::from_static("x-wgrpc-servers"),
    },
    Family {
        path: "/_geerpc_/registry",
        server: HeaderName::from_static("x-geerpc-server"),
        servers: HeaderName::from_static("x-geerpc-servers"),
    },
];

impl Family {
    /// Whose path it is.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.path == path)
    }

    pub(crate) fn answer(&self, inner: &Inner, request: &Request<Bytes>, peer: &Peer) -> Response<Bytes> {
        match *request.method() {
            Method::GET => self.list(inner),
            Method::POST => match self.enter(inner, request.headers(), peer) {
                Ok(status) => empty(status),
                Err(refusal) => said(&refusal),
            },
            _ => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
                response
            }
        }
    }

    fn list(&self, inner: &Inner) -> Response<Bytes> {
        let mut all = Vec::new();
        inner.serving(|address| all.push(family_spelling(address)));
        all.sort_unstable();
        let mut response = empty(StatusCode::OK);
        let list = HeaderValue::try_from(all.join(",")).expect("addresses are visible letters");
        response.headers_mut().insert(self.servers.clone(), list);
        response
    }

    fn enter(&self, inner: &Inner, headers: &HeaderMap, peer: &Peer) -> Result<StatusCode, Refusal> {
        let mut said = headers.get_all(&self.server).iter();
        let address = match (said.next(), said.next()) {
            (Some(address), None) if !address.is_empty() => address,
            (_, Some(_)) => return Err(Refusal::invalid("one request registers one address")),
            // What their registries say, and nothing more.
            _ => return Ok(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let address = address.to_str().map_err(|_| Refusal::invalid("an address is visible letters"))?;
        let settings = &inner.settings;
        let named = Named::read(address, settings.name_len_max).map_err(Refusal::invalid)?;
        let named = inner.may_name(named, peer, headers)?;
        inner.enter_as(&named, |known| beat(known, settings.header_ttl), peer)?;
        Ok(StatusCode::OK)
    }
}

/// What is listed of a server that says nothing but where it is: what it has said otherwise stands.
fn beat(known: Option<&Listed>, ttl: std::time::Duration) -> Listed {
    match known {
        Some(known) => Listed { ttl: known.ttl.max(ttl), ..known.clone() },
        None => Listed {
            services: Vec::new(),
            weight: 1,
            zone: String::new(),
            metadata: std::collections::BTreeMap::new(),
            health: Health::Serving,
            ttl,
        },
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A refusal in words, which people read.
pub(crate) fn said(refusal: &Refusal) -> Response<Bytes> {
    let mut response = Response::new(format!("{}\n", refusal.message).into());
    *response.status_mut() = refusal.status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
