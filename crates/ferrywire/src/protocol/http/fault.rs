//! Errors: the status of a code, and the body that says the rest.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Error};
use crate::message::{Missing, split_method};
use crate::protocol::netrpc::page::Listed;

/// What is refused before it is a call, or because it is none.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Which kind.
    pub(crate) status: StatusCode,
    /// Why.
    pub(crate) error: Error,
    /// What may be done at that place instead.
    pub(crate) allow: Option<&'static str>,
    /// Whether nothing more is read from whoever has sent it.
    pub(crate) is_last: bool,
}

impl Refusal {
    /// A refusal in fixed words: nothing of the request comes back.
    pub(crate) fn new(status: StatusCode, code: Code, text: &'static str) -> Self {
        let error = Error::new(code, text).not_executed();
        Self { status, error, allow: None, is_last: true }
    }

    /// Another method than those that the place has.
    pub(crate) fn not_allowed(allow: &'static str) -> Self {
        let error = Error::new(Code::Unimplemented, format!("expected {allow} here")).not_executed();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error, allow: Some(allow), is_last: false }
    }

    /// The status of the error's code.
    pub(crate) fn with(error: Error) -> Self {
        Self { status: status(error.code()), error, allow: None, is_last: false }
    }
}

/// There is no such method, and what there is, if that may be known.
pub(crate) fn missing(missing: Missing, name: &[u8], offered: Option<Vec<Listed>>) -> Refusal {
    let mut error = missing.error(name);
    if let Some(offered) = offered {
        let names: Vec<String> = match (missing, split_method(name)) {
            (Missing::Method, Some((service, _))) => (offered.iter())
                .filter(|offered| offered.service.as_bytes() == service)
                .flat_map(|offered| offered.methods.iter().map(|method| method.name.clone()))
                .collect(),
            _ => offered.into_iter().map(|offered| offered.service).collect(),
        };
        let kind = if missing == Missing::Method { "methods" } else { "services" };
        error = error.with_details(serde_json::json!({ kind: names }).to_string().into_bytes());
    }
    Refusal { status: StatusCode::NOT_FOUND, error, allow: None, is_last: false }
}

/// The HTTP status of a code.
pub fn status_of(code: Code) -> u16 {
    match code {
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
        Code::Unavailable => 503,
        Code::Unauthenticated => 401,
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(status_of(code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// How a code is spelled.
fn name_of(code: Code) -> String {
    code.name().trim_end_matches(" error").replace(' ', "_")
}

#[derive(Deserialize, Serialize)]
struct Fault<'e> {
    code: Cow<'e, str>,
    message: Cow<'e, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    /// Details that are no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Cow<'e, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executed: Option<bool>,
}

/// An error as JSON.
pub(crate) fn body_of(error: &Error) -> Vec<u8> {
    let (details, bytes) = match error.details().map(|details| (serde_json::from_slice(details), details)) {
        None => (None, None),
        Some((Ok(details), _)) => (Some(details), None),
        Some((Err(_), details)) => (None, Some(STANDARD.encode(details).into())),
    };
    let executed = (!error.may_have_run()).then_some(false);
    let (code, message) = (name_of(error.code()).into(), error.message().into());
    let fault = Fault { code, message, details, bytes, executed };
    serde_json::to_vec(&fault).expect("texts and numbers are JSON")
}

/// The error that a server like ours has written, if this is one.
pub(super) fn read(body: &[u8]) -> Option<Error> {
    let fault: Fault<'_> = serde_json::from_slice(body).ok()?;
    let code = (1..=16).filter_map(Code::from_number).find(|code| name_of(*code) == fault.code)?;
    let error = Error::new(code, fault.message.into_owned());
    let error = if fault.executed == Some(false) { error.not_executed() } else { error };
    let bytes = fault.bytes.and_then(|bytes| STANDARD.decode(bytes.as_bytes()).ok());
    Some(match bytes.or_else(|| fault.details.map(|details| details.to_string().into_bytes())) {
        Some(details) => error.with_details(details),
        None => error,
    })
}

/// What a status means that comes without more.
pub(super) fn code_of(status: u16) -> Code {
    match status {
        400 | 415 | 422 => Code::InvalidArgument,
        401 | 407 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 | 410 => Code::NotFound,
        405 | 501 => Code::Unimplemented,
        408 | 504 => Code::DeadlineExceeded,
        409 => Code::Aborted,
        412 => Code::FailedPrecondition,
        413 | 414 | 429 | 431 => Code::ResourceExhausted,
        416 => Code::OutOfRange,
        499 => Code::Cancelled,
        500 => Code::Internal,
        502 | 503 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &Error) -> String {
        String::from_utf8(body_of(error)).unwrap()
    }

    #[test]
    fn an_error_says_what_there_is_to_say() {
        assert_eq!(
            written(&Error::from("divide by zero")),
            r#"{"code":"unknown","message":"divide by zero"}"#
        );
        assert_eq!(
            written(&Error::new(Code::InvalidArgument, "\"\r\n").not_executed()),
            r#"{"code":"invalid_argument","message":"\"\r\n","executed":false}"#
        );
        assert_eq!(
            written(&Error::new(Code::Internal, "x").with_details(&b"[1, 2]"[..])),
            r#"{"code":"internal","message":"x","details":[1,2]}"#
        );
        assert_eq!(
            written(&Error::new(Code::Aborted, "x").with_details(&b"\xff"[..])),
            r#"{"code":"aborted","message":"x","bytes":"/w=="}"#
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        for number in 1..=16 {
            let code = Code::from_number(number).unwrap();
            for error in [
                Error::new(code, "text"),
                Error::new(code, "é \"\\\n\0").not_executed(),
                Error::new(code, "text").with_details(&br#"{"a":[1.5,"/w=="]}"#[..]),
                Error::new(code, "text").with_details(&br#""/w==""#[..]).not_executed(),
                Error::new(code, "text").with_details(&b"\xff no JSON"[..]),
            ] {
                let read = read(&body_of(&error)).unwrap();

                assert_eq!((read.code(), read.message()), (code, error.message()));
                assert_eq!((read.details(), read.may_have_run()), (error.details(), error.may_have_run()));
            }
        }
    }

    #[test]
    fn what_other_servers_write_is_theirs() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"code":"aborted"}"#,
            r#"{"code":"no_such_code","message":"x"}"#,
            r#"{"code":7,"message":"x"}"#,
            r#"{"code":"aborted","message":"x"} and more"#,
            "<html>",
        ] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn a_status_of_ours_means_the_code_that_has_it() {
        for number in 1..=16 {
            let status = status_of(Code::from_number(number).unwrap());

            assert_eq!(status_of(code_of(status)), status);
        }
    }

    #[test]
    fn statuses_are_those_of_grpcs_gateways() {
        let statuses = (1..=16).map(|number| status_of(Code::from_number(number).unwrap()));

        assert_eq!(
            statuses.collect::<Vec<_>>(),
            [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
        );
    }
}
