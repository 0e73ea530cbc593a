//! A user's client: encrypts here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secret_store_example_sealed_service::connection::Connection;
use secret_store_example_sealed_service::credentials::client;
use secret_store_example_sealed_service::files::read_secret;
use secret_store_example_sealed_service::{Failure, MAX_KEY_BYTES, MAX_TOKEN_BYTES, reported};
use secret_store_transport::credential::{CredentialKey, CredentialPlace, Domain, MAX_CREDENTIAL_BYTES, NewCredential};

#[derive(Parser)]
#[command(about = "Encrypts credentials and submits them")]
struct Arguments {
    /// Where the server listens: 127.0.0.1:PORT.
    #[arg(long)]
    server: SocketAddr,
    /// The file with the caller's token.
    #[arg(long)]
    token: PathBuf,
    /// The file with the user's key.
    #[arg(long)]
    key_file: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Encrypts one field of a credential: the bytes of a file, or of standard input. Never an argument, which others can see.
    Put {
        /// Which credential: `github`.
        credential: String,
        /// Which field of it: `password`.
        field: String,
        /// Where it may be used: `github.com`, or with everything below it `.github.com`.
        #[arg(long)]
        domain: String,
        /// Above that of the value before.
        #[arg(long, default_value_t = 1)]
        revision: u64,
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    reported(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let server = Connection::new(arguments.server, &read_secret(Some(&arguments.token), MAX_TOKEN_BYTES)?)?;
    let key = CredentialKey::from_stored(read_secret(Some(&arguments.key_file), MAX_KEY_BYTES)?.expose_secret())?;
    let Command::Put { credential, field, domain, revision, file } = arguments.command;
    let place = CredentialPlace::parse(&credential, &field)?;
    let new = NewCredential::new(place, Domain::new(domain)?, revision);
    let value = read_secret(file.as_deref(), MAX_CREDENTIAL_BYTES)?;
    println!("stored revision {}", client::put(&server, &key, &new, &value).await?);
    Ok(())
}
