//! A small shop over axum, as a pattern to copy: secrets that are cached, audited and traced, and a database password that is
//! taken over when it is rotated, without a restart.
//!
//! ```text
//! cargo run --bin axum_service                      shows itself and ends
//! cargo run --bin axum_service -- --serve DIRECTORY serves until Ctrl-C, with keys and secrets in that directory
//! cargo test -p secret-store-example-axum-service   its tests: with the memory backend, and with mocks
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `secrets.rs` | the layers around the store, and why they lie in this order |
//! | `reload.rs` | takes over a rotated password |
//! | `problem.rs` | from a kind of error to a status |
//! | `routes.rs`, `caller.rs`, `state.rs`, `server.rs` | the service |
//! | `backend.rs` | RSA keys and a directory; a service on AWS replaces this file alone |
//! | `database.rs` | stands in for a database and its pool |
//! | `demonstration.rs`, `main.rs` | what `cargo run` shows |

pub mod backend;
pub mod caller;
pub mod database;
pub mod demonstration;
pub mod problem;
pub mod reload;
pub mod routes;
pub mod secrets;
pub mod server;
pub mod state;
