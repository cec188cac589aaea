//! Heads of requests: what each asks for, and whether whoever asks may.

use std::borrow::Cow;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

use super::fault::Refusal;
use crate::codec::Format;
use crate::error::Code;
use crate::metadata::Metadata;
use crate::protocol::browser;
use crate::protocol::tunnel::Paths;

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// A call, if there is such a method.
    Call {
        /// `Service.Method`.
        name: Vec<u8>,
        /// The codec of argument and reply.
        format: Format,
    },
    /// JSON-RPC.
    JsonRpc,
    /// What is served.
    List {
        /// Whether in JSON.
        as_json: bool,
    },
    /// A page of services.
    Page {
        /// Which of the [pages](Paths::pages).
        at: usize,
    },
    /// A page of a plug-in.
    Plugged {
        /// Which of the [paths](Paths::plugged).
        at: usize,
    },
    /// Whether a page may call; a browser asks that by itself.
    Leave,
    /// Something else than a `CONNECT` where tunnels are.
    Tunnel,
    /// Another method at a place where, if anything, there is a method of a service.
    NoCall {
        /// `Service.Method`.
        name: Vec<u8>,
    },
}

/// Where JSON-RPC is, beside `/`.
pub(crate) const JSON_RPC_PATH: &str = "/jsonrpc";

/// What a request asks for.
///
/// # Errors
///
/// The refusal, if it means two things at once, comes from where it may not, or asks for what no place has.
pub(crate) fn judge(head: &Parts, paths: &Paths) -> Result<Wanted, Refusal> {
    let is_page = admit(head, paths)?;
    let path = head.uri.path();
    let get = || matches!(head.method, Method::GET | Method::HEAD);
    if head.method == Method::CONNECT {
        let text = "a tunnel begins its connection";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, text));
    }
    if paths.tunnels.iter().any(|tunnel| tunnel == path) {
        return Ok(Wanted::Tunnel);
    }
    if let Some(at) = paths.plugged.iter().position(|root| is_at_or_below(path, root)) {
        // Nobody has said of a plug-in what the pages of an allowed site may do with it.
        let agent = head.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
        if is_page || agent.starts_with(b"Mozilla/") {
            let text = "this is not for web pages";
            return Err(Refusal::new(StatusCode::FORBIDDEN, Code::PermissionDenied, text));
        }
        return Ok(Wanted::Plugged { at });
    }
    if head.method == Method::OPTIONS && is_page {
        return Ok(Wanted::Leave);
    }
    let is_root = path == "/";
    if let Some(at) = paths.pages.iter().position(|page| *page == path) {
        return if get() { Ok(Wanted::Page { at }) } else { Err(Refusal::not_allowed("GET, HEAD")) };
    }
    match head.method {
        Method::POST if is_root || path == JSON_RPC_PATH => {
            expect_type(head, is_page, |kind| {
                let known = ["application/json-rpc", "application/jsonrequest"];
                let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(kind));
                (is_known || Format::from_content_type(kind) == Some(Format::Json)).then_some(Format::Json)
            })?;
            Ok(Wanted::JsonRpc)
        }
        _ if path == JSON_RPC_PATH => Err(Refusal::not_allowed("POST")),
        _ if is_root && get() && !paths.pages.is_empty() => {
            Ok(Wanted::List { as_json: accepts_json(&head.headers) })
        }
        _ if is_root => {
            Err(Refusal::not_allowed(if paths.pages.is_empty() { "POST" } else { "GET, HEAD, POST" }))
        }
        Method::POST => {
            let name = unescaped(path).into_owned();
            let format = expect_type(head, is_page, |kind| {
                Format::from_content_type(kind).filter(|format| *format != Format::Postcard)
            })?;
            Ok(Wanted::Call { name, format })
        }
        _ => Ok(Wanted::NoCall { name: unescaped(path).into_owned() }),
    }
}

