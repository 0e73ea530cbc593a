//! The code of the AWS guide, as doc tests: it compiles. What it shows is what `cargo run -p secret-store-example-dynamo` does.

/// Setting up AWS.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/set-up-aws.md")]
pub mod set_up_aws {}
