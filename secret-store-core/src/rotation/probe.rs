//! Trying a master key before everything is to depend on it.

use subtle::ConstantTimeEq;

use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::MasterKeyId;
use crate::key_provider::KeyProvider;

/// The key makes a key, calls itself as it was called, and opens what it made.
pub(super) async fn probe(keys: &dyn KeyProvider, to: &MasterKeyId, context: &EncryptionContext) -> Result<()> {
    let generated = keys.generate_key(to, context).await?;
    let named = generated.wrapped.master_key_id();
    if named != to {
        return Err(Error::invalid_input(format!("master key {to} is {named} in records: name it so")));
    }
    let opened = keys.unwrap_key(&generated.wrapped, context).await?;
    if bool::from(opened.expose_secret().ct_eq(generated.document_key.expose_secret())) {
        return Ok(());
    }
    let message = format!("master key {to} does not open what it wraps: nothing was changed");
    Err(Error::new(ErrorKind::KeyUnavailable, message))
}
