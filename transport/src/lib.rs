//! Secrets in and out without plaintext crossing: for both ends, client and server. No network code: bytes and serde types go
//! in and come out.

pub mod wire;
