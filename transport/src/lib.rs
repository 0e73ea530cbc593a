//! Secrets in and out without plaintext crossing: for both ends, client and server. No network code: bytes and serde types go
//! in and come out.

pub mod credential;
mod expiry;
pub mod key_record;
mod once;
mod random;
mod recipient;
mod suite;
mod time;
pub mod wire;

pub use expiry::Expiry;
pub use key_record::{
    Authority, AuthorityKey, AuthorityPublicKey, Fingerprint, KeyClaims, KeyRecord, KeyRole, Trust, TrustedKey,
};
pub use once::{Nonce, Once, SingleUse, Swept};
pub use recipient::{RecipientKeyPair, RecipientPublicKey};
pub use suite::{KeyAlgorithm, KeySpec, Suite};
pub use wire::Message;
