//! Responses off a stream of bytes: their heads, and bodies in every form that HTTP/1 has for them.
//!
//! What only announces a response (1xx) is passed over. Nothing is allocated for a length before it is known to be
//! within the limits.

use super::chunks::Chunks;
use super::head::is_own_header;
use crate::error::{Code, Error, Result, shown};
use crate::limits::Limits;
use crate::message::Read;
use crate::metadata::Metadata;

/// Finds responses, one after the other.
#[derive(Debug)]
pub(super) struct Responses {
    stage: Stage,
    /// How much of a head that is not whole has been gone through.
    scanned: usize,
    /// How many announcements have come since the latest response.
    announced: usize,
    /// The head of the response whose body is being read, or was read last.
    head: Head,
    /// What there is of a body that has come in pieces.
    body: Vec<u8>,
    head_len_max: usize,
    headers_max: usize,
    body_len_max: usize,
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    Head,
    Body(Form),
    /// Nothing: the response before was the last.
    Over,
}

/// How a body's end is known.
#[derive(Debug)]
enum Form {
    /// So much is left of it.
    Length(usize),
    Chunks(Chunks),
    /// The stream ends with it.
    Close,
}

/// What a response says beside its body.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Code and reason, as they came.
    pub(super) status_text: String,
    /// Its `Content-Type`.
    pub(super) kind: Option<String>,
    /// Where else something is.
    pub(super) location: Option<String>,
    /// What is not HTTP's own.
    pub(super) metadata: Option<Box<Metadata>>,
    /// Whether no other response follows.
    is_last: bool,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Response<'b> {
    pub(super) head: &'b mut Head,
    pub(super) body: &'b [u8],
}

/// The most announcements before a response.
const ANNOUNCED_MAX: usize = 16;

impl Responses {
    /// A body may have `body_len_max` bytes.
    pub(super) fn new(limits: &Limits, body_len_max: usize) -> Self {
        Self {
            stage: Stage::Head,
            scanned: 0,
            announced: 0,
            head: Head::default(),
            body: Vec::new(),
            head_len_max: limits.http_head_len_max,
            headers_max: limits.http_headers_max,
            body_len_max,
        }
    }

    /// The next response at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// If this is no response of HTTP/1, or one over the limits: what is behind it cannot be read.
    pub(super) fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Response<'b>>> {
        let mut used = 0;
        let (is_whole, from) = loop {
            let rest = bytes.get(used..).unwrap_or_default();
            match &mut self.stage {
                Stage::Over => return Ok(Read::End),
                Stage::Head => {
                    // That of the response before, which has been looked at.
                    self.body = Vec::new();
                    let Some(len) = self.head_len(rest)? else {
                        return Ok(Read::More { used });
                    };
                    self.scanned = 0;
                    self.begin(rest.get(..len).unwrap_or_default())?;
                    used += len;
                }
                Stage::Body(Form::Length(left)) => {
                    let here = rest.len().min(*left);
                    *left -= here;
                    let is_lent = *left == 0 && self.body.is_empty();
                    if !is_lent {
                        self.body.extend_from_slice(rest.get(..here).unwrap_or_default());
                    }
                    used += here;
                    break (*left == 0, is_lent.then_some(used - here));
                }
                Stage::Body(Form::Chunks(chunks)) => {
                    let (taken, is_whole) = chunks.read(rest, &mut self.body, self.body_len_max)?;
                    used += taken;
                    break (is_whole, None);
                }
                Stage::Body(Form::Close) => {
                    if self.body.len() + rest.len() > self.body_len_max {
                        return Err(too_long(self.body.len() + rest.len(), self.body_len_max));
                    }
                    self.body.extend_from_slice(rest);
                    return Ok(Read::More { used: bytes.len() });
                }
            }
        };
        if !is_whole {
            return Ok(Read::More { used });
        }
        self.announced = 0;
        self.stage = if self.head.is_last { Stage::Over } else { Stage::Head };
        let body = match from {
            Some(from) => bytes.get(from..used).unwrap_or_default(),
            None => &self.body,
        };
        Ok(Read::Message { message: Response { head: &mut self.head, body }, used })
    }

    /// The response that the end of the stream completes, if it does.
    pub(super) fn end(&mut self) -> Option<Response<'_>> {
        let is_whole = matches!(self.stage, Stage::Body(Form::Close));
        self.stage = Stage::Over;
        is_whole.then_some(Response { head: &mut self.head, body: &self.body })
    }

    /// How long the head at the front of `bytes` is, once it is whole. Nothing is looked at twice.
    fn head_len(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        if !bytes.iter().zip(b"HTTP/1.").all(|(found, expected)| found == expected) {
            let text = format!("expected an HTTP/1.1 response, the server said `{}`", shown(bytes));
            return Err(Error::new(Code::Unavailable, text));
        }
        let found = (self.scanned..bytes.len()).find_map(|at| {
            let behind = bytes.get(at..).unwrap_or_default();
            [&b"\n\r\n"[..], b"\n\n"]
                .into_iter()
                .find(|end| behind.starts_with(end))
                .map(|end| at + end.len())
        });
        if found.unwrap_or(bytes.len()) > self.head_len_max {
            let text = format!("an HTTP head over the limit of {} bytes", self.head_len_max);
            return Err(Error::new(Code::ResourceExhausted, text));
        }
        self.scanned = bytes.len().saturating_sub(2);
        Ok(found)
    }

    /// A response begins with this head.
    fn begin(&mut self, bytes: &[u8]) -> Result<()> {
        let mut headers = vec![httparse::EMPTY_HEADER; self.headers_max];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => {
                let text = format!("an HTTP head over the limit of {} lines", self.headers_max);
                return Err(Error::new(Code::ResourceExhausted, text));
            }
            Ok(httparse::Status::Partial) => return Err(unreadable("it ends inside a line", bytes)),
            Err(cause) => return Err(unreadable(&cause.to_string(), bytes)),
        }
        let status = response.code.unwrap_or_default();
        if (100..200).contains(&status) {
            self.announced += 1;
            if status == 101 || self.announced > ANNOUNCED_MAX {
                return Err(unreadable("nothing of the kind was asked for", bytes));
            }
            return Ok(());
        }
        self.head = Head::of(&response)?;
        let form = match status {
            204 | 304 => Form::Length(0),
            _ => form(&response, self.body_len_max)?,
        };
        self.head.is_last |= matches!(form, Form::Close);
        self.stage = Stage::Body(form);
        Ok(())
    }
}

