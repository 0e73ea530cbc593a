//! Secrets under a key hierarchy, with every part replaceable.
//!
//! A program says *store this under that name* and *give it back*. Who holds the master key, where the ciphertext lies and
//! what the program sees are three traits, chosen apart from each other:
//!
//! ```text
//!  your program ──► SecretStore
//!                       │
//!                 EnvelopeStore        master key ──wraps──► document key ──seals──► one version of one secret
//!                  │          │
//!           KeyProvider    Persistence
//! ```
//!
//! * [`SecretStore`] is what programs use (with [`SecretStoreExt`] for the short forms, and [`Application`] for one
//!   application's secrets).
//! * [`KeyProvider`] holds master keys: it generates, wraps and unwraps document keys, one for each version of each secret.
//! * [`Persistence`] holds records. It sees ciphertext and names only.
//! * [`EnvelopeStore`] makes the first of the other two.
//!
//! # Quick start
//!
//! ```
//! # futures::executor::block_on(async {
//! use secret_store_core::{EnvelopeStore, SecretStoreExt};
//! use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
//! use std::sync::Arc;
//!
//! let keys = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
//! let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(MemoryPersistence::new()));
//! let app = store.store_id("demo").master_key("main").build()?.application("YourApp.Production")?;
//! app.put("MainDb", "hunter2").await?;
//! assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
//! # Ok::<(), secret_store_core::Error>(())
//! # }).expect("the quick start runs");
//! ```
//!
//! # What it promises
//!
//! * **The database can deny, never widen.** What is read is authenticated, or checked against the configuration of the
//!   [builder](EnvelopeStoreBuilder): allow-lists of master keys, the formats of each [application](ApplicationConfig).
//! * **No lost update, no repeated number.** Each put becomes a version of its own; numbers go on after a delete.
//! * **Older than seen is an error**: [`RollbackDetected`](ErrorKind::RollbackDetected), within a process, or against a version
//!   that the caller kept ([`GetOptions::with_minimum_version`]).
//! * **All or an error.** What answers several secrets answers all of them or fails.
//! * **Nothing secret is left.** Values and keys are wiped on drop, also on errors and when a future is dropped; `Debug` and
//!   errors show none.
//! * **Cancel safe, on any executor.** A dropped write either happened or did not.
//!
//! # Where to go
//!
//! | to | read |
//! |---|---|
//! | store and read | [`Application`], [`PutOptions`], [`GetOptions`] |
//! | configure | [`EnvelopeStoreBuilder`], [`ApplicationConfig`] |
//! | handle errors | [`Error`], [`ErrorKind`] |
//! | give each tenant a key of its own | [`TenantKeys`], [`ApplicationConfig::with_tenant`] |
//! | use several key providers, or move between them | [`KeyRing`], [`EnvelopeStoreBuilder::also_wrap_with`] |
//! | bring your own storage | [`Persistence`], [`Record`], [`ListQuery`] |
//! | bring your own keys | [`KeyProvider`], [`KeyEncryptionKey`], [`EncryptionContext`] |
//! | keep ciphertext elsewhere | [`EnvelopeStore::protect`], [`EnvelopeStore::unprotect`], [`EnvelopeStore::save`] |
//! | see what happens | [`TracedStore`], [`TracedKeys`], [`TracedRecords`], [`observe`] |
//! | rotate keys, retire one | [`rotation`] |
//! | record who did what | [`audit`], [`AuditedStore`](audit::AuditedStore) |
//! | come back from a restore | [`EnvelopeStore::accept_rollback`], [`EnvelopeStore::repair`], [`SecretStoreExt::restore`] |
//! | read the original's records | [`Legacy`], [`Format`] |
//!
//! # Features
//!
//! * `aws-lc`: AES-256-GCM by `aws-lc-rs` instead of RustCrypto. Same bytes; needs a C compiler.
//! * `metrics`: [`TracedStore`] and its siblings also record metrics, by the `metrics` crate.
//! * `mock`: `mockall` mocks of the three traits. They do not run provided methods.
//! * `secrecy`: conversions from and to the types of the `secrecy` crate.

pub mod audit;
pub mod blocking;
pub mod observe;

mod application;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod cache;
mod clock;
mod context;
mod crypto;
mod envelope;
mod envelope_store;
mod error;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod key;
mod key_encryption_key;
mod key_provider;
mod key_ring;
mod layer;
mod persistence;
mod record;
pub mod rotation;
mod secret;
mod settings;
mod store;
mod sync;
mod tenant;
mod text_map;

pub use application::Application;
pub use cache::CacheMetrics;
pub use clock::{Clock, SystemClock};
pub use context::{EncryptionContext, Purpose, Suite};
pub use envelope::Format;
pub use envelope::protected::ProtectedSecret;
pub use envelope_store::{
    ApplicationConfig, EnvelopeStore, EnvelopeStoreBuilder, HistoryRetention, Legacy, ProtectOptions, SettingsUse,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{
    ApplicationName, MAX_ID_BYTES, MAX_NAME_BYTES, MasterKeyId, SecretId, SecretName, SecretVersion, StoreId, TenantId,
};
pub use key::{DocumentKey, GeneratedKey, WrappedKey};
pub use key_encryption_key::KeyEncryptionKey;
pub use key_provider::KeyProvider;
pub use key_ring::KeyRing;
pub use layer::blind_names::{
    BlindMove, BlindMover, BlindName, BlindNames, BlindedKeys, Blinding, BlindingKey, BlindingKeyId, NotMoved,
};
pub use layer::traced::{TracedKeys, TracedRecords, TracedStore};
pub use layer::{CacheOptions, CachedStore, Change, SecretCache, Watch, WatchOptions};
pub use persistence::{
    Consistency, Limits, ListQuery, Order, Page, Persistence, Precondition, RecordKey, Revision, Stored, Write,
};
pub use record::{MAX_ATTRIBUTES, Record, Value};
pub use secret::{Metadata, Secret, SecretInfo, SecretValue};
pub use settings::ApplicationSettings;
pub use store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore, SecretStoreExt};
pub use tenant::{TenantConfig, TenantKeyInfo, TenantKeyState, TenantKeyVersion, TenantKeys, TenantKeysBuilder};

#[cfg(feature = "mock")]
pub use {key_provider::MockKeyProvider, persistence::MockPersistence, store::MockSecretStore};
