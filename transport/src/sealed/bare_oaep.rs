//! Import of secrets that another system sealed as one bare RSA-OAEP block.

use std::fmt;

use secret_store_core::{Precondition, PutOptions, Result, SecretInfo};

use super::intake::SealedIntake;
use crate::place::Target;
use crate::recipient::BareKey;

/// The private key of a system whose clients sent a secret as one RSA-OAEP block (SHA-256, MGF1-SHA256, no label), without anything
/// around it: 2,048, 3,072 or 4,096 bits. For importing such blocks, and for nothing else. Wiped on drop.
///
/// A block says neither for whom, nor for which secret, nor when it was made. Whoever sees one can submit it under any name, any
/// number of times; so importing creates secrets and never replaces one, and a server should offer it only while it is needed.
pub struct BareOaepKey(BareKey);

impl BareOaepKey {
    /// Takes a key in PKCS #8, DER. The caller wipes its copy.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for anything else.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        BareKey::from_pkcs8(der).map(Self)
    }
}

impl fmt::Debug for BareOaepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BareOaepKey([redacted])")
    }
}

impl SealedIntake {
    /// Imports a bare RSA-OAEP block as the first value of a secret. Read [`BareOaepKey`] before: the block is bound to nothing.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) for a block that does not open,
    /// [`Conflict`](secret_store_core::ErrorKind::Conflict) where the secret exists,
    /// [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied) for a place without an application, and as the store.
    pub async fn import_bare_oaep(&self, target: &Target, key: &BareOaepKey, block: &[u8]) -> Result<SecretInfo> {
        let put = |id| async move {
            let value = key.0.open(block).await?;
            let options = PutOptions::default().with_precondition(Precondition::Absent);
            self.store().put_with(&id, value, options).await
        };
        self.record(target, put).await.map_err(|error| error.with_operation("import bare OAEP"))
    }
}
