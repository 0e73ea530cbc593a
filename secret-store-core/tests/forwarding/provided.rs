//! The traits' provided methods, over an implementation that has none of its own.

use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    DocumentKey, EncryptionContext, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Result,
    SecretId, SecretVersion, StoreId, WrappedKey,
};

use super::{context, main_key};

/// The traits' provided methods, over an implementation that has none of its own.
#[derive(Debug)]
struct Bare(KeyEncryptionKey);

#[async_trait]
impl KeyProvider for Bare {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        *id == main_key()
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let (document_key, wrap) = self.0.generate_key(context)?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap(key.as_bytes(), context)
    }
}

#[test]
fn a_provided_rewrap_moves_the_same_key() {
    let keys: Arc<dyn KeyProvider> = Arc::new(Bare(KeyEncryptionKey::generate().expect("random")));
    let generated = block_on(keys.generate_key(&main_key(), &context())).expect("generates");
    let other = SecretId::parse("App", "Other").expect("valid");
    let to = EncryptionContext::document_key(&StoreId::new("prod").expect("valid"), &other, SecretVersion::FIRST);
    let moved = block_on(keys.rewrap_key(&generated.wrapped, &context(), &main_key(), &to)).expect("rewrapped");
    let opened = block_on(keys.unwrap_key(&moved, &to)).expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert_eq!(
        block_on(keys.unwrap_key(&moved, &context())).expect_err("another context").kind(),
        ErrorKind::Integrity
    );
    let wrong = block_on(keys.rewrap_key(&generated.wrapped, &to, &main_key(), &to));
    assert_eq!(wrong.expect_err("it is not wrapped for that").kind(), ErrorKind::Integrity);
}
