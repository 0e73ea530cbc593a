//! Stand-ins for AWS in the test process: the real wire protocol over 127.0.0.1, and nothing that leaves the machine.
//!
//! * [`KmsEmulator`]: one region of KMS, with real cryptography behind opaque ciphertexts.
//! * [`DynamoDbEmulator`]: an empty DynamoDB.
//! * [`FaultProxy`]: stands in front of any of them, records what passes and misbehaves on request.
//! * [`PolicyGate`]: refuses in its place what IAM and key policies do not allow.
//! * [`Loopback`]: the HTTP server underneath, which records what it was sent and misbehaves on request.
//!
//! Signatures are not checked: any credentials do. Nothing persists.

mod dynamodb;
mod fault;
mod kms;
mod loopback;
mod policy;
mod server_thread;

pub use dynamodb::{DynamoDbEmulator, Patience, REGION};
pub use fault::{FaultProxy, ProxyFault};
pub use kms::{ACCOUNT, KeyState, KmsEmulator};
pub use loopback::{Exchange, Fault, Loopback, Request, Response};
pub use policy::{Asked, Decision, PolicyGate, Verdict};
