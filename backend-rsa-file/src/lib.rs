//! RSA key files as master keys and a directory of records: the embedded default, with no server and no cloud.
//!
//! * [`RsaKeyProvider`] wraps document keys under RSA keys that lie in a directory of PEM files.
//! * [`DirectoryPersistence`] keeps records as small files that a person can read, safe across crashes and processes.
//! * [`JsonLinesSink`] keeps audit entries as lines of JSON, each durable before the operation goes on; [`JsonLinesLog`] reads and
//!   verifies them.
//!
//! # Features
//!
//! * `aws-lc` (default): RSA by `aws-lc-rs`.
//! * `rust-rsa`: RSA by the pure-Rust `rsa` crate, for targets where the former does not build. That crate has
//!   RUSTSEC-2023-0071, a timing side channel of private-key operations, without a patched release. Every private-key
//!   operation here is blinded, which mitigates but does not close it: don't use this feature where an attacker can time
//!   many unwraps or signatures. It also drops the padded document key of an unwrap without wiping it; everything else that
//!   holds key bytes is wiped.
//!
//! Where both are on, `aws-lc` wins. Both read what the other wrote.

mod audit_log;
mod directory;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod key_provider;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;

pub use audit_log::{JsonLinesLog, JsonLinesOptions, JsonLinesReader, JsonLinesSink};
pub use directory::{Creation, DirectoryOptions, DirectoryPersistence};
pub use key_provider::{
    GenerateOptions, KeyDirectory, RsaKeyProvider, RsaKeyProviderBuilder, RsaKeySize, SigningKeyId,
};
