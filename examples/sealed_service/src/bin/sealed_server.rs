//! The server of sealed secrets. `init` beside the authority's key, `serve` anywhere else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secret_store_example_sealed_service::callers::Callers;
use secret_store_example_sealed_service::sealed::home::{self, Published};
use secret_store_example_sealed_service::sealed::routes::router;
use secret_store_example_sealed_service::serving::{self, ServingOptions};
use secret_store_example_sealed_service::{Failure, key_spec, reported, trust};
use secret_store_transport::AuthorityKey;

#[derive(Parser)]
#[command(about = "Stores secrets that clients seal, and answers those who retrieve them")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the keys and prints what clients pin.
    Init(Signing),
    /// Makes new keys of the organisation; the earlier ones are taken until they are retired.
    Rotate(Signing),
    /// Retires a version of the organisation's keys and those before.
    Retire { directory: PathBuf, version: u32 },
    /// Serves on 127.0.0.1.
    Serve {
        directory: PathBuf,
        /// Who may call: JSON, see `callers.rs`.
        #[arg(long)]
        callers: PathBuf,
        #[command(flatten)]
        serving: ServingOptions,
    },
}

#[derive(clap::Args)]
struct Signing {
    directory: PathBuf,
    /// The authority's private key; made if it is missing. Not in the directory of the server.
    #[arg(long)]
    authority: PathBuf,
    /// RSA-OAEP with 3,072 bits in place of HPKE with X25519.
    #[arg(long)]
    rsa: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    reported(run(Arguments::parse().command).await)
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(signing) => {
            let authority = trust::authority_in(&signing.authority)?;
            let published = home::init(&signing.directory, &authority, key_spec(signing.rsa)).await?;
            print(&authority, &published);
        }
        Command::Rotate(signing) => {
            let authority = trust::authority_in(&signing.authority)?;
            let published = home::rotate(&signing.directory, &authority, key_spec(signing.rsa)).await?;
            print(&authority, &published);
        }
        Command::Retire { directory, version } => home::retire(&directory, version).await?,
        Command::Serve { directory, callers, serving } => {
            let home = home::open(&directory).await?;
            let audit = home.audit.clone();
            serving::run(router(home, Callers::read(&callers)?), &audit, &serving).await?;
        }
    }
    Ok(())
}

fn print(authority: &AuthorityKey, published: &Published) {
    println!("authority {}", hex::encode(authority.public_key().to_bytes()));
    println!("sealing   {}", published.sealing.fingerprint());
    println!("answers   {}", published.answers.fingerprint());
}
