//! The middle tier: one versioned key for each tenant, between master keys and document keys.

mod cache;
mod config;
mod keys;
mod lifecycle;
mod listing;
mod marks;
mod moving;
pub(crate) mod records;
mod version;
pub(crate) mod wrap;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use config::{TenantConfig, TenantKeysBuilder};
pub use listing::{TenantKeyInfo, TenantKeyState};
pub use version::TenantKeyVersion;

use crate::cache::CacheMetrics;
use crate::clock::Clock;
use crate::context::EncryptionContext;
use crate::envelope_store::bounded::within;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};
use crate::key_encryption_key::KeyEncryptionKey;
use crate::key_provider::KeyProvider;
use crate::persistence::{Persistence, Revision, Write};
use cache::Known;
use config::Config;
use keys::Active;
use marks::Marks;
use wrap::TenantWrap;

/// How long it is trusted which version is active, at most: a part of what rotation waits for late writers.
pub(crate) const ACTIVE_TRUST: Duration = Duration::from_secs(60);

/// How long one commit of a tenant's records may take.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Tenant keys: a [`KeyProvider`] over any key provider, with one versioned key for each tenant (an organisation, a user), stored
/// wrapped in any [`Persistence`].
///
/// A tenant's key wraps the document keys of all applications that the tenant owns. So the inner provider (a KMS) is asked once
/// for each tenant key and ten minutes instead of once for each secret, a master key moves by moving tenant keys alone, and
/// [destroying](Self::destroy_tenant) the tenant's key makes everything under it unreadable at once.
///
/// Records name a tenant's key as [`MasterKeyId::for_tenant`]. Every other id is handed on to the inner provider unchanged, so
/// one `TenantKeys` serves applications of both tiers. Which tier an application is in, and whose it is, is the configuration of
/// the [`EnvelopeStore`](crate::EnvelopeStore): [`ApplicationConfig::with_tenant`](crate::ApplicationConfig::with_tenant).
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{ApplicationConfig, ApplicationName, EnvelopeStore, SecretStoreExt, TenantId, TenantKeys};
/// use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
/// use std::sync::Arc;
///
/// let (acme, application) = (TenantId::new("acme")?, ApplicationName::new("acme.production")?);
/// let master_keys = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
/// let records = Arc::new(MemoryPersistence::new());
/// let keys = TenantKeys::builder(Arc::new(master_keys), records.clone()).store_id("demo").master_key("main").build()?;
/// let store = EnvelopeStore::builder(Arc::new(keys.clone()), records)
///     .store_id("demo")
///     .application(application.clone(), ApplicationConfig::default().with_tenant(acme.clone()))
///     .build()?;
///
/// let app = store.application(application)?;
/// app.put("MainDb", "hunter2").await?;
/// assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
///
/// keys.destroy_tenant(&acme).await?;
/// store.purge_keys();
/// assert!(app.get("MainDb").await.is_err());
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
///
/// # Guarantees
///
/// * A wrap opens for the tenant, the key version, the store and the secret version it was made for, and for no other. So does a
///   tenant key.
/// * What the records say is a hint within the configuration: which master keys ([`unwrap_with`](TenantKeysBuilder::unwrap_with)),
///   which tenants, and no version below the tenant's [minimum](TenantConfig::with_minimum_version). An active version below one
///   that this process has seen is [`RollbackDetected`](crate::ErrorKind::RollbackDetected).
/// * The first wrap for a tenant makes its key. However many processes do so at once, they converge on one key.
/// * An application is recorded as the tenant's before the first wrap for it, so that rotation finds it.
/// * Cancel safe: a dropped call has written all of a step or nothing, and may be made again.
///
/// # Caches
///
/// Keys are kept ready for ten minutes and wiped then; the active version is trusted for a minute. Within that time a process
/// goes on with a key that another has destroyed: [`purge`](Self::purge) ends that at once. The
/// [`EnvelopeStore`](crate::EnvelopeStore) keeps document keys by itself.
///
/// # Limits
///
/// One version should wrap far fewer than 2³² document keys (NIST SP 800-38D, section 8.3): make a new one each year. Format 0
/// has no tenant keys: [`Unsupported`](crate::ErrorKind::Unsupported).
#[derive(Clone)]
pub struct TenantKeys {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Arc<dyn KeyProvider>,
    records: Arc<dyn Persistence>,
    clock: Arc<dyn Clock>,
    config: Config,
    ready: Known<(TenantId, TenantKeyVersion), Arc<KeyEncryptionKey>>,
    active: Known<TenantId, Active>,
    owned: Known<(TenantId, ApplicationName), ()>,
    marks: Marks,
}

