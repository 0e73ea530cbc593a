//! Who calls, and what they may: a bearer token for each client. **It stands in for your own** sign-in (mutual TLS, your tokens, your
//! gateway); what this library asks for is that you have one, as seals and requests authenticate nobody.

use std::path::Path;

use axum::http::{HeaderMap, header};
use secret_store_transport::Place;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Failure;
use crate::problem::Problem;

/// The right to submit secrets of a place, as the file has it: `put acme/production`. A place has one such text, as no environment
/// has a slash.
#[must_use]
pub fn put(place: &Place) -> String {
    format!("put {}/{}", place.organisation, place.environment)
}

/// The right to retrieve secrets of a place: `get acme/production`.
#[must_use]
pub fn get(place: &Place) -> String {
    format!("get {}/{}", place.organisation, place.environment)
}

/// The right to submit credentials of one's own.
pub const SUBMIT: &str = "submit";

/// The callers that a server knows. Their tokens are not in it, only hashes; tokens must be random (`openssl rand -hex 32`).
///
/// ```json
/// [{"name": "alice", "token_sha256": "9f86…", "may": ["put acme/production"]}]
/// ```
#[derive(Clone, Debug)]
pub struct Callers(Vec<Caller>);

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Whom the audit log names.
    pub name: String,
    #[serde(with = "hex")]
    token_sha256: [u8; 32],
    may: Vec<String>,
}

impl Callers {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not as above.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?))
    }

    /// Finds the caller of a request.
    ///
    /// # Errors
    ///
    /// [`Problem::UNAUTHENTICATED`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<&Caller, Problem> {
        let value = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let token = value.strip_prefix(b"Bearer ").ok_or(Problem::UNAUTHENTICATED)?;
        let hash: [u8; 32] = Sha256::digest(token).into();
        // All of them, each in constant time: how long it takes says nothing about how much of a token was right.
        let is_known = |caller: &Caller| bool::from(caller.token_sha256.ct_eq(&hash));
        let found = self.0.iter().fold(None, |found, caller| if is_known(caller) { Some(caller) } else { found });
        found.ok_or(Problem::UNAUTHENTICATED)
    }
}

impl Caller {
    /// Whether the caller has a right.
    ///
    /// # Errors
    ///
    /// [`Problem::FORBIDDEN`].
    pub fn check(&self, right: &str) -> Result<(), Problem> {
        if self.may.iter().any(|held| held == right) { Ok(()) } else { Err(Problem::FORBIDDEN) }
    }
}
