//! Errors: the texts of 1.0, the objects of 2.0, and what our codes are in them.
//!
//! An object's number is one of the specification's where that says enough. For our other codes it is 32000 and
//! the [`Code`]'s number below zero, with the code's name in `data`: other programs use these numbers for what
//! they like, so that the number alone says nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use super::scan::{Key, Scanner};
use super::text;
use crate::error::{Code, Error};
use crate::protocol::go_words;

/// The number of a JSON-RPC 2.0 error.
///
/// It is the [`source`](std::error::Error::source) of an error that a 2.0 server has answered. A method that returns an
/// error [caused by](Error::caused_by) one chooses the number, and its [details](Error::details), if they are JSON, are
/// `data` as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub i64);

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON-RPC error {}", self.0)
    }
}

impl std::error::Error for ErrorCode {}

impl ErrorCode {
    /// What came is no JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// What came is no request.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// There is no such method.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters are not those that the method takes.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// A promise inside the server was broken.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// A method failed, and there is only a text to say of it.
    pub const FAILED: Self = Self(-32000);

    /// The number of an error without one of its own.
    fn of(code: Code, may_have_run: bool) -> Self {
        match code {
            Code::Unimplemented if !may_have_run => Self::METHOD_NOT_FOUND,
            Code::InvalidArgument => Self::INVALID_PARAMS,
            Code::Internal => Self::INTERNAL_ERROR,
            Code::Unknown => Self::FAILED,
            code => Self(Self::FAILED.0 - code as i64),
        }
    }

    /// The code of an error about which nobody says more, and whether the call may have run.
    fn code(self) -> (Code, bool) {
        match self {
            Self::PARSE_ERROR | Self::INVALID_REQUEST => (Code::InvalidArgument, false),
            Self::METHOD_NOT_FOUND => (Code::Unimplemented, false),
            Self::INVALID_PARAMS => (Code::InvalidArgument, true),
            Self::INTERNAL_ERROR => (Code::Internal, true),
            _ => (Code::Unknown, true),
        }
    }
}

