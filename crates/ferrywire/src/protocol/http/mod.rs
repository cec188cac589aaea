//! Plain HTTP/1.1: a method is called by a `POST` to its name.
//!
//! ```text
//! $ curl -d '{"a":6,"b":7}' http://127.0.0.1:7001/Arith.Multiply
//! 42
//! ```
//!
//! | request | is |
//! | --- | --- |
//! | `POST /Service.Method` | a call; the body is the argument, the response's body the reply |
//! | `POST /`, `POST /jsonrpc` | JSON-RPC 2.0: one request or a list of them |
//! | `GET /` | what is served: JSON where `Accept` names it, else text |
//! | `GET /debug/rpc` | Go's page of the same |
//!
//! # Bodies
//!
//! JSON, or what `Content-Type` says: `application/msgpack`, `application/x-protobuf`, `application/x-gob` and
//! `application/octet-stream` are the codecs [`MessagePack`](crate::Format::MessagePack),
//! [`Protobuf`](crate::Format::Protobuf), [`Gob`](crate::Format::Gob) and [`Raw`](crate::Format::Raw). The reply is in the
//! same codec. Other types are refused with 415, and so is postcard, whose bytes do not say what they are.
//!
//! A method with several parameters takes an object with a field for each, or a list of them in their order; one without
//! takes an empty body, `null` or `{}`. An empty body is `{}` to every method: a struct all of whose fields may be missing
//! can be left out.
//!
//! `application/x-www-form-urlencoded`, which is what `curl -d` says, and no type at all are taken for JSON, but only from
//! programs: see below.
//!
//! # Headers
//!
//! | header | is |
//! | --- | --- |
//! | `Timeout: 1.5s` | how long the caller waits: a number and `ms`, `s`, `m` or `h`, and seconds if there is no unit |
//! | `Grpc-Timeout: 1500m` | the same as gRPC spells it |
//! | `Traceparent` | the [trace](crate::Trace) that the call belongs to |
//! | what is not HTTP's own | [metadata](crate::Metadata) |
//!
//! The time begins when the request's head has come. After it the answer is 504. A caller that closes its connection has
//! withdrawn its call; one that has only ended its own direction has a second left, because that looks the same. What a
//! method [adds to its reply](crate::Context::add_reply_metadata) are headers of the response.
//!
//! # Errors
//!
//! The body is `{"code": "invalid_argument", "message": "…", "details": …, "executed": false}`: the [`Code`](crate::Code)'s name, the
//! text, what programs read of it if there is anything (where that is no JSON it is `bytes`, in base64), and that the call
//! has certainly not run, if that is so. The status is that of the code:
//!
//! | code | status |
//! | --- | --- |
//! | `invalid_argument`, `failed_precondition`, `out_of_range` | 400 |
//! | `unauthenticated` | 401 |
//! | `permission_denied` | 403 |
//! | `not_found` | 404 |
//! | `already_exists`, `aborted` | 409 |
//! | `resource_exhausted` | 429 |
//! | `cancelled` | 499 |
//! | `unknown`, `internal`, `data_loss` | 500 |
//! | `unimplemented` | 501; 404 if there is no such service or method |
//! | `unavailable` | 503 |
//! | `deadline_exceeded` | 504 |
//!
//! A server that asks to be [left alone](crate::Error::with_retry_after) says so by `Retry-After: SECONDS` and
//! `grpc-retry-pushback-ms`; a client reads either.
//!
//! What is no call at all is answered with 400, 403, 404, 405, 413, 415 or 431. JSON-RPC is always answered with 200, but
//! for 204 where nobody waits for a reply and 400 where the body is no JSON.
//!
//! # As a client
//!
//! [`Http`] calls a method of whatever HTTP server by `POST`, at the path in the address and the method's name behind it:
//! `http://host:port/rpc` and `Arith.Multiply` are `/rpc/Arith.Multiply`. Arguments are JSON unless another codec of the
//! above is chosen; a reply is in the codec that its `Content-Type` names. Metadata are headers, and headers metadata.
//! [`Post`] speaks another protocol in the bodies.
//!
//! An error is what the body says, if that is an error as above, and else has the code that comes nearest to the status,
//! the beginning of the body in its text and all of it in its [details](crate::Error::details). Redirects are not followed.
//!
//! A call has a connection for itself while it lasts. There are as many as calls at once, up to
//! [`connections_per_client_max`](crate::Limits::connections_per_client_max); further calls wait. A call that is dropped, or
//! whose time has passed, closes its connection: that is how a server learns of it. A call is sent once. Only if its
//! connection turns out to have ended before, while nobody used it, it goes over another.
//!
//! # What the wire cannot say
//!
//! - That nobody waits for a reply: it is waited for, and thrown away.
//! - Which types a method has, by number or fingerprint; checksums, compression, pieces of a body.
//! - That a server is there while a call runs.
//!
//! # Web pages
//!
//! The pages of any site can make the browser that shows them ask ports of the same machine. They do not reach a method:
//! whatever has one of the headers that only browsers send (`Origin`, `Referer`, `Cookie`, `Sec-Fetch-*`) is refused, and so
//! is a `Host` that is a name which somebody else may own. Node's `fetch` sends `Sec-Fetch-Mode: cors` alone, which no browser
//! does, and is served. What [`allow_origin`](crate::server::Builder::allow_origin) lets in
//! has to name a codec in its `Content-Type`, so that the browser asks before it sends. A person who types the address sees
//! what is served.

use std::convert::Infallible;

use super::Protocol;
use super::tunnel::Tunnel;
use crate::codec::Format;

mod chunks;
mod fault;
mod head;
mod post;
mod replies;
mod reply;
mod requests;
mod response;
mod unread;

pub use fault::status_of;
pub(crate) use fault::{Refusal, body_of, missing};
pub(crate) use head::{JSON_RPC_PATH, Wanted, is_own_header, judge, metadata_of, timeout_of};
pub use post::{Post, PostReplies, PostWriter};
pub use replies::Replies;
pub(crate) use reply::Ended;
pub use reply::ReplyWriter;
pub use requests::RequestWriter;
pub use unread::Unread;

/// Plain HTTP/1.1, as a client speaks it: see [`http`](self).
///
/// The server's own streams of HTTP are read and written elsewhere: there a request comes whole, and a reply goes whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http;

impl Protocol for Http {
    const NAME: &'static str = "HTTP";
    const TUNNEL: Option<Tunnel> = None;
    // There is one call at a time.
    const IDS_GROW: bool = true;
    const RECONNECTS: bool = true;
    const IS_HTTP: bool = true;

    /// What the reply is to be in.
    type Tag = Format;
    type Word = Infallible;
    type ReadRequests = unread::Unread;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter;
    type ReadReplies = Replies;
}