impl TenantKeys {
    /// Begins to configure tenant keys over a holder of master keys and a place for records, usually those of the store.
    pub fn builder(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> TenantKeysBuilder {
        TenantKeysBuilder::new(keys, records)
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Which version of a tenant's key a wrap says it is under; `None` for a wrap under a master key. A hint until it opens.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) or [`Unsupported`](crate::ErrorKind::Unsupported) for a wrap that names a
    /// tenant's key and is not one by it.
    pub fn version_of(wrapped: &WrappedKey) -> Result<Option<TenantKeyVersion>> {
        let named = wrapped.master_key_id().tenant().is_some();
        named.then(|| TenantWrap::parse(wrapped.as_bytes()).map(|wrap| wrap.version)).transpose()
    }

    /// Forgets and wipes all tenant keys, and what is known of active versions.
    pub fn purge(&self) {
        self.inner.ready.purge();
        self.inner.active.purge();
        self.inner.owned.purge();
    }

    /// Forgets and wipes the keys of one tenant, and which is active.
    pub fn purge_tenant(&self, tenant: &TenantId) {
        self.inner.purge(tenant);
    }

    /// Wipes keys whose time is over. Uses do this by and by; an idle process calls it from a timer to hold no key longer than the
    /// configured time.
    pub fn sweep(&self) {
        self.inner.ready.sweep();
        self.inner.active.sweep();
        self.inner.owned.sweep();
    }

    /// What the cache of ready tenant keys did.
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        self.inner.ready.metrics()
    }
}

impl Inner {
    /// The tenant whose key an id names, if it is accepted; `None` for a master key.
    fn tenant(&self, id: &MasterKeyId) -> Result<Option<TenantId>> {
        let Some(tenant) = id.tenant() else { return Ok(None) };
        let tenant = TenantId::new(tenant).map_err(|_| Error::key_not_allowed(id))?;
        self.config.check_tenant(&tenant).map(|_| Some(tenant))
    }

    /// Commits in time, as stores do: who waits for a tenant's key, and who rotates it under a lease, gets on.
    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        within(&*self.clock, COMMIT_TIMEOUT, self.records.commit(writes)).await.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Unavailable,
                "the commit of a tenant's key took longer than 30 seconds: it may have landed",
            ))
        })
    }

    fn purge(&self, tenant: &TenantId) {
        self.ready.forget_all(|(of, _)| of == tenant);
        self.active.forget(tenant);
        self.owned.forget_all(|(of, _)| of == tenant);
    }
}

#[async_trait]
impl KeyProvider for TenantKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        match self.inner.tenant(id) {
            Ok(None) => self.inner.keys.accepts(id),
            Ok(Some(_)) => true,
            Err(_) => false,
        }
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let Some(tenant) = self.inner.tenant(id)? else { return self.inner.keys.generate_key(id, context).await };
        let (version, key) = self.inner.wrapping_key(&tenant, context).await?;
        let (document_key, sealed) = key.generate_key(&context.under_tenant_key(&tenant, version)?)?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap::encode(version, &sealed)) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let Some(tenant) = self.inner.tenant(id)? else { return self.inner.keys.wrap_key(id, key, context).await };
        let (version, tenant_key) = self.inner.wrapping_key(&tenant, context).await?;
        let sealed = tenant_key.wrap(key, &context.under_tenant_key(&tenant, version)?)?;
        Ok(WrappedKey::new(id.clone(), wrap::encode(version, &sealed)))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let Some(tenant) = self.inner.tenant(key.master_key_id())? else {
            return self.inner.keys.unwrap_key(key, context).await;
        };
        let wrap = TenantWrap::parse(key.as_bytes())?;
        context.document_key_application()?;
        self.inner.config.check_minimum(&tenant, wrap.version)?;
        let tenant_key = self.inner.ready_key(&tenant, wrap.version).await?;
        wrap.open(&tenant_key, context, &tenant)
    }

    /// Between tenant keys, and from or to one, by unwrapping and wrapping here: the inner provider is not asked while the keys are
    /// cached. Between master keys by the inner provider.
    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let tenants = (self.inner.tenant(key.master_key_id())?, self.inner.tenant(to)?);
        if let (None, None) = tenants {
            return self.inner.keys.rewrap_key(key, from, to, to_context).await;
        }
        if !self.accepts(to) {
            return Err(Error::key_not_allowed(to));
        }
        let document_key = self.unwrap_key(key, from).await?;
        self.wrap_key(to, &document_key, to_context).await
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys")
            .field("store_id", &self.inner.config.store_id)
            .field("keys", &self.inner.keys)
            .field("records", &self.inner.records)
            .finish_non_exhaustive()
    }
}
