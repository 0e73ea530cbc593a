//! Stand-ins for AWS in the test process: the real wire protocol over 127.0.0.1, and nothing that leaves the machine.
//!
//! * [`KmsEmulator`]: one region of KMS, with real cryptography behind opaque ciphertexts.
//! * [`DynamoDbEmulator`]: an empty DynamoDB.
//! * [`FaultProxy`]: stands in front of one of them, or of all of an account at one endpoint; records what passes,
//!   misbehaves as a [`Fault`] says, and refuses what a gate refuses.
//! * [`PolicyGate`]: such a gate, which evaluates IAM and key policies.
//! * [`Canary`]: bytes that must never be seen in what was recorded.
//!
//! The stand-ins themselves are plain servers: whatever a test wants to see or to break, it sees and breaks in a proxy.
//! Signatures are not checked: any credentials do. Nothing persists.

mod canary;
mod dynamodb;
mod exchange;
mod fault_proxy;
mod http;
mod kms;
mod policy;
mod server_thread;

pub use canary::Canary;
pub use dynamodb::{DynamoDbEmulator, Patience, REGION, create_table_with_keys};
pub use exchange::{Exchange, Request, Response, Service};
pub use fault_proxy::{Fault, FaultProxy};
pub use kms::{ACCOUNT, KeyState, KmsEmulator};
pub use policy::{Asked, Decision, PolicyGate, Verdict};
