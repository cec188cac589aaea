//! HTTP `CONNECT`: how a stream of calls begins on an HTTP port, as Go's `DialHTTP` and `HandleHTTP` do it.
//!
//! Heads in, verdicts out; nothing here reads or writes a socket. The bytes behind a head belong to whoever
//! reads the stream next.

use super::browser::{self, Allowed};
use super::recognition::Recognition;
use crate::error::{Code, Error, Result};
use crate::limits::Limits;

/// Where a protocol is found on an HTTP server, and what the server says when the tunnel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The path that a client asks for.
    pub path: &'static str,
    /// The status, code and reason, that Go's clients compare letter by letter.
    pub status: &'static str,
}

/// The request that opens a tunnel: Go's, byte for byte, which has bare line feeds and no header.
pub fn request(path: &str) -> Vec<u8> {
    format!("CONNECT {path} HTTP/1.0\n\n").into_bytes()
}

/// The reply that says that the tunnel stands. Nothing may follow it until the peer has sent a request:
/// Go's client throws away what it has read beyond the blank line.
pub fn reply(tunnel: &Tunnel) -> Vec<u8> {
    format!("HTTP/1.0 {}\n\n", tunnel.status).into_bytes()
}

/// How many bytes the reply's head took, once it is whole and says that the tunnel stands.
///
/// # Errors
///
/// [`Code::Unavailable`] if the peer said something else, or nothing that is HTTP.
pub fn read_reply(bytes: &[u8], tunnel: &Tunnel, limits: &Limits) -> Result<Option<usize>> {
    let mut headers = vec![httparse::EMPTY_HEADER; limits.http_headers_max];
    let mut reply = httparse::Response::new(&mut headers);
    match reply.parse(bytes) {
        Ok(httparse::Status::Complete(used)) if used <= limits.http_head_len_max => {
            let (code, reason) = (reply.code.unwrap_or(0), reply.reason.unwrap_or(""));
            let status = format!("{code} {reason}");
            if status == tunnel.status {
                return Ok(Some(used));
            }
            Err(Error::new(
                Code::Unavailable,
                format!(
                    "expected `{}`, the peer said `{}`",
                    tunnel.status,
                    crate::error::shown(status.as_bytes())
                ),
            ))
        }
        Ok(httparse::Status::Partial) if bytes.len() < limits.http_head_len_max => Ok(None),
        Ok(_) => Err(Error::new(
            Code::Unavailable,
            format!("an HTTP head over the limit of {} bytes", limits.http_head_len_max),
        )),
        Err(cause) => Err(Error::new(
            Code::Unavailable,
            format!("expected an HTTP reply, the peer said `{}`: {cause}", crate::error::shown(bytes)),
        )),
    }
}

/// What a request on an RPC port asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A stream of calls; the head took `used` bytes, what follows is the stream's.
    Tunnel {
        /// Which of the [tunnels](Paths::tunnels).
        at: usize,
        /// The length of the head.
        used: usize,
    },
    /// The page of services.
    Page {
        /// Which of the [pages](Paths::pages).
        at: usize,
        /// Whether only the head of the reply is wanted.
        is_head: bool,
    },
    /// Something that is refused in these words, after which the connection is closed.
    Refused(&'static str),
    /// HTTP/2, which is refused in its own frames.
    Http2,
}

/// What an RPC port answers over HTTP, and whom.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Where tunnels are.
    pub tunnels: Vec<String>,
    /// Where pages are; nowhere, if they are not shown.
    pub pages: Vec<&'static str>,
    /// Where pages of plug-ins are, and everything below; longer paths first.
    pub plugged: Vec<String>,
    /// Who is answered beside those who always are.
    pub allowed: Allowed,
}

const BAD_REQUEST: &str = "400 Bad Request";
const FORBIDDEN: &str = "403 Forbidden";
/// What is said to who asks for something that is not here.
pub(crate) const NOT_FOUND: &str = "404 Not Found";
const NOT_ALLOWED: &str = "405 Method Not Allowed";
const TOO_LARGE: &str = "431 Request Header Fields Too Large";

/// How a client begins that takes for granted that HTTP/2 is spoken.
const HTTP2: &[u8] = b"PRI * HTTP/2";

