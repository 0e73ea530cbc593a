//! Secrets in and out without plaintext crossing: for both ends, client and server. No network code: bytes and serde types go
//! in and come out.

mod expiry;
mod once;
pub mod wire;

pub use expiry::Expiry;
pub use once::{Nonce, Once, SingleUse, Swept};
