//! Secrets kept in clear for a short time.

mod many;
mod read;

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use equivalent::Equivalent;

use super::cache_options::CacheOptions;
use crate::cache::{Cache, CacheMetrics, is_outage};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, SecretId, SecretName};
use crate::observe;
use crate::persistence::{Consistency, Page};
use crate::secret::{Secret, SecretInfo, SecretValue, SharedSecret};
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore};

type Entries = Arc<Cache<SecretKey, SharedSecret>>;

/// Room for secrets in clear, shared by any number of [`CachedStore`]s: one capacity, one set of [metrics](CacheMetrics).
///
/// Stores share the room, never the entries: each [`CachedStore::sharing`] has a scope of its own, so that what a store with
/// wider permissions read is never served by one with narrower ones. Cheap to clone: clones are the same cache.
#[derive(Clone)]
pub struct SecretCache {
    /// `None` is off.
    entries: Option<Entries>,
    scopes: Arc<AtomicU64>,
}

impl SecretCache {
    /// An empty cache.
    #[must_use]
    pub fn new(options: &CacheOptions) -> Self {
        let remembers = |kind| kind == ErrorKind::NotFound;
        let entries = Cache::new(
            options.capacity,
            options.lifetimes(),
            remembers,
            options.clock(),
            Some(observe::Cache::Secrets),
        );
        Self { entries, scopes: Arc::default() }
    }

    /// What it did so far, for all stores together.
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        self.entries.as_ref().map_or_else(CacheMetrics::default, |entries| entries.metrics())
    }

    /// Forgets everything of every store at once and wipes it, also what is on its way in.
    pub fn purge(&self) {
        if let Some(entries) = &self.entries {
            entries.purge();
        }
    }

    /// Wipes what can no longer be served. Reads that ask the backend do this by and by; an idle process calls it from a timer
    /// to hold no value longer than configured.
    pub fn sweep(&self) {
        if let Some(entries) = &self.entries {
            entries.sweep();
        }
    }
}

impl fmt::Debug for SecretCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCache").field("on", &self.entries.is_some()).finish_non_exhaustive()
    }
}

/// Whose entry it is, and of which secret.
#[derive(Clone, PartialEq, Eq)]
struct SecretKey {
    scope: u64,
    id: SecretId,
}

/// A key that borrows, so that a hit allocates nothing and counts no reference.
struct SecretRef<'a> {
    scope: u64,
    id: &'a SecretId,
}

impl Hash for SecretRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scope.hash(state);
        self.id.hash(state);
    }
}

impl Hash for SecretKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        SecretRef { scope: self.scope, id: &self.id }.hash(state);
    }
}

impl Equivalent<SecretKey> for SecretRef<'_> {
    fn equivalent(&self, key: &SecretKey) -> bool {
        self.scope == key.scope && *self.id == key.id
    }
}

