//! Who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::problem::Problem;

/// Set by the gateway in front of this service, which has authenticated the user and removes what a client sends by this name.
pub const USER_HEADER: &str = "x-authenticated-user";
/// Set by the gateway, too: the same in all its logs.
pub const REQUEST_HEADER: &str = "x-request-id";

/// The user and the request that the audit log names.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user: String,
    /// In which request.
    pub request_id: String,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = |name| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or(Problem::UNAUTHENTICATED)
        };
        Ok(Self { user: header(USER_HEADER)?, request_id: header(REQUEST_HEADER)? })
    }
}
