//! Servers and clients as programs over loopback, as a pattern to copy: secrets go in and come out without plaintext crossing.
//!
//! ```text
//! cargo run --bin sealed_service                      shows the whole flow and ends
//! cargo test -p secret-store-example-sealed-service   runs the real programs, as processes
//! ```
//!
//! The first pair: a client seals, the server stores on the RSA-file backend with an audit log, another client retrieves.
//!
//! ```text
//! sealed_server init DIR --authority AUTHORITY.key    makes keys; prints what clients pin
//! sealed_server serve DIR --callers CALLERS.json      prints `listening on 127.0.0.1:PORT`
//! sealed_client --server 127.0.0.1:PORT --token TOKEN --authority HEX put acme/production/MainDb <VALUE
//! sealed_client --server 127.0.0.1:PORT --token TOKEN --authority HEX get acme/production/MainDb --print
//! ```
//!
//! The second: users' clients encrypt credentials, a server takes them that has no key to open or make one, an agent uses them.
//!
//! ```text
//! credential_agent --home AGENT --records DIR init    makes keys; prints the authority
//! credential_agent --home AGENT --records DIR enrol alice --key-file ALICE.key
//! credential_server --home INTAKE --records DIR --authority HEX --callers CALLERS.json
//! credential_client --server 127.0.0.1:PORT --token TOKEN --key-file ALICE.key put github password --domain github.com <VALUE
//! credential_agent --home AGENT --records DIR use alice github password --host github.com
//! credential_agent --home AGENT --records DIR rotate alice --from 1 --key-file ALICE-2.key
//! ```
//!
//! **What stands in for your own**: the bearer tokens ([`callers`]), and HTTP without TLS on loopback ([`connection`]).

pub mod audit;
pub mod callers;
pub mod connection;
pub mod credentials;
pub mod demonstration;
pub mod files;
pub mod master_keys;
pub mod problem;
pub mod sealed;
pub mod serving;
pub mod trust;

use std::process::ExitCode;

use secret_store_transport::KeySpec;

/// What ends a program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The longest token.
pub const MAX_TOKEN_BYTES: usize = 1024;
/// More than a stored key.
pub const MAX_KEY_BYTES: usize = 1024;

/// The end of a program: nothing, or one line and a failure. (Not `main` with a `Result`, which prints errors as a developer sees them.)
#[must_use]
pub fn reported(ended: Result<(), Failure>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The key pairs to make: X25519, for HPKE, unless RSA is asked for.
#[must_use]
pub fn key_spec(rsa: bool) -> KeySpec {
    if rsa { KeySpec::Rsa3072 } else { KeySpec::X25519 }
}

/// A name for one request, for the audit log. Behind a gateway, take the gateway's.
pub(crate) fn request_id() -> Result<String, problem::Problem> {
    let mut bytes = [0; 12];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_| problem::Problem::of_kind(secret_store_core::ErrorKind::Unavailable))?;
    Ok(hex::encode(bytes))
}
