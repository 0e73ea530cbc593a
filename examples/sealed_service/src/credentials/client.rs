//! What a user's client does. There is nothing to pin: it has its user's key, and the server proves nothing to it.

use hyper::Method;
use secret_store_core::SecretValue;
use secret_store_transport::Message as _;
use secret_store_transport::credential::{CredentialKey, NewCredential, encrypt_credential};

use crate::Failure;
use crate::connection::Connection;

/// Encrypts one field on this side and submits it; answers its revision.
///
/// # Errors
///
/// When it cannot be encrypted, or the server refuses.
pub async fn put(
    server: &Connection,
    key: &CredentialKey,
    new: &NewCredential,
    value: &SecretValue,
) -> Result<u64, Failure> {
    let credential = encrypt_credential(key, new, value)?;
    server.ask(Method::PUT, "/credentials", credential.as_bytes().to_vec()).await
}