/// Whether `bytes` begin like an HTTP request, whatever its method.
pub fn recognises(bytes: &[u8]) -> Recognition {
    const METHODS: [&[u8]; 10] = [
        b"CONNECT ",
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"TRACE ",
        HTTP2,
    ];
    let begins = |method: &[u8]| bytes.iter().zip(method).all(|(a, b)| a == b);
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        return Recognition::Yes;
    }
    match METHODS.iter().any(|method| bytes.len() < method.len() && begins(method)) {
        true => Recognition::Undecided,
        false => Recognition::No,
    }
}

/// Whether what [`recognises`] has recognised is for this room alone: a tunnel, or the beginning of HTTP/2, which nobody
/// here speaks. Everything else is plain HTTP.
pub fn is_tunnel(bytes: &[u8]) -> bool {
    bytes.starts_with(b"CONNECT ") || bytes.starts_with(HTTP2)
}

/// What the request at the front of `bytes` wants, once its head is whole.
pub fn read_request(bytes: &[u8], paths: &Paths, limits: &Limits) -> Option<Wanted> {
    if bytes.starts_with(HTTP2) {
        return Some(Wanted::Http2);
    }
    let mut headers = vec![httparse::EMPTY_HEADER; limits.http_headers_max];
    let mut request = httparse::Request::new(&mut headers);
    let used = match request.parse(bytes) {
        Ok(httparse::Status::Complete(used)) if used <= limits.http_head_len_max => used,
        Ok(httparse::Status::Partial) if bytes.len() <= limits.http_head_len_max => return None,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Some(Wanted::Refused(TOO_LARGE)),
        Err(_) => return Some(Wanted::Refused(BAD_REQUEST)),
    };
    Some(judge(&request, used, paths))
}

fn judge(request: &httparse::Request<'_, '_>, used: usize, paths: &Paths) -> Wanted {
    let (method, path) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
    let values = |name: &'static str| {
        let named = move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        request.headers.iter().filter(named).map(|header| header.value)
    };
    let has = |name| values(name).next().is_some();
    let has_body = has("content-length") || has("transfer-encoding");
    if values("host").count() > 1 || (has("transfer-encoding") && request.version == Some(0)) {
        return Wanted::Refused(BAD_REQUEST);
    }
    let is_own_host = |host: &[u8]| paths.allowed.is_own_host(host);
    if browser::HEADERS.into_iter().any(has) || !values("host").all(is_own_host) {
        return Wanted::Refused(FORBIDDEN);
    }
    let from_page = values(browser::SITE).any(|site| site != b"none");
    if let Some(at) = paths.tunnels.iter().position(|tunnel| tunnel == path) {
        return match method {
            "CONNECT" if has_body => Wanted::Refused(BAD_REQUEST),
            "CONNECT" if has(browser::SITE) => Wanted::Refused(FORBIDDEN),
            "CONNECT" => Wanted::Tunnel { at, used },
            _ => Wanted::Refused(MUST_CONNECT),
        };
    }
    match (method, paths.pages.iter().position(|page| *page == path)) {
        (_, None) => Wanted::Refused(NOT_FOUND),
        ("GET" | "HEAD", Some(_)) if from_page => Wanted::Refused(FORBIDDEN),
        ("GET" | "HEAD", Some(at)) => Wanted::Page { at, is_head: method == "HEAD" },
        (_, Some(_)) => Wanted::Refused(NOT_ALLOWED),
    }
}

/// What Go says to whoever does not CONNECT.
pub(crate) const MUST_CONNECT: &str = "405 must CONNECT";

/// A refusal as bytes. The texts are fixed: nothing of the request comes back.
pub fn refusal(status: &'static str) -> Vec<u8> {
    let (status, body) = match status {
        MUST_CONNECT => (NOT_ALLOWED, MUST_CONNECT),
        NOT_FOUND => (NOT_FOUND, "404 page not found"),
        status => (status, status),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}\n",
        body.len() + 1
    )
    .into_bytes()
}

/// What is said to a client of HTTP/2: no settings, and that the connection ends because HTTP/1.1 is required (RFC 9113,
/// 6.5, 6.8 and 7).
pub fn http2_refusal() -> Vec<u8> {
    const TEXT: &[u8] = b"HTTP/2 is not spoken here, HTTP/1.1 is";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    // No stream was looked at, and the error is HTTP_1_1_REQUIRED.
    const GOAWAY: &[u8] = &[0, 0, 8 + TEXT.len() as u8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0d];
    [SETTINGS, GOAWAY, TEXT].concat()
}

