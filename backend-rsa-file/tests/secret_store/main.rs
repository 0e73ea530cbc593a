//! The secret store over RSA keys and a directory of records: both halves of this crate together.

mod conformance;
mod key_ring;
mod legacy;
mod migration;
mod rotation;
mod tamper;
mod vectors;