/// Appends an error as an object of 2.0.
pub(super) fn put(out: &mut Vec<u8>, error: &Error) {
    let own = std::error::Error::source(error).and_then(|source| source.downcast_ref::<ErrorCode>());
    let number = match own {
        Some(number) => *number,
        None => ErrorCode::of(error.code(), error.may_have_run()),
    };
    out.extend_from_slice(format!("{{\"code\":{},\"message\":", number.0).as_bytes());
    text::put(out, error.message_bytes());
    let says_all = own.is_some() || number.code() == (error.code(), error.may_have_run());
    match (says_all, error.details()) {
        (true, None) => {}
        (_, Some(details)) if own.is_some() => {
            out.extend_from_slice(b",\"data\":");
            if !put_json(out, details) {
                text::put(out, STANDARD.encode(details).as_bytes());
            }
        }
        (_, details) => {
            out.extend_from_slice(b",\"data\":{\"code\":");
            text::put(out, error.code().name().as_bytes());
            if !error.may_have_run() {
                out.extend_from_slice(b",\"executed\":false");
            }
            if let Some(details) = details {
                let at = out.len();
                out.extend_from_slice(b",\"data\":");
                if !put_json(out, details) {
                    out.truncate(at);
                    out.extend_from_slice(b",\"bytes\":");
                    text::put(out, STANDARD.encode(details).as_bytes());
                }
            }
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// Appends what is JSON already.
fn put_json(out: &mut Vec<u8>, value: &[u8]) -> bool {
    let is_json = std::str::from_utf8(value).is_ok() && serde_json::from_slice::<IgnoredAny>(value).is_ok();
    if is_json {
        out.extend_from_slice(&text::compacted(value));
    }
    is_json
}

/// Appends an object with this number and text.
pub(super) fn put_plain(out: &mut Vec<u8>, number: ErrorCode, words: &str) {
    out.extend_from_slice(format!("{{\"code\":{},\"message\":", number.0).as_bytes());
    text::put(out, words.as_bytes());
    out.push(b'}');
}

/// What a server's error says, whatever JSON value it is: a text as of 1.0, an object as of 2.0, or something else.
pub(super) fn read(value: &[u8]) -> Error {
    if let Some(content) = text::content(value) {
        let text = text::unescaped(content);
        let error = Error::from_bytes(Code::Unknown, &text).remote();
        return match go_words::missing_in(&text) {
            Some(method) => error.about_missing(method),
            None => error,
        };
    }
    if value.starts_with(b"{") {
        return read_object(value).remote();
    }
    Error::from_bytes(Code::Unknown, value).remote()
}

fn read_object(object: &[u8]) -> Error {
    let get = members_of(object);
    let number = get(Key::Code).and_then(number).map(ErrorCode);
    let message = get(Key::Message).and_then(text::content).map(text::unescaped);
    let data = get(Key::Data).filter(|data| *data != b"null");
    let Some(number) = number else {
        // Some other program's idea of an error: a text if there is one, else all of it.
        let error = Error::from_bytes(Code::Unknown, message.as_deref().unwrap_or(object));
        return with_details(error, data);
    };
    let message = message.unwrap_or_default();
    if let Some(error) = data.and_then(|data| read_own(number, &message, data)) {
        return error.caused_by(number);
    }
    let (code, may_have_run) = number.code();
    let error = Error::from_bytes(code, &message).caused_by(number);
    let error = if may_have_run { error } else { error.not_executed() };
    with_details(error, data)
}

/// An error that a server of ours has written, known by a name in `data` that fits the number.
fn read_own(number: ErrorCode, message: &[u8], data: &[u8]) -> Option<Error> {
    let get = members_of(data);
    let name = text::unescaped(text::content(get(Key::Code)?)?);
    let code = (1..=16).filter_map(Code::from_number).find(|code| code.name().as_bytes() == &*name)?;
    let may_have_run = get(Key::Executed) != Some(b"false");
    if ErrorCode::of(code, may_have_run) != number {
        return None;
    }
    let error = Error::from_bytes(code, message);
    let error = if may_have_run { error } else { error.not_executed() };
    Some(match get(Key::Bytes).and_then(text::content).and_then(|bytes| STANDARD.decode(bytes).ok()) {
        Some(bytes) => error.with_details(bytes),
        None => with_details(error, get(Key::Data)),
    })
}

fn with_details(error: Error, data: Option<&[u8]>) -> Error {
    match data {
        Some(data) => error.with_details(data),
        None => error,
    }
}

/// The members of an object inside a message that was gone through.
fn members_of<'o>(object: &'o [u8]) -> impl Fn(Key) -> Option<&'o [u8]> {
    let mut scanner = Scanner::new(usize::MAX, 0);
    let is_whole = object.starts_with(b"{") && matches!(scanner.scan(object), Ok(Some(_)));
    move |key| if is_whole { scanner.members().place(key).of(object) } else { None }
}

/// A whole number, however it is spelled.
fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let spelled = || text.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() < 9e15);
    text.parse().ok().or_else(|| spelled().map(|number| number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &Error) -> String {
        let mut out = Vec::new();
        put(&mut out, error);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_codes_and_details_arrive_as_they_were() {
        for number in 1..=16 {
            let code = Code::from_number(number).unwrap();
            for error in [
                Error::new(code, "text"),
                Error::new(code, "<&>\n").not_executed(),
                Error::new(code, "text").with_details(&b"{\"a\": [1]}"[..]),
                Error::new(code, "text").with_details(&b"\xff no JSON"[..]).not_executed(),
            ] {
                let read = read(written(&error).as_bytes());

                assert_eq!((read.code(), read.message()), (code, error.message()));
                assert_eq!(read.may_have_run(), error.may_have_run(), "{error:?}");
                let details = error.details().map(text::compacted);
                assert_eq!(
                    read.details(),
                    if error.details() == Some(b"\xff no JSON") {
                        error.details()
                    } else {
                        details.as_deref()
                    }
                );
                assert!(read.is_remote());
            }
        }
    }

    #[test]
    fn an_error_without_more_to_say_has_no_data() {
        assert_eq!(written(&Error::from("divide by zero")), r#"{"code":-32000,"message":"divide by zero"}"#);
        assert_eq!(
            written(&Error::new(Code::Unimplemented, "x").not_executed()),
            r#"{"code":-32601,"message":"x"}"#
        );
        assert_eq!(written(&Error::new(Code::InvalidArgument, "x")), r#"{"code":-32602,"message":"x"}"#);
        assert_eq!(
            written(&Error::new(Code::Aborted, "x")),
            r#"{"code":-32010,"message":"x","data":{"code":"aborted"}}"#
        );
    }

    #[test]
    fn a_method_may_choose_its_number_and_data() {
        let error = Error::new(Code::Aborted, "no").caused_by(ErrorCode(3)).with_details(&b"[ 1, 2 ]"[..]);

        assert_eq!(written(&error), r#"{"code":3,"message":"no","data":[1,2]}"#);
        let read = read(written(&error).as_bytes());
        let source = std::error::Error::source(&read).and_then(|source| source.downcast_ref());
        assert_eq!((source, read.details()), (Some(&ErrorCode(3)), Some(&b"[1,2]"[..])));
    }

    #[test]
    fn other_programs_numbers_mean_nothing_to_us() {
        for (object, code, message) in [
            (
                &br#"{"code":-32001,"message":"not there","data":{"code":"x"}}"#[..],
                Code::Unknown,
                "not there",
            ),
            (br#"{"code":-32601.0,"message":"no"}"#, Code::Unimplemented, "no"),
            (br#"{"message":"only a text"}"#, Code::Unknown, "only a text"),
            (br#"{"reason":7}"#, Code::Unknown, r#"{"reason":7}"#),
            (br#"{"code":"E7","message":"named"}"#, Code::Unknown, "named"),
            (b"false", Code::Unknown, "false"),
            (br#""""#, Code::Unknown, "unknown error"),
        ] {
            let error = read(object);

            assert_eq!((error.code(), error.message()), (code, message));
        }
    }
}
