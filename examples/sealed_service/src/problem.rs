//! From what went wrong to what the client hears: a status and a word, and nothing that came in.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secret_store_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// An answer that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    word: &'static str,
}

/// Its body.
#[derive(Debug, Deserialize, Serialize)]
pub struct ProblemBody {
    /// The word.
    pub error: String,
}

impl Problem {
    /// No token, or an unknown one.
    pub const UNAUTHENTICATED: Self = Self { status: StatusCode::UNAUTHORIZED, word: "sign in first" };
    /// The caller has no such right.
    pub const FORBIDDEN: Self = Self { status: StatusCode::FORBIDDEN, word: "not yours" };
    /// Names that cannot be.
    pub const BAD_REQUEST: Self = Self { status: StatusCode::BAD_REQUEST, word: "bad request" };

    /// What a client can do about it: the guide has the table.
    #[must_use]
    pub fn of_kind(kind: ErrorKind) -> Self {
        let (status, word) = match kind {
            ErrorKind::NotSealed => (StatusCode::UNPROCESSABLE_ENTITY, "not sealed"),
            ErrorKind::Integrity => (StatusCode::UNPROCESSABLE_ENTITY, "sealed for something else, or altered"),
            ErrorKind::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported"),
            ErrorKind::KeyRetired => (StatusCode::CONFLICT, "key retired"),
            ErrorKind::Expired => (StatusCode::CONFLICT, "expired"),
            ErrorKind::Replayed => (StatusCode::CONFLICT, "replayed"),
            ErrorKind::AlreadyExists | ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::PermissionDenied => (StatusCode::FORBIDDEN, "not here"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not found"),
            ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            ErrorKind::InvalidInput => return Self::BAD_REQUEST,
            ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Contention => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again later")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "something is wrong with this service"),
        };
        Self { status, word }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::of_kind(error.kind());
        // The text of an error names secrets and what to do, and never holds a value.
        if problem.status.is_server_error() {
            eprintln!("a request failed: {error}");
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(ProblemBody { error: self.word.to_owned() })).into_response()
    }
}
