//! The client of sealed secrets: seals here, opens here.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secret_store_example_sealed_service::connection::Connection;
use secret_store_example_sealed_service::files::{read_secret, write_private};
use secret_store_example_sealed_service::sealed::client;
use secret_store_example_sealed_service::trust::TrustOptions;
use secret_store_example_sealed_service::{Failure, MAX_TOKEN_BYTES, key_spec, reported};
use secret_store_transport::{MAX_SECRET_BYTES, Target};

#[derive(Parser)]
#[command(about = "Seals secrets for a server, and retrieves them")]
struct Arguments {
    /// Where the server listens: 127.0.0.1:PORT.
    #[arg(long)]
    server: SocketAddr,
    /// The file with the caller's token.
    #[arg(long)]
    token: PathBuf,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Seals a value and has it stored: the bytes of a file, or of standard input. Never an argument, which others can see.
    Put {
        /// ORGANISATION/ENVIRONMENT/NAME
        #[arg(value_parser = target)]
        target: Target,
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Retrieves a value into a new file, or prints it.
    Get {
        /// ORGANISATION/ENVIRONMENT/NAME
        #[arg(value_parser = target)]
        target: Target,
        #[command(flatten)]
        to: Destination,
        /// Has the answer sealed to an RSA key of 3,072 bits in place of X25519.
        #[arg(long)]
        rsa: bool,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Destination {
    /// A file that does not exist yet; its owner alone may read it.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Prints the value to standard output.
    #[arg(long)]
    print: bool,
}

fn target(text: &str) -> Result<Target, Failure> {
    let mut parts = text.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(organisation), Some(environment), Some(name)) => Ok(Target::parse(organisation, environment, name)?),
        _ => Err("ORGANISATION/ENVIRONMENT/NAME is expected".into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    reported(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let server = Connection::new(arguments.server, &read_secret(Some(&arguments.token), MAX_TOKEN_BYTES)?)?;
    let trust = arguments.trust.trust();
    match arguments.command {
        Command::Put { target, file } => {
            let value = read_secret(file.as_deref(), MAX_SECRET_BYTES)?;
            let version = client::put(&server, &trust, &target, &value).await?;
            println!("stored version {version}");
        }
        Command::Get { target, to, rsa } => {
            let secret = client::get(&server, &trust, &target, key_spec(rsa)).await?;
            match to.file {
                Some(file) => {
                    write_private(&file, secret.value.expose_secret())?;
                    println!("retrieved version {}", secret.version.get());
                }
                None => std::io::stdout().write_all(secret.value.expose_secret())?,
            }
        }
    }
    Ok(())
}
