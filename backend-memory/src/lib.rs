//! Both backends of a secret store in the memory of one process: for tests, for examples, and as the reference that
//! shows what an implementation of [`KeyProvider`](secret_store_core::KeyProvider) and
//! [`Persistence`](secret_store_core::Persistence) has to do.
//!
//! **Nothing persists.** When the last handle is dropped, secrets and master keys are gone. The two obligations that
//! memory cannot keep are therefore vacuous: no commit survives a crash, and no key survives a restart.
//!
//! * [`MemoryPersistence`] is an ordered map with revisions, atomic commits and [snapshots](MemoryPersistence::snapshot).
//! * [`MemoryKeyProvider`] holds master keys by id; the ids it holds are its allow-list.
//! * [`store()`] joins the two to a ready [`EnvelopeStore`](secret_store_core::EnvelopeStore) in one line.

mod key_provider;
mod persistence;
mod store;

pub use key_provider::MemoryKeyProvider;
pub use persistence::{MemoryPersistence, Snapshot};
pub use store::store;
