//! What is refused, and in which words: the errors of the JSON API, spelled as the server's own are.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    /// Something in the request is not what it should be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_argument", message: message.into() }
    }

    /// Nobody has said who asks.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: "unauthenticated", message: message.into() }
    }

    /// Whoever asks may not.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "permission_denied", message: message.into() }
    }

    /// There is no room.
    pub(crate) fn exhausted(message: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, code: "resource_exhausted", message: message.into() }
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message: message.into() }
    }

    /// Something else is to be done here.
    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "unimplemented", message: message.into() }
    }

    /// A body of another type than JSON.
    pub(crate) fn no_json() -> Self {
        let message = "expected a body of application/json".to_owned();
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: "invalid_argument", message }
    }

    /// As the JSON API says it.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let body = serde_json::json!({ "code": self.code, "message": self.message });
        let mut response = json(body.to_string().into());
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Somebody else's words as they may stand in a log: no more than 256 letters, and none that moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    const LETTERS_MAX: usize = 256;
    let mut shown = String::new();
    for letter in text.chars().take(LETTERS_MAX) {
        match letter {
            // Quotes stand in what is told of a value; it is not quoted again.
            '\\' | '"' | '\'' => shown.push(letter),
            _ => shown.extend(letter.escape_debug()),
        }
    }
    if text.chars().nth(LETTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A response whose body is JSON.
pub(crate) fn json(body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
