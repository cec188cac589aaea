//! Replies as a client reads them: what a response says of the call that it answers.

use std::convert::Infallible;
use std::time::Duration;

use super::fault;
use super::requests::format_of;
use super::response::{Head, Response, Responses};
use crate::body::Body;
use crate::codec::Format;
use crate::error::{Code, Error, Result, shown};
use crate::message::{Answered, Read, Said};
use crate::metadata::Metadata;
use crate::protocol::{ReadReplies, Terms};

/// Reads replies: the first is that to the call with the id 1.
#[derive(Debug)]
pub struct Replies {
    responses: Responses,
    format: Format,
    latest: u64,
}

impl ReadReplies for Replies {
    type Word = Infallible;

    fn new(terms: &Terms<'_>) -> Self {
        let responses = Responses::new(terms.limits, terms.limits.frame_len_max);
        Self { responses, format: format_of(terms), latest: 0 }
    }

    fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Said<'b, Infallible>>> {
        let Self { responses, format, latest } = self;
        Ok(match responses.read(bytes)? {
            Read::Message { message, used } => {
                let message = answered(latest, message, |response| outcome(response, *format));
                Read::Message { message, used }
            }
            Read::More { used } => Read::More { used },
            Read::End => Read::End,
        })
    }

    fn end(&mut self) -> Option<Said<'_, Infallible>> {
        let Self { responses, format, latest } = self;
        let response = responses.end()?;
        Some(answered(latest, response, |response| outcome(response, *format)))
    }
}

/// The answer to the next call.
pub(super) fn answered<'b, Word>(
    latest: &mut u64,
    response: Response<'b>,
    outcome: impl FnOnce(&Response<'b>) -> Result<Body<'b>>,
) -> Said<'b, Word> {
    *latest += 1;
    let outcome = outcome(&response);
    let metadata = response.head.metadata.take();
    let outcome = outcome.map_err(|error| match metadata.as_deref().and_then(retry_after) {
        Some(time) => error.with_retry_after(time),
        None => error,
    });
    Said::Answer(Answered { id: *latest, outcome, packed: None, metadata })
}

/// For how long the server asks to be left alone: in milliseconds as gRPC has it, or in HTTP's seconds (RFC 9110, 10.2.3). A date
/// says nothing here, where clocks may differ.
fn retry_after(metadata: &Metadata) -> Option<Duration> {
    let in_seconds = || metadata.get_text("retry-after")?.trim().parse().ok().map(Duration::from_secs);
    metadata.retry_after().or_else(in_seconds)
}

fn outcome<'b>(response: &Response<'b>, asked: Format) -> Result<Body<'b>> {
    if !(200..300).contains(&response.head.status) {
        return Err(refused(response));
    }
    let bytes = response.body;
    if bytes.is_empty() && (response.head.status == 204 || asked == Format::Json) {
        return Ok(nothing());
    }
    match format_said(response.head, asked) {
        Some(format) => Ok(Body { format, bytes, types: None, shared: None }),
        None => Err(unexpected(response, asked.content_type())),
    }
}

/// The reply of a method that replies nothing.
pub(super) fn nothing() -> Body<'static> {
    Body { format: Format::Json, bytes: b"null", types: None, shared: None }
}

/// The codec of a reply.
fn format_said(head: &Head, asked: Format) -> Option<Format> {
    let Some(kind) = &head.kind else {
        return Some(asked);
    };
    let name = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        // What servers say that do not think of it.
        "" | "text/plain" => Some(asked),
        "text/json" => Some(Format::Json),
        name if name.ends_with("+json") => Some(Format::Json),
        name => Format::from_content_type(name),
    }
}

/// The error that a response is which does not say that the call has succeeded.
pub(super) fn refused(response: &Response<'_>) -> Error {
    let Head { status, status_text, location, .. } = &*response.head;
    if (300..400).contains(status) {
        let to =
            location.as_deref().map(|place| format!(" to `{}`", shown(place.as_bytes()))).unwrap_or_default();
        let text = format!("the server answered `{status_text}`: it redirects{to}, which is not followed");
        return Error::new(Code::FailedPrecondition, text).remote();
    }
    fault::read(response.body)
        .unwrap_or_else(|| {
            let said = said(response.body);
            let error =
                Error::new(fault::code_of(*status), format!("the server answered `{status_text}`{said}"));
            if response.body.is_empty() { error } else { error.with_details(response.body) }
        })
        .remote()
}

