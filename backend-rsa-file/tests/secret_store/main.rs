//! The secret store over RSA keys and a directory of records: both halves of this crate together.

mod conformance;
mod legacy;
mod tamper;
mod vectors;
