//! From what went wrong to what the client hears: a status, and a text that is the same whatever it was.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secret_store_core::{Error, ErrorKind};
use serde_json::json;

/// An answer that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    title: &'static str,
}

impl Problem {
    /// The gateway has named nobody.
    pub const UNAUTHENTICATED: Self = Self { status: StatusCode::UNAUTHORIZED, title: "sign in first" };
    /// The database cannot be used.
    pub const NO_DATABASE: Self = Self { status: StatusCode::SERVICE_UNAVAILABLE, title: "try again later" };

    /// What a client can do about it: ask for something else, come back later, or nothing.
    ///
    /// Whatever this service's own keys, rights or records lack is no fault of the client and none of its business. In particular
    /// `PermissionDenied` is about this service and not about whoever asks, so it is no 403.
    #[must_use]
    pub fn of_kind(kind: ErrorKind) -> Self {
        let (status, title) = match kind {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "there is no such thing"),
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "this cannot be a name"),
            ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "this is too large"),
            ErrorKind::AlreadyExists | ErrorKind::Conflict => (StatusCode::CONFLICT, "somebody else has changed this"),
            ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Contention => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again later")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "something is wrong with this service"),
        };
        Self { status, title }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::of_kind(error.kind());
        // The text of an error names secrets and what to do, and never holds a value.
        if problem.status.is_server_error() {
            tracing::error!(kind = ?error.kind(), %error, "a secret could not be used");
        } else {
            tracing::info!(kind = ?error.kind(), "a request was refused");
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.title }))).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
