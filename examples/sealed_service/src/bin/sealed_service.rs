//! `cargo run --bin sealed_service` shows the whole flow and ends.

use std::process::ExitCode;

use secret_store_example_sealed_service::{demonstration, reported};

#[tokio::main]
async fn main() -> ExitCode {
    reported(demonstration::run().await)
}