fn is_at_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Lets a request in, or not; says whether a page of an allowed site has made it.
fn admit(head: &Parts, paths: &Paths) -> Result<bool, Refusal> {
    let headers = &head.headers;
    let bad = |text| Err(Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, text));
    let forbidden = |text| Err(Refusal::new(StatusCode::FORBIDDEN, Code::PermissionDenied, text));
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, other) = (hosts.next(), hosts.next());
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    if other.is_some() {
        return bad("a request has one Host");
    }
    if headers.contains_key(header::CONTENT_LENGTH) && headers.contains_key(header::TRANSFER_ENCODING) {
        return bad("a body has one length");
    }
    let is_own = |host: &[u8]| paths.allowed.is_own_host(host);
    if !host.is_none_or(|host| is_own(host.as_bytes())) || !authority.is_none_or(is_own) {
        return forbidden("the server is not asked by that name");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none());
    let is_page = origin.is_some_and(|origin| paths.allowed.is_allowed_origin(origin.as_bytes()));
    if !is_page && is_browsers(headers) && !is_look(head, paths) {
        return forbidden("web pages are not served");
    }
    // Browsers always say whom they ask. Old health checks do not, and only look.
    let is_old_look = head.version == Version::HTTP_10 && matches!(head.method, Method::GET | Method::HEAD);
    if host.is_none() && !is_old_look {
        return bad("a request has a Host");
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let text = "a body is not compressed";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, text));
    }
    Ok(is_page)
}

/// Whether only a browser sends such.
///
/// Node's `fetch` says `Sec-Fetch-Mode: cors` and nothing else of the kind. A browser that says it says `Sec-Fetch-Site` with
/// it, and `Origin` if the page is another's; no page can leave out either.
fn is_browsers(headers: &HeaderMap) -> bool {
    let is_nodes =
        |name: &str| name == browser::MODE && headers.get_all(name).iter().all(|mode| mode == "cors");
    let is_telling =
        |name: &str| browser::HEADERS.contains(&name) || name.starts_with("sec-") && !is_nodes(name);
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_browser_by_name = headers.contains_key(browser::MODE) && agent.starts_with(b"Mozilla/");
    is_browser_by_name || headers.keys().any(|name| is_telling(name.as_str()))
}

/// Whether a person has typed an address at which there is something to look at. No page can make a browser say so.
fn is_look(head: &Parts, paths: &Paths) -> bool {
    let is_typed = head.headers.get(browser::SITE).is_some_and(|site| site == "none");
    let is_seen = head.uri.path() == "/" || paths.pages.contains(&head.uri.path());
    let has_other = browser::HEADERS.into_iter().any(|name| head.headers.contains_key(name));
    is_typed && is_seen && !has_other && matches!(head.method, Method::GET | Method::HEAD)
}

