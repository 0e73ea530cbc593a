//! The layers around the store.
//!
//! ```text
//! TracedStore      one span for each operation, with its outcome, also that of what was refused or came from the cache
//!  └ AuditedStore  every value that is released is recorded first, also one from the cache
//!     └ CachedStore
//!        └ the store, with TracedKeys and TracedRecords beneath it (`backend.rs`)
//! ```
//!
//! The cache lies inside the audit, so that the log says who was given what. Laid around the audit, the cache would answer faster,
//! and the log would say which process read what and when, once in a lifetime of an entry: right where thousands of requests
//! a second need the same secret.

use std::fmt;
use std::sync::Arc;

use secret_store_core::audit::{AuditKey, AuditSink, AuditedStore};
use secret_store_core::{
    ApplicationName, CacheOptions, CachedStore, Result, SecretId, SecretName, SecretStore, TracedStore, Watch,
    WatchOptions,
};

use crate::caller::Caller;

/// The application whose secrets these are.
pub const APPLICATION: &str = "Shop.Production";
/// The name of the database's password.
pub const DATABASE_PASSWORD: &str = "DatabasePassword";

/// What this service knows of secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    cached: Arc<dyn SecretStore>,
    audited: AuditedStore,
    application: ApplicationName,
}

impl Secrets {
    /// Lays the layers around a store.
    ///
    /// # Errors
    ///
    /// None with the names above.
    pub fn new(
        store: Arc<dyn SecretStore>,
        sink: Arc<dyn AuditSink>,
        key: Arc<AuditKey>,
        cache: &CacheOptions,
    ) -> Result<Self> {
        let cached: Arc<dyn SecretStore> = Arc::new(CachedStore::with_options(store, cache));
        let audited = AuditedStore::builder(cached.clone(), sink).environment("production").actor("shop").key(key);
        Ok(Self { cached, audited: audited.build()?, application: ApplicationName::new(APPLICATION)? })
    }

    /// Reads on behalf of the service itself.
    #[must_use]
    pub fn of_service(&self) -> TracedStore {
        TracedStore::new(Arc::new(self.audited.clone()), "shop")
    }

    /// Reads on behalf of a caller, who is named in the audit log.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a name or a request id of more than 255 bytes.
    pub fn of_request(&self, caller: &Caller) -> Result<TracedStore> {
        let audited = self.audited.for_request(&caller.user, &caller.request_id)?;
        Ok(TracedStore::new(Arc::new(audited), "shop"))
    }

    /// Watches a secret. Looks release no value, so they are not recorded; they keep the cache right.
    #[must_use]
    pub fn watch(&self, id: SecretId, options: WatchOptions) -> Watch {
        Watch::secret(self.cached.clone(), id).with_options(options)
    }

    /// The password of the database.
    ///
    /// # Errors
    ///
    /// None.
    pub fn database_password(&self) -> Result<SecretId> {
        self.id(DATABASE_PASSWORD)
    }

    /// The key by which links for a partner are signed. The name comes from outside: what breaks a rule is refused.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a name that cannot be one.
    pub fn partner_key(&self, partner: &str) -> Result<SecretId> {
        self.id(format!("PartnerKey#{partner}"))
    }

    fn id(&self, name: impl Into<String>) -> Result<SecretId> {
        Ok(SecretId::new(self.application.clone(), SecretName::new(name.into())?))
    }

    /// Sends what the audit log has not answered for. Call it when the last request has been answered.
    ///
    /// # Errors
    ///
    /// As the sink.
    pub async fn flush(&self) -> Result<()> {
        self.audited.flush().await
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("application", &self.application).finish_non_exhaustive()
    }
}
