//! A key provider of your own: each master key is split into two halves that are kept in different places.
//!
//! A half is a file of 32 random bytes; the master key is the two combined by exclusive or, so that either alone says nothing
//! about it (a one-time pad). One half may stand on the server's disk, the other on a share that an operator mounts: whoever
//! copies the disk, or a backup of it, cannot open a secret.
//!
//! [`KeyEncryptionKey`] is the cipher. What is left to write is where keys come from; `tests/conformance.rs` shows that it
//! is right.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Result,
    WrappedKey,
};
use zeroize::Zeroizing;

type Half = Zeroizing<[u8; 32]>;

/// A [`KeyProvider`] over split master keys. Only keys that were [added](SplitKeys::add) are accepted.
#[derive(Debug, Default)]
pub struct SplitKeys(BTreeMap<MasterKeyId, KeyEncryptionKey>);

impl SplitKeys {
    /// Makes a new master key and writes its halves to two new files, which only their owner may read.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when a file exists or cannot be written.
    pub fn split(first: &Path, second: &Path) -> Result<()> {
        for path in [first, second] {
            let mut half = Half::default();
            getrandom::fill(&mut *half).map_err(|error| unavailable("no random bytes", error))?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path).map_err(|error| unavailable("cannot create a half of the key", error))?;
            let written = file.write_all(&*half).and_then(|()| file.sync_all());
            written.map_err(|error| unavailable("cannot write a half of the key", error))?;
        }
        Ok(())
    }

    /// Joins two halves and accepts the key under this id.
    ///
    /// # Errors
    ///
    /// [`KeyUnavailable`](ErrorKind::KeyUnavailable) when a half cannot be read or has not exactly 32 bytes.
    pub fn add(&mut self, id: MasterKeyId, first: &Path, second: &Path) -> Result<()> {
        let (mut key, second) = (read(first)?, read(second)?);
        key.iter_mut().zip(second.iter()).for_each(|(byte, other)| *byte ^= other);
        self.0.insert(id, KeyEncryptionKey::from_bytes(&key));
        Ok(())
    }

    fn key(&self, id: &MasterKeyId) -> Result<&KeyEncryptionKey> {
        self.0.get(id).ok_or_else(|| Error::key_not_allowed(id))
    }
}

#[async_trait]
impl KeyProvider for SplitKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.contains_key(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let (document_key, wrap) = self.key(id)?.generate_key(context)?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.key(id)?.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.key(key.master_key_id())?.unwrap(key.as_bytes(), context)
    }
}

fn read(path: &Path) -> Result<Half> {
    let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        Error::new(ErrorKind::KeyUnavailable, "a half of the master key cannot be read: mount it").with_source(error)
    })?;
    let wrong_size =
        || Error::new(ErrorKind::KeyUnavailable, "a half of a master key has exactly 32 bytes: copy it again");
    let half: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong_size())?;
    Ok(Zeroizing::new(*half))
}

fn unavailable(what: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Unavailable, what).with_source(error)
}
