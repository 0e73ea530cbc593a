//! The audit layer, as its users, its enemies and a failing sink meet it: one file for each danger.

mod support;

mod blind;
mod cancellation;
mod clones;
mod concurrency;
mod failing_sink;
mod frozen;
mod log;
mod recorder;
mod recording;
mod secrecy;
mod sinks;
mod tampering;
mod verifying;