/// The codec that a body is in.
///
/// What says nothing, or what `curl -d` says, is JSON; so does a form say it that a page sends without asking anybody.
/// Every browser of the last years adds an `Origin` to that, and older ones have a name that begins like this.
fn expect_type(
    head: &Parts,
    is_page: bool,
    known: impl FnOnce(&str) -> Option<Format>,
) -> Result<Format, Refusal> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let headers = &head.headers;
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let is_unsaid = kind.is_none_or(|kind| kind.eq_ignore_ascii_case(FORM));
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let format = match kind {
        _ if is_unsaid && (is_page || agent.starts_with(b"Mozilla/")) => None,
        _ if is_unsaid => Some(Format::Json),
        Some(kind) => known(kind),
        None => None,
    };
    format.ok_or_else(|| {
        let text = "expected application/json, or the content type of another codec";
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, text)
    })
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|kinds| kinds.to_str().ok());
    accepted.flat_map(|kinds| kinds.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

/// What a path says behind its slash.
fn unescaped(path: &str) -> Cow<'_, [u8]> {
    let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
    if !path.contains(&b'%') {
        return Cow::Borrowed(path);
    }
    let (mut name, mut rest) = (Vec::with_capacity(path.len()), path);
    while let Some((&letter, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped =
            digits.filter(|_| letter == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        name.push(escaped.unwrap_or(letter));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    Cow::Owned(name)
}

/// How long the caller is going to wait, if it says so.
///
/// # Errors
///
/// If it says it in a way that nobody can read.
pub(crate) fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let refused = |text| Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, text);
    if let Some(timeout) = headers.get("timeout") {
        let timeout = timeout.to_str().ok().and_then(spoken);
        let text = "a Timeout is a number and ms, s, m or h, such as 250ms";
        return timeout.map(Some).ok_or_else(|| refused(text));
    }
    if let Some(timeout) = headers.get("grpc-timeout") {
        let timeout = timeout.to_str().ok().and_then(spoken_by_grpc);
        let text = "a Grpc-Timeout is a number of at most eight digits and H, M, S, m, u or n";
        return timeout.map(Some).ok_or_else(|| refused(text));
    }
    Ok(None)
}

/// `250ms`, `1.5s`, `2`.
fn spoken(text: &str) -> Option<Duration> {
    let is_of_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let unit_at = text.find(|letter: char| !is_of_number(letter)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at)?;
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    // Beyond what a duration can say it is as long as may be.
    Some(Duration::try_from_secs_f64(number * seconds).unwrap_or(Duration::MAX))
}

/// `1500m`, as gRPC spells it.
fn spoken_by_grpc(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// What travels beside the argument: the trace, and every header that is not HTTP's own.
pub(crate) fn metadata_of(headers: &HeaderMap) -> Option<Box<Metadata>> {
    let trace = headers.get("traceparent").and_then(|trace| trace.to_str().ok()?.parse().ok());
    let mut others = headers.iter().filter(|(name, _)| !is_own_header(name.as_str())).peekable();
    if trace.is_none() && others.peek().is_none() {
        return None;
    }
    let mut metadata = Box::<Metadata>::default();
    metadata.set_trace(trace);
    others.for_each(|(name, value)| metadata.insert(name.as_str(), value.as_bytes()));
    Some(metadata)
}

/// Whether a header says something of the request or the response and nothing of the call.
pub(crate) fn is_own_header(name: &str) -> bool {
    const OWN: [&str; 30] = [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "allow",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "grpc-timeout",
        "host",
        "keep-alive",
        "origin",
        "pragma",
        "proxy-connection",
        "referer",
        "set-cookie",
        "te",
        "timeout",
        "traceparent",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "x-content-type-options",
    ];
    OWN.contains(&name) || name.starts_with("access-control-") || name.starts_with("sec-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_in_every_form() {
        for (text, millis) in
            [("250ms", 250), ("1.5s", 1500), ("2", 2000), ("3m", 180_000), ("1h", 3_600_000)]
        {
            assert_eq!(spoken(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", ".", "1.2.3s", "-1s", "1e3s", "inf", "nan", "1 s", "1d", "+1", "²s"] {
            assert_eq!(spoken(text), None, "{text}");
        }
        assert_eq!(spoken(&"9".repeat(400)), Some(Duration::MAX));
        assert_eq!(spoken_by_grpc("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(spoken_by_grpc("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "m", "1", "123456789m", "-1S", "1x", "1.5S", "1é"] {
            assert_eq!(spoken_by_grpc(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_is_a_name_however_it_is_escaped() {
        for (path, name) in [
            ("/Arith.Multiply", "Arith.Multiply"),
            ("/Arith%2EMultiply", "Arith.Multiply"),
            ("/a/b.M", "a/b.M"),
            ("/%zz%4", "%zz%4"),
            ("/%c3%A9.M", "é.M"),
            ("/", ""),
        ] {
            assert_eq!(unescaped(path), name.as_bytes(), "{path}");
        }
    }
}
