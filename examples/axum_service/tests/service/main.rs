//! The service's own tests: with the memory backend, which behaves as every other one, and with mocks for what a test wants to
//! go wrong.

mod answers;
mod failures;
mod rotation;
mod secrecy;
mod support;
