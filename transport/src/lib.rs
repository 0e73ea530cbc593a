//! Secrets in and out without plaintext crossing: for both ends, client and server. No network code: bytes and serde types go
//! in and come out.

pub mod channel;
pub mod credential;
mod expiry;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod key_record;
mod once;
mod organisation_keys;
mod place;
mod random;
mod recipient;
pub mod retrieval;
pub mod sealed;
mod service;
mod stack;
mod suite;
#[cfg(test)]
mod testing;
#[cfg(feature = "thirdweb")]
pub mod thirdweb;
mod time;
pub mod wire;

pub use expiry::Expiry;
pub use key_record::{
    Authority, AuthorityKey, AuthorityPublicKey, Fingerprint, KeyClaims, KeyRecord, KeyRole, Trust, TrustedKey,
};
pub use once::{Nonce, Once, SingleUse, Swept};
pub use organisation_keys::{OrganisationKeyInfo, OrganisationKeys, OrganisationRecords};
pub use place::{Environment, Place, Places, Target};
pub use recipient::{RecipientKeyPair, RecipientPublicKey};
pub use retrieval::{
    AnswerKey, Bundle, MAX_BUNDLE_BYTES, MAX_NAMES, PendingRetrieval, Retrieval, RetrievalRequest, RetrievedSecret,
};
#[cfg(feature = "rsa")]
pub use sealed::BareOaepKey;
pub use sealed::{Freshness, MAX_SECRET_BYTES, SealedIntake, SealedRequest, SealedSecret, SealingKey};
pub use suite::{KeyAlgorithm, KeySpec, Suite};
pub use wire::Message;