/// The values of a header.
fn values<'h>(
    response: &'h httparse::Response<'_, '_>,
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    let named = response.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| header.value)
}

/// The parts of a header that is a list, in lower case.
fn tokens(response: &httparse::Response<'_, '_>, name: &'static str) -> Vec<String> {
    let values = values(response, name).map(String::from_utf8_lossy);
    let tokens = values.flat_map(|value| {
        value.split(',').map(|token| token.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    });
    tokens.filter(|token| !token.is_empty()).collect()
}

impl Head {
    /// # Errors
    ///
    /// If the body is in a form that nobody asked for.
    fn of(response: &httparse::Response<'_, '_>) -> Result<Self> {
        let (status, reason) = (response.code.unwrap_or_default(), response.reason.unwrap_or_default());
        let text =
            |name| values(response, name).next().map(|value| String::from_utf8_lossy(value).into_owned());
        if let Some(coding) =
            tokens(response, "content-encoding").into_iter().find(|coding| coding != "identity")
        {
            let coding = shown(coding.as_bytes());
            let text =
                format!("the server answered {status} with a body in `{coding}`, which was not asked for");
            return Err(Error::new(Code::Internal, text));
        }
        let says = tokens(response, "connection");
        let is_last = match response.version {
            Some(1) => says.iter().any(|word| word == "close"),
            _ => !says.iter().any(|word| word == "keep-alive"),
        };
        Ok(Self {
            status,
            status_text: format!("{status} {}", shown(reason.as_bytes())).trim_end().to_owned(),
            kind: text("content-type"),
            location: text("location"),
            metadata: metadata_of(response),
            is_last,
        })
    }
}

/// What travels beside the reply: every header that is not HTTP's own, and the trace.
fn metadata_of(response: &httparse::Response<'_, '_>) -> Option<Box<Metadata>> {
    /// What servers say of themselves and of their documents.
    const DOCUMENTS: [&str; 6] = ["accept-ranges", "etag", "expires", "last-modified", "location", "server"];
    let mut metadata = Metadata::new();
    for header in response.headers.iter() {
        let name = header.name.to_ascii_lowercase();
        if name == "traceparent" {
            metadata.set_trace(std::str::from_utf8(header.value).ok().and_then(|trace| trace.parse().ok()));
        }
        if !is_own_header(&name) && !DOCUMENTS.contains(&name.as_str()) {
            metadata.insert(name, header.value);
        }
    }
    (!metadata.is_empty() || metadata.trace().is_some()).then(|| Box::new(metadata))
}

/// In which form the body comes.
fn form(response: &httparse::Response<'_, '_>, len_max: usize) -> Result<Form> {
    let codings = tokens(response, "transfer-encoding");
    let mut lengths = tokens(response, "content-length");
    let refused = |what: &str| Err(Error::new(Code::Unavailable, format!("the server's response {what}")));
    match (&codings[..], lengths.pop()) {
        ([], None) => Ok(Form::Close),
        ([coding], None) if coding == "chunked" && response.version == Some(1) => {
            Ok(Form::Chunks(Chunks::default()))
        }
        ([], Some(length)) => {
            let is_number = !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit());
            if !is_number || lengths.iter().any(|other| *other != length) {
                return refused("has a body of no certain length");
            }
            match length.parse::<usize>() {
                Ok(length) if length <= len_max => Ok(Form::Length(length)),
                Ok(length) => Err(too_long(length, len_max)),
                Err(_) => Err(too_long(usize::MAX, len_max)),
            }
        }
        (_, Some(_)) => refused("has a body of two lengths"),
        (_, None) => refused("has a body in a form that was not asked for"),
    }
}

