//! Master keys that are RSA keys.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey, blocking,
};

mod builder;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod key_directory;
mod key_file_name;
mod keys;
mod legacy;
mod pem;
mod rsa_ops;
mod signing_key_id;
#[cfg(test)]
mod tests;
mod wrap;

pub use builder::RsaKeyProviderBuilder;
pub use key_directory::{GenerateOptions, KeyDirectory, RsaKeySize};
pub use signing_key_id::SigningKeyId;

use keys::Keys;
use rsa_ops::Rsa;

/// Wraps document keys under RSA keys that this process holds.
///
/// A wrap is RSA-OAEP under the master key, signed with RSA-PSS by a **signing key**, because whoever has the public master
/// key could otherwise forge. Each wrap is bound to its encryption context, its master key and its signing key; nothing
/// that is not signed by an allowed key reaches the private master key.
///
/// # Roles
///
/// | role | master key | signing key |
/// |---|---|---|
/// | writer only | public | private |
/// | reader only | private | public |
/// | both | private | private |
///
/// What a role cannot do is [`KeyUnavailable`](secret_store_core::ErrorKind::KeyUnavailable), naming the missing file.
///
/// # Signing keys
///
/// One is active and signs; wraps of every one that is named
/// ([`signing_key`](RsaKeyProviderBuilder::signing_key), [`verifying_key`](RsaKeyProviderBuilder::verifying_key)) are accepted.
/// To rotate: let all readers verify the new key, make it the active one of all writers, and stop verifying the old
/// one when no wrap names it. A wrap by a key that is not named is
/// [`KeyNotAllowed`](secret_store_core::ErrorKind::KeyNotAllowed).
///
/// # Format 0
///
/// Under [`EncryptionContext::legacy`] the wrap is that of the original Secret Store (OAEP with SHA-1, PKCS#1 v1.5 signature
/// with SHA-512), bound to the master key and to nothing else. It does not name its signing key: each allowed one whose
/// modulus has the size of the signature is tried, and a missing one is
/// [`Integrity`](secret_store_core::ErrorKind::Integrity). A wrap of one kind never opens as the other.
///
/// # Cost
///
/// A wrap is one private-key operation (the signature), an unwrap another (the decryption); both run on the threads for
/// blocking work, together with the public-key operation beside them, which is too cheap to be worth a choice. Refusals by the
/// allow-list happen before. A dropped call leaves nothing behind.
#[derive(Clone)]
pub struct RsaKeyProvider {
    keys: Arc<Keys<Rsa>>,
}

impl RsaKeyProvider {
    /// Names the keys.
    #[must_use]
    pub fn builder() -> RsaKeyProviderBuilder {
        RsaKeyProviderBuilder::default()
    }

    fn check_accepts(&self, id: &MasterKeyId) -> Result<()> {
        if self.keys.accepts(id) { Ok(()) } else { Err(Error::key_not_allowed(id)) }
    }
}

#[async_trait]
impl KeyProvider for RsaKeyProvider {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.keys.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.check_accepts(id).map_err(|error| error.with_operation("generate key"))?;
        let (keys, id, context) = (Arc::clone(&self.keys), id.clone(), context.clone());
        blocking::unblock(move || {
            let document_key = DocumentKey::generate(&context)?;
            let wrapped = keys.wrap(&id, &document_key, &context)?;
            Ok(GeneratedKey { document_key, wrapped })
        })
        .await
        .map_err(|error: Error| error.with_operation("generate key"))
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.check_accepts(id).map_err(|error| error.with_operation("wrap key"))?;
        let (keys, id, context) = (Arc::clone(&self.keys), id.clone(), context.clone());
        // The work outlives a dropped call and so needs a key of its own; it wipes itself.
        let document_key = DocumentKey::from_bytes(key.expose_secret())?;
        blocking::unblock(move || keys.wrap(&id, &document_key, &context))
            .await
            .map_err(|error| error.with_operation("wrap key"))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.check_accepts(key.master_key_id()).map_err(|error| error.with_operation("unwrap key"))?;
        let (keys, key, context) = (Arc::clone(&self.keys), key.clone(), context.clone());
        blocking::unblock(move || keys.unwrap(&key, &context)).await.map_err(|error| error.with_operation("unwrap key"))
    }
}

/// Ids and what each key can do; never a key.
impl fmt::Debug for RsaKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.fmt(f)
    }
}
