//! Secrets under a key hierarchy, with every part replaceable.

pub mod blocking;

mod application;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
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
mod persistence;
mod record;
mod secret;
mod store;

pub use application::Application;
pub use clock::{Clock, SystemClock};
pub use context::{EncryptionContext, Purpose, Suite};
pub use envelope::Format;
pub use envelope::protected::ProtectedSecret;
pub use envelope_store::{
    ApplicationConfig, EnvelopeStore, EnvelopeStoreBuilder, HistoryRetention, Legacy, ProtectOptions,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{
    ApplicationName, MAX_ID_BYTES, MAX_NAME_BYTES, MasterKeyId, SecretId, SecretName, SecretVersion, StoreId, TenantId,
};
pub use key::{DocumentKey, GeneratedKey, WrappedKey};
pub use key_encryption_key::KeyEncryptionKey;
pub use key_provider::KeyProvider;
pub use persistence::{
    Consistency, Limits, ListQuery, Order, Page, Persistence, Precondition, RecordKey, Revision, Stored, Write,
};
pub use record::{MAX_ATTRIBUTES, Record, Value};
pub use secret::{Metadata, Secret, SecretInfo, SecretValue};
pub use store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore, SecretStoreExt};

#[cfg(feature = "mock")]
pub use {key_provider::MockKeyProvider, persistence::MockPersistence, store::MockSecretStore};
