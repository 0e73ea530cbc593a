//! What a factory gives.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use secret_store_core::{KeyProvider, MasterKeyId};

type Contacts = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A key provider and the master keys it can use.
pub struct Instance {
    pub(super) provider: Arc<dyn KeyProvider>,
    pub(super) master_keys: Vec<MasterKeyId>,
    pub(super) contacts: Option<Contacts>,
    pub(super) no_legacy: Option<String>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Instance {
    /// A provider that accepts and can use these master keys. Two or more let every case run; with one, those that need
    /// another key are skipped, and reported so.
    #[must_use]
    pub fn new(provider: impl KeyProvider, master_keys: impl IntoIterator<Item = MasterKeyId>) -> Self {
        Self {
            provider: Arc::new(provider),
            master_keys: master_keys.into_iter().collect(),
            contacts: None,
            no_legacy: None,
            kept: Vec::new(),
        }
    }

    /// How often the provider has contacted the holder of the keys (a KMS, a device), so that a refusal *without contact* is
    /// counted. Without it a refusal must at least be ready when it is first polled.
    #[must_use]
    pub fn with_contacts(mut self, count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.contacts = Some(Arc::new(count));
        self
    }

    /// The provider does not serve the legacy context, and why: those cases are skipped, and reported so.
    #[must_use]
    pub fn without_legacy(mut self, reason: impl Into<String>) -> Self {
        self.no_legacy = Some(reason.into());
        self
    }

    /// Keeps something (a temporary directory) until the case is over.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("provider", &self.provider)
            .field("master_keys", &self.master_keys)
            .finish_non_exhaustive()
    }
}
