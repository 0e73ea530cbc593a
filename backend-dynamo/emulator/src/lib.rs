//! Stand-ins for AWS in the test process: the real wire protocol over 127.0.0.1, and nothing that leaves the machine.
//!
//! * [`KmsEmulator`]: one region of KMS, with real cryptography behind opaque ciphertexts.
//! * [`Loopback`]: the HTTP server underneath, which records what it was sent and misbehaves on request.
//!
//! Signatures are not checked: any credentials do. Nothing persists.

mod kms;
mod loopback;

pub use kms::{ACCOUNT, KeyState, KmsEmulator};
pub use loopback::{Exchange, Fault, Loopback, Request, Response};
