//! A value is no wrapped key and a wrapped key no value, even if one key does everything.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId,
    Purpose, Result, SecretStoreExt, StoreId, Value, WrappedKey,
};

use crate::support::{DOCUMENT_KEY, IV, MAIN, STORE, VALUE, World, current, id, kind, version, wait};

/// The worst provider for a mix-up of purposes: every document key is the master key itself.
struct OneKey(KeyEncryptionKey);

const ONE: [u8; 32] = [0x5a; 32];

#[async_trait]
impl KeyProvider for OneKey {
    fn accepts(&self, _: &MasterKeyId) -> bool {
        true
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        let document_key = DocumentKey::from_bytes(&ONE)?;
        let wrapped = self.wrap_key(id, &document_key, context).await?;
        Ok(GeneratedKey { document_key, wrapped })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        self.0.unwrap(key.as_bytes(), context)
    }
}

impl std::fmt::Debug for OneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneKey")
    }
}

/// A value's ciphertext as a wrapped key, and a wrapped key as a value. An empty value seals 32 zero bytes: in form and under this
/// provider in key it is a wrap. Only the purpose in the associated data tells them apart.
#[test]
fn a_value_is_no_wrapped_key_and_a_wrapped_key_no_value() {
    let world = World::new();
    let keys = Arc::new(OneKey(KeyEncryptionKey::from_bytes(&ONE)));
    let store = EnvelopeStore::builder(keys.clone(), world.records.clone())
        .store_id(STORE)
        .master_key(MAIN)
        .build()
        .expect("valid");
    wait(store.put(&id("Db"), "".into())).expect("stored");
    let record = world.record(&current(&id("Db")));
    let store_id = StoreId::new(STORE).expect("valid");
    let here = EncryptionContext::document_key(&store_id, &id("Db"), version(1));

    // The value as a wrap.
    let (nonce, value) = (record.bytes(IV).expect("bytes"), record.bytes(VALUE).expect("bytes"));
    let as_wrap = [nonce, &value[6..]].concat();
    assert_eq!(as_wrap.len(), 32 + KeyEncryptionKey::OVERHEAD_BYTES);
    assert_eq!(kind(keys.0.unwrap(&as_wrap, &here)), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), record.clone().with(DOCUMENT_KEY, Value::from(as_wrap)));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);

    // A wrap of 32 zero bytes, made for this very place, as the value.
    let zeros = DocumentKey::from_bytes(&[0; 32]).expect("32 bytes");
    let wrap = keys.0.wrap(&zeros, &here).expect("wraps");
    assert!(keys.0.unwrap(&wrap, &here).is_ok(), "as a wrap it is good");
    let as_value = [b"SS1\x01\0\0", &wrap[12..]].concat();
    assert_eq!(as_value.len(), value.len());
    let forged = record.clone().with(IV, Value::from(&wrap[..12])).with(VALUE, Value::from(as_value));
    world.plant(&current(&id("Db")), forged);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), record);
    assert_eq!(wait(store.get(&id("Db"))).expect("its own opens").expose_secret(), b"");
}