pub(super) fn too_long(len: usize, limit: usize) -> Error {
    let text = format!("a response with a body of {len} bytes is over the limit of {limit}");
    Error::new(Code::ResourceExhausted, text)
}

fn unreadable(why: &str, bytes: &[u8]) -> Error {
    Error::new(
        Code::Unavailable,
        format!("expected an HTTP response, the server said `{}`: {why}", shown(bytes)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a stream that comes in pieces of `step` bytes and then ends.
    fn found(stream: &[u8], step: usize) -> Vec<String> {
        let mut limits = Limits::default();
        (limits.http_head_len_max, limits.http_headers_max) = (200, 6);
        let (mut responses, mut found, mut from, mut to) = (Responses::new(&limits, 20), Vec::new(), 0, 0);
        let said = |response: Response<'_>| {
            format!("{} {}", response.head.status, String::from_utf8_lossy(response.body))
        };
        while to < stream.len() {
            to = stream.len().min(to + step);
            loop {
                match responses.read(&stream[from..to]) {
                    Ok(Read::Message { message, used }) => {
                        found.push(said(message));
                        from += used;
                    }
                    Ok(Read::More { used }) => {
                        from += used;
                        break;
                    }
                    Ok(Read::End) => {
                        found.push("over".to_owned());
                        return found;
                    }
                    Err(error) => {
                        found.push(error.message().to_owned());
                        return found;
                    }
                }
            }
        }
        found.extend(responses.end().map(said));
        found
    }

    #[test]
    fn a_body_comes_in_every_form_and_in_every_cut() {
        for (stream, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42HTTP/1.1 201\r\ncontent-length:0\r\n\r\n",
                &["200 42", "201 "][..],
            ),
            ("HTTP/1.1 200 OK\nContent-Length: 2, 2\n\n42", &["200 42"]),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1;x=\"y\"\r\n2\r\n0\r\nT: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
                &["200 42", "204 "],
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\n42 and all that follows",
                &["a response with a body of 23 bytes is over the limit of 20"],
            ),
            ("HTTP/1.1 200 OK\r\n\r\n42 until the end", &["200 42 until the end"]),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n42", &["200 42", "over"]),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n42", &["200 42"]),
            (
                "HTTP/1.1 404 Not Found\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nno",
                &["404 no", "over"],
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                &["304 "],
            ),
        ] {
            for step in 1..=stream.len() {
                let found = found(stream.as_bytes(), step);

                // A body over the limit is refused as soon as it is.
                let is_refused =
                    expected[0].contains("over the limit") && found[0].contains("over the limit");
                assert!(found == expected || is_refused, "{stream:?} in steps of {step}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_no_response_is_refused_before_its_end_comes() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(300));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(7));
        let polite = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
        for (stream, words) in [
            ("SSH-2.0-x", "expected an HTTP/1.1 response, the server said `S"),
            ("HTTP/2 200\r\n", "the server said `HTTP/2"),
            ("\r\n", "expected an HTTP/1.1 response"),
            ("HTTP/1.1 two hundred\r\n\r\n", "expected an HTTP response"),
            ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "expected an HTTP response"),
            ("HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n", "expected an HTTP response"),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "nothing of the kind was asked for"),
            (&polite, "nothing of the kind was asked for"),
            (&long, "an HTTP head over the limit of 200 bytes"),
            (&many, "an HTTP head over the limit of 6 lines"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", "a body of 21 bytes is over the limit of 20"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "is over the limit of 20"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no certain length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "no certain length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "no certain length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "two lengths"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "not asked for"),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "not asked for"),
            (
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n",
                "in `gzip`, which was not asked for",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunk"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n", "is over the limit of 20"),
        ] {
            for step in [1, 3, stream.len()] {
                let found = found(stream.as_bytes(), step);

                assert!(found.last().unwrap().contains(words), "{stream:?} in steps of {step}: {found:?}");
            }
        }
    }
}
