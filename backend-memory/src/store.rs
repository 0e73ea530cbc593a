//! A whole store in one line.

use std::sync::Arc;

use secret_store_core::{EnvelopeStore, MasterKeyId, Result, StoreId};

use crate::{MemoryKeyProvider, MemoryPersistence};

/// A ready secret store in memory, with a new master key, for tests and first steps. Nothing persists: each call makes
/// another store, and what the last clone of one held is gone with it.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::SecretStoreExt;
///
/// let store = secret_store_memory::store("quickstart")?;
/// let app = store.application("YourApp.Production")?;
/// app.put("MainDb", "hunter2").await?;
/// assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the store in memory works");
/// ```
///
/// # Errors
///
/// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a store id that breaks a rule,
/// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
pub fn store<I>(store_id: I) -> Result<EnvelopeStore>
where
    I: TryInto<StoreId>,
    I::Error: Into<secret_store_core::Error>,
{
    let master_key = MasterKeyId::new("memory")?;
    let keys = MemoryKeyProvider::new().with_generated(&master_key)?;
    EnvelopeStore::builder(Arc::new(keys), Arc::new(MemoryPersistence::new()))
        .store_id(store_id)
        .master_key(master_key)
        .build()
}
