//! A record of who did what to which secret, that shows when it was tampered with.
//!
//! [`AuditedStore`] is a layer over any [`SecretStore`](crate::SecretStore). Every operation leaves an entry in an
//! [`AuditSink`]; what cannot be recorded is refused. Entries name secrets and never hold one.
//!
//! ```
//! # futures::executor::block_on(async {
//! use secret_store_core::audit::{AuditFilter, AuditKey, AuditLog, AuditedStore, PersistenceSink, Verifier};
//! use secret_store_core::{SecretStoreExt, SystemClock, Clock};
//! use secret_store_memory::MemoryPersistence;
//! use std::sync::Arc;
//!
//! let secrets = Arc::new(secret_store_memory::store("demo")?);
//! let records = Arc::new(MemoryPersistence::new());
//! let (key, _bytes_to_keep) = AuditKey::generate()?;
//! let key = Arc::new(key);
//! let store = AuditedStore::builder(secrets, Arc::new(PersistenceSink::new(records.clone())))
//!     .environment("production")
//!     .actor("billing")
//!     .key(Arc::clone(&key))
//!     .build()?;
//! let app = store.for_request("alice@example.com", "request-17")?.application("YourApp.Production")?;
//! app.put("MainDb", "hunter2").await?;
//! app.get("MainDb").await?;
//!
//! let log = AuditLog::new(records);
//! let mut by_alice = log.read(app.name(), AuditFilter::new().actor("alice@example.com"));
//! let mut actions = Vec::new();
//! while let Some(entry) = by_alice.next().await? {
//!     actions.push((entry.action().as_str(), entry.phase().as_str()));
//! }
//! assert_eq!(actions, [("put", "intent"), ("put", "outcome"), ("get", "read")]);
//!
//! let verification = log.verify(app.name(), Verifier::new().with_key(key)).await?;
//! verification.check()?;
//! let head = verification.head(SystemClock.now())?;
//! assert_eq!(head.writers().len(), 1);
//! # Ok::<(), secret_store_core::Error>(())
//! # }).expect("the example runs");
//! ```
//!
//! # What is recorded
//!
//! | operation | entries | name the secret | version | count |
//! |---|---|---|---|---|
//! | `get_with` | one, before the value is released | yes | the one released; of what failed, the one asked for | 1 |
//! | `get_many_with` | one for each application, or several | every one released; of what failed, every one asked for | likewise | secrets |
//! | `get_all_with` | one, or several | every one released; of what failed, none | the ones released | secrets |
//! | `list_with` | one for each page | no | no | infos in the page |
//! | `history_with` | one for each page | yes | no | infos in the page |
//! | `put_with` | an intent before, an outcome after | yes | in the outcome, the one made | 1 |
//! | `delete_with` | an intent before, an outcome after | yes | no | 1 |
//! | what an [`AuditRecorder`] is told | as a read or as a mutation | what it is told | likewise | likewise |
//!
//! Each entry also has the time, the environment, the actor, the request id if there is one, the action, the application and how it
//! ended. Failed and refused operations are recorded like others, with the kind of their error and the count 0. An entry has at most
//! [`MAX_ENTRY_BYTES`]; what names more secrets becomes several, which share their [operation](AuditEntry::operation) and are all
//! durable before anything is released. A mutation that a recorder is told and that names more is refused.
//!
//! # What that means
//!
//! * **A read** is recorded before its caller sees anything of it, be it a value or the reason why there is none. Where that fails,
//!   the caller gets the sink's error and the value is wiped.
//! * **A mutation** is not begun before its intent is durable. When its outcome cannot be recorded, the caller gets
//!   [`Unavailable`](crate::ErrorKind::Unavailable): it may have landed. An intent without an outcome means that nobody knows;
//!   [`Verification::unknown`] lists them.
//! * **A dropped future** leaves at worst an intent without an outcome, or a read that is recorded and was not released. An outcome
//!   whose caller has gone, or that the sink refused, is sent with the next entry, or by [`AuditedStore::flush`].
//! * **The log may say more than happened, never less**: an entry that the sink did not answer for may be there although its
//!   operation was refused.
//!
//! # The chain
//!
//! The entries of one store about one application are one chain: a [writer](WriterId), drawn at random when the chain begins, numbers
//! them without a gap, and each contains the hash of the one before. So an application's log can be verified by whoever may
//! read that application alone. With an [`AuditKey`] each entry also carries a MAC. A [`Verifier`] says what that
//! shows: complete detection needs a key that whoever can write to the log does not hold, **and** an [`AuditHead`] that was exported
//! before and is kept elsewhere.
//!
//! Concurrent operations wait for no lock while another's entry, or another's secret, is under way: entries that come while the sink
//! works go together in its next call.
//!
//! A process that is duplicated (`fork`, a cloned virtual machine) would continue one chain twice: make a new [`AuditedStore`] in
//! the copy.

mod audited_store;
mod chain;
mod codec;
mod codes;
mod entry;
mod filter;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod head;
mod key;
mod label;
mod log;
mod naming;
mod persistence_sink;
mod recorder;
mod records;
mod sink;
mod timestamp;
mod tracing_sink;
mod verify;
mod writer;
mod writers;

pub use audited_store::{AuditedStore, AuditedStoreBuilder};
pub use codes::{Action, Outcome, Phase};
pub use entry::{AuditEntry, AuditedSecret, MAX_ENTRY_BYTES};
pub use filter::AuditFilter;
pub use head::{AuditHead, MAX_HEAD_WRITERS, WriterHead};
pub use key::{AuditKey, AuditKeyId};
pub use label::MAX_LABEL_BYTES;
pub use log::{AuditLog, AuditReader};
pub use persistence_sink::PersistenceSink;
pub use recorder::{AuditRecorder, AuditRecorderBuilder};
#[cfg(feature = "mock")]
pub use sink::MockAuditSink;
pub use sink::{AuditSink, FanOut};
pub use timestamp::Timestamp;
pub use tracing_sink::TracingSink;
pub use verify::{Fault, FaultKind, UnknownOperation, Verification, Verifier};
pub use writer::WriterId;
