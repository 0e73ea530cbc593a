//! `KmsKeyProvider` over the KMS stand-in, and the stand-in over what AWS documents.

mod allow_list;
mod conformance;
mod failures;
mod moto;
mod proxy;
mod replicas;
mod rewrap;
mod setup;
mod stand_in;
mod wraps;