/// A [`SecretStore`] that keeps what is read from another one, in clear and in memory, for a short time.
///
/// For services that read the same few secrets with every request. Cheap to clone: clones share their entries.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{CachedStore, SecretStoreExt};
///
/// let store = CachedStore::new(secret_store_memory::store("demo")?);
/// let app = store.application("YourApp.Production")?;
/// app.put("MainDb", "hunter2").await?;
/// for _ in 0..1000 {
///     assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
/// }
/// assert_eq!((store.metrics().misses, store.metrics().hits), (1, 999));
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
///
/// # What a read may answer
///
/// * **Nothing older than the lifetime** ([`CacheOptions::ttl`]), counted from the moment at which the backend was asked. So a
///   secret that another process changed or deleted, or a key that was revoked, is used that much longer, and not a tick more.
///   A cache of document keys beneath ([`EnvelopeStoreBuilder::key_cache`](crate::EnvelopeStoreBuilder::key_cache)) adds its own
///   lifetime to the use of a revoked key.
/// * **Nothing older than one's own writes.** A put or delete through this store (or a clone) forgets the entry when it begins,
///   and nothing that was asked before its end is kept. A put whose outcome is unknown ([`Unavailable`](ErrorKind::Unavailable), or
///   its future was dropped) may still land: for 60 seconds every read of that secret asks the backend.
///   A put over a value that was being read leaves the new one in its place; a process that only writes keeps nothing.
/// * **Something stale only while the backend is unavailable**, at most [`CacheOptions::stale`] beyond the lifetime: after
///   [`Unavailable`](ErrorKind::Unavailable) or [`Throttled`](ErrorKind::Throttled). After any other error (access denied, key
///   disabled, damaged, rolled back, deleted) the entry is gone and the caller has the error.
/// * **That a secret does not exist** is remembered too ([`CacheOptions::negative_ttl`]). No other error is.
///
/// # Options of a read
///
/// [`Consistency::Strong`] always asks the backend, and sets the entry right. A
/// [`minimum_version`](GetOptions::minimum_version) is served from an entry that is new enough; otherwise the backend decides.
/// A [`version`](GetOptions::version) is served from an entry of exactly that version; others are read past the cache and not
/// kept.
///
/// Reading several ([`get_many_with`](SecretStore::get_many_with)) takes each from its entry where there is one and asks for
/// the others in one call. What lists (`list`, `history`, `get_all`) always asks the backend; of `list` and `get_all`, an
/// entry that the answer contradicts is dropped, by another revision or because its secret is not there any more, and none is added.
///
/// # Who asks
///
/// One question for each secret is under way at a time; whoever needs the same answer waits for it, and drives it: no
/// background task exists, and none is needed. Dropping a future that waits stops nobody else. The read that first comes
/// within [`CacheOptions::refresh_ahead`] of the end of a life asks again and waits for the answer, while others go on being
/// served; so of a secret that is in use, one read in a lifetime is slow and none ever finds it expired. While the backend
/// is unavailable it is asked every 5 seconds, by one reader.
///
/// # Memory
///
/// Values are wiped when the entry is replaced, evicted, purged or swept, and the last [`Secret`] handed out from it is
/// dropped. An entry takes about 500 bytes beside its value, with names of 41 bytes together: 100,000 secrets of 64 bytes take 53 MiB,
/// measured on 64-bit Linux. Reads that ask the backend sweep out what is over; an idle process calls [`SecretCache::sweep`]
/// from a timer.
///
/// # Cancellation
///
/// As the store beneath. A dropped read may leave its answer to others that wait for it.
pub struct CachedStore<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    store: S,
    cache: SecretCache,
    scope: u64,
}

impl<S: SecretStore> CachedStore<S> {
    /// A cache of its own, with the default [options](CacheOptions).
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with_options(store, &CacheOptions::default())
    }

    /// A cache of its own.
    #[must_use]
    pub fn with_options(store: S, options: &CacheOptions) -> Self {
        Self::sharing(store, &SecretCache::new(options))
    }

    /// Room in a cache that others use too. Entries are not shared: to share them, clone the store.
    #[must_use]
    pub fn sharing(store: S, cache: &SecretCache) -> Self {
        let scope = cache.scopes.fetch_add(1, Ordering::Relaxed);
        Self { inner: Arc::new(Inner { store, cache: cache.clone(), scope }) }
    }

    /// The store beneath. What is written there, past the cache, is seen like another process's writes.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &SecretCache {
        &self.inner.cache
    }

    /// What the cache did so far: [`SecretCache::metrics`].
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        self.inner.cache.metrics()
    }

    /// Reads a secret from the backend now, strongly consistent, and puts it in the place of what is kept.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads. Unless it is an outage, the entry is gone then.
    pub async fn refresh_now(&self, id: &SecretId) -> Result<Secret> {
        self.get_with(id, GetOptions::default().with_consistency(Consistency::Strong)).await
    }

    /// Forgets one secret at once and wipes it, also what is on its way in.
    pub fn purge(&self, id: &SecretId) {
        self.inner.forget(id);
    }

    /// Forgets the secrets of one application.
    pub fn purge_application(&self, application: &ApplicationName) {
        self.inner.purge(|id| id.application() == application);
    }

    /// Forgets everything of this store and its clones. [`SecretCache::purge`] does it for all that share the cache.
    pub fn purge_all(&self) {
        self.inner.purge(|_| true);
    }
}

impl<S> Inner<S> {
    fn entries(&self) -> Option<&Entries> {
        self.cache.entries.as_ref()
    }

    fn key(&self, id: &SecretId) -> SecretKey {
        SecretKey { scope: self.scope, id: id.clone() }
    }

    fn purge(&self, of: impl Fn(&SecretId) -> bool) {
        if let Some(entries) = self.entries() {
            entries.forget_all(|key| key.scope == self.scope && of(&key.id));
        }
    }

