//! The code of the README and of the guides, as doc tests: what they show compiles, runs and does what they say.
//!
//! The examples themselves lie beside this folder; `cargo run --example quickstart` runs the first.

#![doc = include_str!("../../README.md")]
