//! Requests as a client writes them: whom they ask, for what, in which codec, for how long.

use std::convert::Infallible;
use std::time::Duration;

use super::head::is_own_header;
use crate::body::Written;
use crate::codec::{Format, Told};
use crate::error::{Code, Error, Result, shown};
use crate::message::Head;
use crate::metadata::Metadata;
use crate::protocol::{Terms, WriteRequests};

/// Writes calls of methods, each by its name.
#[derive(Debug)]
pub struct RequestWriter {
    format: Format,
    lines: Lines,
}

impl WriteRequests for RequestWriter {
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        Self { format: format_of(terms), lines: Lines::new(terms) }
    }

    fn format(&self) -> Format {
        self.format
    }

    fn request(
        &mut self,
        out: &mut Vec<u8>,
        _id: u64,
        head: &Head<'_>,
        timeout: Option<Duration>,
        written: &mut Written,
        body: &mut Vec<u8>,
    ) {
        let mut types = Vec::new();
        if let Some(preamble) = written.preamble {
            // Every body is a stream of its own.
            Told::new().tell(preamble, &mut types);
        }
        let target = format!("{}/{}", self.lines.path.trim_end_matches('/'), escaped(head.method));
        self.lines.put(out, &target, self.format, types.len() + body.len(), head, timeout);
        out.extend_from_slice(&types);
        out.extend_from_slice(body);
    }

    // What withdraws a call is that its connection is closed.
    fn cancel(&mut self, _out: &mut Vec<u8>, _id: u64) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }

    fn check(&self, head: &Head<'_>) -> Result<()> {
        check(head)
    }
}

/// The codec of arguments, and of replies that do not say in which they are.
pub(super) fn format_of(terms: &Terms<'_>) -> Format {
    match terms.format {
        // Its bytes do not say what they are.
        None | Some(Format::Postcard) => Format::Json,
        Some(format) => format,
    }
}

/// What all requests of a client have in common.
#[derive(Debug)]
pub(super) struct Lines {
    host: String,
    pub(super) path: String,
    /// How long calls usually take.
    timeout: Duration,
}

impl Lines {
    pub(super) fn new(terms: &Terms<'_>) -> Self {
        let host = if terms.host.is_empty() { "localhost" } else { terms.host };
        Self { host: host.to_owned(), path: terms.path.to_owned(), timeout: terms.limits.call_timeout }
    }

    /// Appends the head of a request with a body of `len` bytes.
    pub(super) fn put(
        &self,
        out: &mut Vec<u8>,
        target: &str,
        format: Format,
        len: usize,
        head: &Head<'_>,
        timeout: Option<Duration>,
    ) {
        let kind = format.content_type();
        // A time that is not whole is the next longer one: the caller's own clock ends the call first.
        let timeout = timeout.unwrap_or(self.timeout);
        let millis = timeout.as_millis() + u128::from(!timeout.subsec_nanos().is_multiple_of(1_000_000));
        let lines = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ferrywire/{}\r\nAccept: {kind}\r\n\
             Content-Type: {kind}\r\nContent-Length: {len}\r\nTimeout: {}ms\r\n",
            self.host,
            env!("CARGO_PKG_VERSION"),
            millis.max(1),
        );
        out.extend_from_slice(lines.as_bytes());
        if let Some(metadata) = &head.metadata {
            put_metadata(out, metadata);
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    if let Some(trace) = metadata.trace() {
        out.extend_from_slice(format!("Traceparent: {trace}\r\n").as_bytes());
    }
    for (name, value) in metadata.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether everything that travels beside the argument is a header that arrives as it is.
///
/// # Errors
///
/// [`Code::InvalidArgument`], with the entry that is none.
pub(super) fn check(head: &Head<'_>) -> Result<()> {
    let Some(metadata) = &head.metadata else {
        return Ok(());
    };
    let is_of_name = |letter: u8| letter.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&letter);
    let is_of_value = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
    for (name, value) in metadata.iter() {
        let is_name = !name.is_empty() && name.bytes().all(is_of_name);
        let is_value = value.iter().copied().all(is_of_value) && value.trim_ascii().len() == value.len();
        if !is_name || !is_value || is_own_header(&name.to_ascii_lowercase()) {
            let text = format!("the metadata `{}` is no header of a request", shown(name.as_bytes()));
            return Err(Error::new(Code::InvalidArgument, text));
        }
    }
    Ok(())
}

/// A name as it stands in a path.
fn escaped(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(byte.into())
            }
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn written(terms: &Terms<'_>, method: &str, timeout: Option<Duration>) -> String {
        let (mut out, mut body) = (Vec::new(), b"[6,7]".to_vec());
        let mut writer = RequestWriter::new(terms);
        writer.request(&mut out, 1, &Head::of(method), timeout, &mut Written::default(), &mut body);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_says_what_is_asked_for_and_no_more() {
        let limits = Limits::default();
        let terms = Terms { host: "example.org:8080", path: "/api/", ..Terms::new(&limits) };

        let request = written(&terms, "Arith.Multiply", None);

        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            request,
            format!(
                "POST /api/Arith.Multiply HTTP/1.1\r\nHost: example.org:8080\r\nUser-Agent: ferrywire/{version}\r\n\
                 Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\
                 Timeout: 10000ms\r\n\r\n[6,7]"
            )
        );
    }

    #[test]
    fn a_path_is_what_stands_before_the_name() {
        let limits = Limits::default();
        for (path, method, target) in [
            ("", "A.B", "/A.B"),
            ("/", "A.B", "/A.B"),
            ("/v1", "A.B", "/v1/A.B"),
            ("/v1//", "a/b.M", "/v1/a/b.M"),
            ("", "é x?#%.M", "/%C3%A9%20x%3F%23%25.M"),
        ] {
            let request = written(&Terms { path, ..Terms::new(&limits) }, method, None);

            assert!(
                request.starts_with(&format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n")),
                "{request}"
            );
        }
    }

    #[test]
    fn a_time_is_rounded_to_the_callers_favour() {
        let limits = Limits::default();
        for (timeout, said) in [
            (Duration::ZERO, "1ms"),
            (Duration::from_micros(1500), "2ms"),
            (Duration::MAX, "18446744073709551616000ms"),
        ] {
            let request = written(&Terms::new(&limits), "A.B", Some(timeout));

            assert!(request.contains(&format!("Timeout: {said}\r\n")), "{request}");
        }
    }

    #[test]
    fn what_is_no_header_is_not_sent() {
        let head = |name: &str, value: &[u8]| {
            let mut metadata = Metadata::new();
            metadata.insert(name, value);
            Head { metadata: Some(Box::new(metadata)), ..Head::of("A.B") }
        };
        for (name, value) in
            [("x-tenant", &b"a b"[..]), ("Authorization", b"Basic x"), ("x_1", b""), ("x", b"\xff")]
        {
            assert!(check(&head(name, value)).is_ok(), "{name}");
        }
        for (name, value) in [
            ("", &b"x"[..]),
            ("a b", b"x"),
            ("a:b", b"x"),
            ("é", b"x"),
            ("x", b"a\r\nb"),
            ("x", b"a\0"),
            ("x", b" a"),
            ("Content-Length", b"0"),
            ("host", b"other"),
            ("Transfer-Encoding", b"chunked"),
            ("sec-fetch-site", b"none"),
        ] {
            let error = check(&head(name, value)).unwrap_err();

            assert_eq!(error.code(), Code::InvalidArgument, "{name}");
        }
    }
}