    /// Drops an entry that says something else than what the backend just said.
    fn heed(&self, info: &SecretInfo) {
        if let Some(entries) = self.entries() {
            let contradicts = |kept: &SharedSecret| kept.info().revision != info.revision;
            entries.heed(&self.key(&info.id), |answer| answer.as_ref().map_or(true, contradicts));
        }
    }

    /// Drops what a page of a listing contradicts: entries of other revisions, and those that it lacks although they would be in it.
    /// A store whose cursors are no names costs a question too many at worst.
    fn heed_page(&self, application: &ApplicationName, after: Option<&str>, page: &Page<SecretInfo>) {
        page.items.iter().for_each(|info| self.heed(info));
        let names: HashSet<_> = page.items.iter().map(|info| info.id.name()).collect();
        let is_covered = |name: &SecretName| {
            after.is_none_or(|after| name.as_str() > after)
                && page.next.as_deref().is_none_or(|next| name.as_str() <= next)
        };
        self.heed_absence(|id| id.application() == application && is_covered(id.name()) && !names.contains(id.name()));
    }

    fn heed_absence(&self, of: impl Fn(&SecretId) -> bool) {
        if let Some(entries) = self.entries() {
            entries.heed_absence(|key| key.scope == self.scope && of(&key.id));
        }
    }

    /// A read of several was refused: about the one that the error names, or about each.
    fn heed_refusal(&self, error: &Error, is_asked_for: impl Fn(&SecretId) -> bool) {
        match error.secret().filter(|named| is_asked_for(named)) {
            _ if is_outage(error.kind()) => {}
            Some(named) => self.forget(named),
            None => self.purge(is_asked_for),
        }
    }

    fn forget(&self, id: &SecretId) {
        if let Some(entries) = self.entries() {
            entries.forget(&self.key(id));
        }
    }
}

impl<S> Drop for Inner<S> {
    /// Nobody can be served from this scope any more.
    fn drop(&mut self) {
        self.purge(|_| true);
    }
}

impl<S> Clone for CachedStore<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: fmt::Debug> fmt::Debug for CachedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore").field("store", &self.inner.store).field("cache", &self.inner.cache).finish()
    }
}

#[async_trait]
impl<S: SecretStore> SecretStore for CachedStore<S> {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        if let Some(secret) = self.inner.ready(id, &options) {
            return secret;
        }
        // Boxed, so that the future of a hit is not as large as that of a miss.
        Box::pin(self.inner.read(id, options)).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        let Some(entries) = self.inner.entries() else { return self.inner.store.put_with(id, value, options).await };
        let write = entries.begin_write(self.inner.key(id));
        // The answer to a token may be an earlier version with another value.
        let is_read = write.replaces_value() && options.idempotency_token.is_none();
        let copy = is_read.then(|| SecretValue::from(value.expose_secret()));
        let answer = self.inner.store.put_with(id, value, options).await;
        match &answer {
            Ok(info) => write.landed(copy.map(|value| Secret::new(value, info.clone()).into())),
            Err(error) if changed_nothing(error.kind()) => write.refused(),
            Err(_) => drop(write),
        }
        answer
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        let Some(entries) = self.inner.entries() else { return self.inner.store.delete_with(id, options).await };
        let write = entries.begin_write(self.inner.key(id));
        let answer = self.inner.store.delete_with(id, options).await;
        match &answer {
            Ok(()) => write.landed(None),
            Err(error) if changed_nothing(error.kind()) => write.refused(),
            Err(_) => drop(write),
        }
        answer
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        let after = options.after.clone();
        let page = self.inner.store.list_with(application, options).await?;
        self.inner.heed_page(application, after.as_deref(), &page);
        Ok(page)
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.inner.store.history_with(id, options).await
    }

    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        self.inner.read_many(ids, options).await
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        let secrets = self.inner.store.get_all_with(application, options).await;
        let is_asked_for = |id: &SecretId| id.application() == application;
        let secrets = secrets.inspect_err(|error| self.inner.heed_refusal(error, is_asked_for))?;
        secrets.iter().for_each(|secret| self.inner.heed(secret.info()));
        let names: HashSet<_> = secrets.iter().map(|secret| secret.id().name()).collect();
        self.inner.heed_absence(|id| is_asked_for(id) && !names.contains(id.name()));
        Ok(secrets)
    }
}

/// Whether a write with this outcome neither happened nor will.
fn changed_nothing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::Contention
            | ErrorKind::KeyNotAllowed
            | ErrorKind::KeyUnavailable
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Unsupported
    )
}
