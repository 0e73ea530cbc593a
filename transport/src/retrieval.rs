//! Secure retrieval: secrets travel sealed to a key that the client made for this one request.
//!
//! The client makes an ephemeral key pair and asks for secrets of one [`Place`](crate::Place) by name. The server reads them and seals
//! them, as one bundle, to that key, bound to the whole request; and signs the bundle with the organisation's answer key, so that
//! nobody but the server answers. A request is answered once, within minutes; its bundle opens for no other request.
//!
//! ```
//! # futures::executor::block_on(async {
//! # use secret_store_core::audit::{AuditRecorder, TracingSink};
//! # use secret_store_core::{ApplicationName, SecretId, SecretName, SecretStoreExt, SystemClock, TenantId};
//! # use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
//! # use secret_store_transport::{AnswerKey, AuthorityKey, KeySpec, Once, OrganisationKeys, Place, Places, Retrieval, Trust};
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # let records = Arc::new(MemoryPersistence::new());
//! # let master = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
//! # let store = secret_store_core::EnvelopeStore::builder(Arc::new(master), records.clone());
//! # let store = Arc::new(store.store_id("demo").master_key("main").build()?);
//! # let recorder = AuditRecorder::builder(Arc::new(TracingSink)).environment("prod").actor("server").build()?;
//! # let authority = AuthorityKey::generate()?;
//! # let acme = TenantId::new("acme")?;
//! # let keys = OrganisationKeys::new(store.clone(), ApplicationName::new("sealing-keys")?);
//! # keys.create(&acme, KeySpec::X25519, Duration::from_secs(90 * 86_400)).await?;
//! # let place = Place::parse("acme", "production")?;
//! # let places = Places::new().with(place.clone(), ApplicationName::new("acme.production")?)?;
//! # store.put(&SecretId::parse("acme.production", "MainDb")?, "hunter2".into()).await?;
//! let retrieval = Retrieval::new(store, keys.clone(), places, Once::new(records), recorder);
//! let record = keys.records(&acme, &authority).await?.answers;
//!
//! // The client.
//! let trust = Trust::Authority(authority.public_key());
//! let answers = AnswerKey::from_record(&record, &trust, &acme, Arc::new(SystemClock))?;
//! let (request, pending) = answers.request(&place, [SecretName::new("MainDb")?], KeySpec::X25519).await?;
//!
//! // The server, which knows who asks, and has checked that they may read this place.
//! let bundle = retrieval.for_request("alice@example.com", "request-18")?.answer(&request).await?;
//!
//! // The client again.
//! let secrets = pending.open(&bundle).await?;
//! assert_eq!(secrets[0].value.text()?, "hunter2");
//! # Ok::<(), secret_store_core::Error>(())
//! # }).expect("the example runs");
//! ```

mod answering;
mod bundle;
mod client;
mod request;

pub use answering::Retrieval;
pub use bundle::{Bundle, MAX_BUNDLE_BYTES, RetrievedSecret};
pub use client::{AnswerKey, PendingRetrieval};
pub use request::{MAX_NAMES, RetrievalRequest};

/// For the fuzz targets of the forms.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use secret_store_core::{SecretName, SecretValue};

    use super::bundle::decode;
    use super::request::RetrievalRequest;
    use crate::suite::Suite;

    pub(crate) fn check_form(request: &RetrievalRequest) {
        let again = request.asked().message().expect("what was parsed is well formed");
        assert_eq!(again, *request, "a message has one form");
    }

    pub(crate) fn content(bytes: &[u8]) -> bool {
        let names = ["MainDb", "Api"].map(|name| SecretName::new(name).expect("valid"));
        decode(Suite::HpkeX25519, &names, &SecretValue::from(bytes)).is_ok_and(|secrets| secrets.len() == 2)
    }
}

#[cfg(test)]
mod tests;
