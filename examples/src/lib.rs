//! The code of the README and of the guides, as doc tests: what they show compiles, runs and does what they say.
//!
//! The examples themselves lie beside this folder; `cargo run --example quickstart` runs the first.

/// The README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub mod readme {}

/// Getting started.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/getting-started.md")]
pub mod getting_started {}

/// Writing a backend.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-a-backend.md")]
pub mod write_a_backend {}

/// Testing a service.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/test-my-service.md")]
pub mod test_my_service {}

/// Restoring and repairing.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/restore-and-repair.md")]
pub mod restore_and_repair {}

/// Moving master keys.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/move-master-keys.md")]
pub mod move_master_keys {}

/// Rotating keys.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/rotate.md")]
pub mod rotate {}

/// Configuring a service.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/configure-a-service.md")]
pub mod configure_a_service {}

/// Hiding names.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/blind-names.md")]
pub mod blind_names {}

/// Retiring a key.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/retire-a-key.md")]
pub mod retire_a_key {}

/// Migrating from the original Secret Store.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/migrate.md")]
pub mod migrate {}

/// Caching secrets, and reloading them.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/cache-and-reload.md")]
pub mod cache_and_reload {}

/// Tracing, metrics and the audit log.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/observe-and-audit.md")]
pub mod observe_and_audit {}

/// Recovering from a compromise.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/recover-from-a-compromise.md")]
pub mod recover_from_a_compromise {}

/// Secrets in and out without plaintext crossing.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/submit-and-retrieve.md")]
pub mod submit_and_retrieve {}

/// Credentials that clients encrypt.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/client-encrypted-credentials.md")]
pub mod client_encrypted_credentials {}

/// Talking to a server end to end.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/channel.md")]
pub mod channel {}