/// A page as bytes.
pub fn page(body: &str, is_head: bool) -> Vec<u8> {
    let mut reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if !is_head {
        reply.extend_from_slice(body.as_bytes());
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(request: &str) -> Option<Wanted> {
        let tunnels = vec!["/other/rpc".to_owned(), "/_goRPC_".to_owned()];
        let paths = Paths { tunnels, pages: vec!["/debug/other", "/debug/rpc"], ..Paths::default() };
        read_request(request.as_bytes(), &paths, &Limits::default())
    }

    #[test]
    fn gos_connect_is_accepted_in_both_line_endings_and_versions() {
        for request in [
            "CONNECT /_goRPC_ HTTP/1.0\n\n",
            "CONNECT /_goRPC_ HTTP/1.0\r\n\r\n",
            "CONNECT /_goRPC_ HTTP/1.1\r\nHost: 127.0.0.1:7001\r\n\r\n",
        ] {
            assert_eq!(wanted(request), Some(Wanted::Tunnel { at: 1, used: request.len() }), "{request:?}");
            for cut in 0..request.len() {
                assert_eq!(wanted(&request[..cut]), None, "{request:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_reply_whose_head_is_too_long_is_refused_however_it_comes() {
        let tunnel = Tunnel { path: "/_goRPC_", status: "200 Connected to Go RPC" };
        let head = format!("HTTP/1.0 200 Connected to Go RPC\nX: {}\n\n", "x".repeat(8192));

        for cut in [8192, head.len()] {
            let error = read_reply(&head.as_bytes()[..cut], &tunnel, &Limits::default()).unwrap_err();
            assert!(error.message().contains("over the limit of 8192"), "{error}");
        }
    }

    #[test]
    fn what_is_no_rpc_is_refused() {
        for (request, status) in [
            ("GET /_goRPC_ HTTP/1.1\r\n\r\n", MUST_CONNECT),
            ("CONNECT /other HTTP/1.1\r\n\r\n", NOT_FOUND),
            ("CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n", NOT_FOUND),
            ("GET / HTTP/1.1\r\n\r\n", NOT_FOUND),
            ("POST /debug/rpc HTTP/1.1\r\n\r\n", NOT_ALLOWED),
            ("CONNECT /_goRPC_ HTTP/1.1\r\nContent-Length: 5\r\n\r\n", BAD_REQUEST),
            ("CONNECT /_goRPC_ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BAD_REQUEST),
            ("CONNECT /_goRPC_ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BAD_REQUEST),
            ("CONNECT /_goRPC_ HTTP/1.1\r\nOrigin: http://x\r\n\r\n", FORBIDDEN),
            ("GET /debug/rpc HTTP/1.1\r\nHost: evil.test\r\n\r\n", FORBIDDEN),
            ("GET /debug/rpc HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n\r\n", FORBIDDEN),
            ("\0GET", BAD_REQUEST),
        ] {
            assert_eq!(wanted(request), Some(Wanted::Refused(status)), "{request:?}");
        }
    }

    #[test]
    fn a_client_of_http2_is_told_so_in_its_own_frames() {
        assert_eq!(wanted("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some(Wanted::Http2));

        let reply = http2_refusal();

        let (settings, goaway) = reply.split_at(9);
        assert_eq!(settings, [0, 0, 0, 4, 0, 0, 0, 0, 0]);
        assert_eq!(goaway[..9], [0, 0, goaway.len() as u8 - 9, 7, 0, 0, 0, 0, 0]);
        assert_eq!(goaway[9..17], [0, 0, 0, 0, 0, 0, 0, 13]);
        assert_eq!(&goaway[17..], b"HTTP/2 is not spoken here, HTTP/1.1 is");
    }

    #[test]
    fn the_page_is_shown_to_whoever_may_see_it() {
        for host in ["127.0.0.1:7001", "[::1]:7001", "localhost"] {
            let request = format!("GET /debug/rpc HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(wanted(&request), Some(Wanted::Page { at: 1, is_head: false }), "{host}");
        }
    }
}
