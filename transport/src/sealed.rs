//! Sealed submission: a secret is encrypted where it is typed, and opened where it is stored again at once.
//!
//! The client has the organisation's [key record](crate::key_record) and seals a value for one [`Target`](crate::Target), fresh for
//! one use ([`Freshness`]). The server opens the seal, checks all of that, and puts the value into its store. What is not sealed is
//! [`NotSealed`](secret_store_core::ErrorKind::NotSealed) and stored nowhere: no type of this module takes a value that is not sealed,
//! and no setting changes that.
//!
//! ```
//! # futures::executor::block_on(async {
//! # use secret_store_core::audit::{AuditRecorder, TracingSink};
//! # use secret_store_core::{ApplicationName, SecretStoreExt, SystemClock, TenantId};
//! # use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
//! # use secret_store_transport::{
//! #     AuthorityKey, Freshness, KeySpec, Once, OrganisationKeys, Place, Places, SealedIntake, SealedRequest, SealingKey, Target, Trust,
//! # };
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # let records = Arc::new(MemoryPersistence::new());
//! # let master = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
//! # let store = secret_store_core::EnvelopeStore::builder(Arc::new(master), records.clone());
//! # let store = Arc::new(store.store_id("demo").master_key("main").build()?);
//! # let recorder = AuditRecorder::builder(Arc::new(TracingSink)).environment("prod").actor("intake").build()?;
//! # let authority = AuthorityKey::generate()?;
//! // The server: keys for an organisation, and which application holds what.
//! let acme = TenantId::new("acme")?;
//! let keys = OrganisationKeys::new(store.clone(), ApplicationName::new("sealing-keys")?);
//! keys.create(&acme, KeySpec::X25519, Duration::from_secs(90 * 86_400)).await?;
//! let places = Places::new().with(Place::parse("acme", "production")?, ApplicationName::new("acme.production")?)?;
//! let intake = SealedIntake::new(store.clone(), keys.clone(), places, Once::new(records), recorder);
//! let record = keys.records(&acme, &authority).await?.sealing;
//!
//! // The client: the record from the server, the authority's public key from a place it trusts.
//! let trust = Trust::Authority(authority.public_key());
//! let sealing = SealingKey::from_record(&record, &trust, &acme, Arc::new(SystemClock))?;
//! let target = Target::parse("acme", "production", "MainDb")?;
//! let nonce = intake.issue_nonce(&target.place).await?; // over the network
//! let sealed = sealing.seal(&target, &Freshness::Nonce(nonce), &"hunter2".into())?;
//!
//! // The server again. The request came as JSON: {"sealed": true, "value": "U1gx…"}.
//! let request = SealedRequest::new(sealed);
//! let info = intake.for_request("alice@example.com", "request-17")?.put_sealed(&target, request).await?;
//! assert_eq!(store.get(&info.id).await?.text()?, "hunter2");
//! # Ok::<(), secret_store_core::Error>(())
//! # }).expect("the example runs");
//! ```

#[cfg(feature = "rsa")]
mod bare_oaep;
mod intake;
mod request;
mod sealing_key;
mod submission;

#[cfg(feature = "rsa")]
pub use bare_oaep::BareOaepKey;
pub use intake::SealedIntake;
pub use request::SealedRequest;
pub use sealing_key::SealingKey;
pub use submission::{Freshness, SealedSecret};

/// The largest secret that is sealed, in bytes: 1 MiB. What the store takes may be less.
pub const MAX_SECRET_BYTES: usize = 1024 * 1024;

/// For the fuzz target of the form.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use super::submission::{SealedSecret, Submission};
    use crate::wire::Message as _;

    pub(crate) fn check_form(message: &SealedSecret) {
        let submission = Submission::parse(message.as_bytes()).expect("checked");
        let again = submission.encode_again();
        assert_eq!(again, message.as_bytes(), "a message has one form");
    }
}

#[cfg(test)]
mod tests;