/// The error of a success that is none.
pub(super) fn unexpected(response: &Response<'_>, expected: &str) -> Error {
    let Head { status_text, kind, .. } = &*response.head;
    let kind = shown(kind.as_deref().unwrap_or("no type").as_bytes());
    let said = said(response.body);
    let text = format!("expected {expected}, the server answered `{status_text}` with {kind}{said}");
    Error::new(Code::Internal, text)
}

/// The beginning of what a server has said.
fn said(body: &[u8]) -> String {
    match body.trim_ascii() {
        b"" => String::new(),
        body => format!(": `{}`", shown(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn read(head: &str, body: &str) -> Result<(Format, String)> {
        let response = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let limits = Limits::default();
        let mut replies = Replies::new(&Terms::new(&limits));
        let Read::Message { message: Said::Answer(answered), used } = replies.read(response.as_bytes())?
        else {
            panic!("a whole response is an answer");
        };
        assert_eq!((answered.id, used), (1, response.len()));
        answered.outcome.map(|body| (body.format, String::from_utf8_lossy(body.bytes).into_owned()))
    }

    #[test]
    fn a_reply_is_in_the_codec_that_it_says_or_that_was_asked_for() {
        for (head, body, format, bytes) in [
            ("200 OK", "42", Format::Json, "42"),
            ("201 Created\r\nContent-Type: application/json; charset=utf-8", "42", Format::Json, "42"),
            ("200 OK\r\nContent-Type: text/plain", "42", Format::Json, "42"),
            ("200 OK\r\nContent-Type: application/hal+json", "42", Format::Json, "42"),
            ("200 OK\r\nContent-Type: application/x-msgpack", "*", Format::MessagePack, "*"),
            ("200 OK", "", Format::Json, "null"),
            ("204 No Content", "", Format::Json, "null"),
        ] {
            assert_eq!(read(head, body).unwrap(), (format, bytes.to_owned()), "{head}");
        }
        let error = read("200 OK\r\nContent-Type: text/html", "<html>\n").unwrap_err();
        assert_eq!(
            error.message(),
            "expected application/json, the server answered `200 OK` with text/html: `<html>`"
        );
        assert!(!error.is_remote() && error.may_have_run());
    }

    #[test]
    fn a_foreign_status_is_an_error_with_a_bit_of_what_was_said() {
        let long = "x".repeat(1000);
        for (head, body, code, text) in [
            (
                "502 Bad Gateway",
                "<html>\r\n",
                Code::Unavailable,
                "the server answered `502 Bad Gateway`: `<html>`",
            ),
            ("404 Not Found", "", Code::NotFound, "the server answered `404 Not Found`"),
            ("418", "{\"code\":7}", Code::Unknown, "the server answered `418`: `{\"code\":7}`"),
            ("500 X", &long, Code::Internal, &format!("the server answered `500 X`: `{}…`", "x".repeat(128))),
        ] {
            let error = read(head, body).unwrap_err();

            assert_eq!((error.code(), error.message().replace("\\\"", "\"")), (code, text.to_owned()));
            assert!(error.is_remote() && error.may_have_run());
            assert_eq!(error.details().unwrap_or_default(), body.as_bytes());
        }
    }

    #[test]
    fn a_server_says_in_seconds_or_milliseconds_when_it_has_time_again() {
        for (said, after) in [
            ("Retry-After: 2", Some(Duration::from_secs(2))),
            ("Retry-After: 2\r\nGrpc-Retry-Pushback-Ms: 1500", Some(Duration::from_millis(1500))),
            ("Grpc-Retry-Pushback-Ms: -1", Some(Duration::MAX)),
            ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("Retry-After: -2", None),
            ("X: y", None),
        ] {
            let error = read(&format!("503 Service Unavailable\r\n{said}"), "").unwrap_err();

            assert_eq!(error.retry_after(), after, "{said}");
        }
    }

    #[test]
    fn a_redirect_says_that_it_is_one() {
        let error = read("301 Moved Permanently\r\nLocation: https://example.org/", "").unwrap_err();

        assert_eq!(error.code(), Code::FailedPrecondition);
        assert_eq!(
            error.message(),
            "the server answered `301 Moved Permanently`: it redirects to `https://example.org/`, which is not followed"
        );
    }
}
