//! Master keys in a map.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Result,
    WrappedKey,
};

/// In front of every wrap: the format and its version. It needs no authentication of its own, as there is one version.
const HEADER: &[u8; 3] = b"SM1";

/// A [`KeyProvider`] whose master keys live in this process. Nothing persists: when it is dropped, whatever was wrapped
/// under its keys is lost, unless the caller kept the keys.
///
/// The allow-list is the set of keys it holds; [disabled](MemoryKeyProvider::disable) ones stay in it, as at a KMS. A
/// wrap is `"SM1" | KeyEncryptionKey::wrap`: 3 + 12 (nonce) + the key + 16 (tag) bytes, under AES-256-GCM with the
/// encryption context as associated data.
///
/// ```
/// # use secret_store_core::{KeyProvider, MasterKeyId};
/// # use secret_store_memory::MemoryKeyProvider;
/// let (old, new) = (MasterKeyId::new("2025")?, MasterKeyId::new("2026")?);
/// let keys = MemoryKeyProvider::new().with_generated(&old)?.with_generated(&new)?;
/// assert!(keys.accepts(&old) && keys.accepts(&new));
/// # Ok::<(), secret_store_core::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryKeyProvider {
    keys: RwLock<BTreeMap<MasterKeyId, Held>>,
}

struct Held {
    key: KeyEncryptionKey,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
}

impl MemoryKeyProvider {
    /// A provider without any key: it accepts nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a new random master key.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn with_generated(self, id: &MasterKeyId) -> Result<Self> {
        self.add(id.clone(), KeyEncryptionKey::generate()?);
        Ok(self)
    }

    /// With a master key of the caller's.
    #[must_use]
    pub fn with_key(self, id: MasterKeyId, key: KeyEncryptionKey) -> Self {
        self.add(id, key);
        self
    }

    /// Holds this key from now on, enabled, in the place of any other of this id.
    pub fn add(&self, id: MasterKeyId, key: KeyEncryptionKey) {
        self.write().insert(id, Held { key, state: State::Enabled });
    }

    /// Forgets a key: it is accepted no longer and what it wrapped opens no more. Answers whether it was held.
    pub fn remove(&self, id: &MasterKeyId) -> bool {
        self.write().remove(id).is_some()
    }

    /// Refuses every use of a key as [`KeyUnavailable`](ErrorKind::KeyUnavailable) until it is
    /// [enabled](MemoryKeyProvider::enable) again. Answers whether it is held.
    pub fn disable(&self, id: &MasterKeyId) -> bool {
        self.set_state(id, State::Disabled)
    }

    /// Undoes [`disable`](MemoryKeyProvider::disable). Answers whether the key is held.
    pub fn enable(&self, id: &MasterKeyId) -> bool {
        self.set_state(id, State::Enabled)
    }

    fn set_state(&self, id: &MasterKeyId, state: State) -> bool {
        self.write().get_mut(id).map(|held| held.state = state).is_some()
    }

    fn using<T>(&self, id: &MasterKeyId, work: impl FnOnce(&KeyEncryptionKey) -> Result<T>) -> Result<T> {
        match self.read().get(id) {
            None => Err(Error::key_not_allowed(id)),
            Some(Held { state: State::Disabled, .. }) => {
                Err(Error::new(ErrorKind::KeyUnavailable, format!("master key {id} is disabled: enable it to use it")))
            }
            Some(Held { key, state: State::Enabled }) => work(key),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<MasterKeyId, Held>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<MasterKeyId, Held>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeyProvider for MemoryKeyProvider {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.read().contains_key(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let (document_key, wrap) = self.using(id, |key| key.generate_key_behind(HEADER, context))?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let wrap = self.using(id, |master| master.wrap_behind(HEADER, key, context))?;
        Ok(WrappedKey::new(id.clone(), wrap))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.using(key.master_key_id(), |master| {
            let wrap = key.as_bytes().strip_prefix(HEADER).ok_or_else(Error::integrity)?;
            master.unwrap(wrap, context)
        })
    }
}

/// Ids and states, never keys.
impl fmt::Debug for MemoryKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.read().iter().map(|(id, held)| (id, held.state))).finish()
    }
}
