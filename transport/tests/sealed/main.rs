//! Secrets in and out without plaintext crossing (Crate Secrets).

mod audited;
mod beside_the_keys;
mod between;
mod expected_version;
mod flow;
mod keys;
mod not_sealed;
mod other_formats;
mod retrieval;
mod retrieval_attacks;
mod rotation;
mod sealed_attacks;
mod support;
