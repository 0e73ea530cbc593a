//! Master keys that cost nothing: a wrap is bound to its key and context by a checksum. What they must not do in production, they
//! do here ten thousand times.

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey,
};

const SUM: usize = 8;

#[derive(Debug)]
pub(crate) struct MasterKeys(pub(crate) Vec<MasterKeyId>);

impl MasterKeys {
    fn check(&self, id: &MasterKeyId) -> Result<()> {
        if self.accepts(id) { Ok(()) } else { Err(Error::key_not_allowed(id)) }
    }
}

/// FNV-1a.
fn sum(id: &MasterKeyId, context: &EncryptionContext) -> [u8; SUM] {
    let bytes = id.as_str().bytes().chain([0xff]).chain(context.aead_bytes().iter().copied());
    let mixed =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mixed.to_be_bytes()
}

/// The last byte is always the same: caches take their jitter from it.
fn wrap(id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> WrappedKey {
    WrappedKey::new(id.clone(), [&sum(id, context), key.expose_secret(), &[0]].concat())
}

#[async_trait]
impl KeyProvider for MasterKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.contains(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.check(id)?;
        let document_key = DocumentKey::generate(context)?;
        Ok(GeneratedKey { wrapped: wrap(id, &document_key, context), document_key })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.check(id)?;
        Ok(wrap(id, key, context))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.check(key.master_key_id())?;
        match key.as_bytes() {
            [claimed @ .., 0] if claimed.starts_with(&sum(key.master_key_id(), context)) => {
                DocumentKey::from_bytes(&claimed[SUM..])
            }
            _ => Err(Error::integrity()),
        }
    }
}
