//! The process with the keys: makes, hands out and rotates users' keys, and uses credentials.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secret_store_example_sealed_service::credentials::agent::{self, Agent};
use secret_store_example_sealed_service::files::write_private;
use secret_store_example_sealed_service::{Failure, reported};
use secret_store_transport::credential::{CredentialKeyVersion, CredentialPlace, CredentialUse, Host};

#[derive(Parser)]
#[command(about = "Keeps users' keys, and uses credentials")]
struct Arguments {
    /// Its own directory: master key, authority, audit log. Not on the machine of a server.
    #[arg(long)]
    home: PathBuf,
    /// The records, which it shares with servers.
    #[arg(long)]
    records: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the keys and prints the authority that servers are told to trust.
    Init,
    /// Makes a user's first key, into a file for the user's client.
    Enrol {
        user: String,
        #[arg(long)]
        key_file: PathBuf,
    },
    /// Replaces a user's key, and encrypts everything under the new one.
    Rotate {
        user: String,
        /// The version to replace.
        #[arg(long)]
        from: u32,
        #[arg(long)]
        key_file: PathBuf,
    },
    /// Signs in with a password.
    Use(Use),
    /// Prints the one-time password of this moment.
    Totp(Use),
    /// Verifies the audit log.
    Verify,
}

#[derive(clap::Args)]
struct Use {
    user: String,
    /// Which credential: `github`.
    credential: String,
    /// Which field of it: `password`.
    field: String,
    /// Where it is about to be used.
    #[arg(long)]
    host: String,
    /// The highest revision that was seen: an older one is refused.
    #[arg(long, default_value_t = 1)]
    minimum_revision: u64,
}

impl Use {
    fn place(&self) -> Result<CredentialPlace, Failure> {
        Ok(CredentialPlace::parse(&self.credential, &self.field)?)
    }

    fn here(&self) -> Result<CredentialUse, Failure> {
        Ok(CredentialUse::at(Host::new(&self.host)?).with_minimum_revision(self.minimum_revision))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    reported(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Command::Init = arguments.command {
        println!("authority {}", hex::encode(agent::init(&arguments.home).await?.to_bytes()));
        return Ok(());
    }
    let agent = Agent::open(&arguments.home, &arguments.records).await?;
    match arguments.command {
        Command::Init => {}
        Command::Enrol { user, key_file } => {
            let key = agent.enrol(&user).await?;
            write_private(&key_file, key.to_stored().expose_secret())?;
            println!("key version {}", key.version());
        }
        Command::Rotate { user, from, key_file } => {
            let key = agent.rotate(&user, CredentialKeyVersion::new(from)?).await?;
            write_private(&key_file, key.to_stored().expose_secret())?;
            println!("key version {}", key.version());
        }
        Command::Use(at) => {
            let (revision, bytes) = agent.sign_in(&at.user, &at.place()?, &at.here()?).await?;
            println!("signed in with revision {revision}, {bytes} bytes");
        }
        Command::Totp(at) => println!("{}", agent.totp(&at.user, &at.place()?, &at.here()?).await?.expose_secret()),
        Command::Verify => println!("audit log: {} entries, intact", agent.audit.verify().await?.entries()),
    }
    Ok(())
}
