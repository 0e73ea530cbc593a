//! The server that takes credentials. It opens the records and its own audit log; there is no key here that opens anything.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use secret_store_example_sealed_service::audit::{self, Audit};
use secret_store_example_sealed_service::callers::Callers;
use secret_store_example_sealed_service::credentials::routes::router;
use secret_store_example_sealed_service::serving::{self, ServingOptions};
use secret_store_example_sealed_service::{Failure, reported, trust};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_transport::credential::CredentialIntake;
use secret_store_transport::{AuthorityPublicKey, Trust};

#[derive(Parser)]
#[command(about = "Takes credentials that clients encrypted, on 127.0.0.1")]
struct Arguments {
    /// Its own directory, for the audit log; made if it is missing.
    #[arg(long)]
    home: PathBuf,
    /// The records, which it shares with agents.
    #[arg(long)]
    records: PathBuf,
    /// Who says whose verify key is whose, as `credential_agent init` prints it.
    #[arg(long, value_parser = trust::authority)]
    authority: AuthorityPublicKey,
    /// Who may call: JSON, see `callers.rs`. A caller's name is the user's.
    #[arg(long)]
    callers: PathBuf,
    #[command(flatten)]
    serving: ServingOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    reported(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    std::fs::create_dir_all(&arguments.home)?;
    audit::make_key(&arguments.home)?;
    let audit = Audit::open(&arguments.home, "example", "credential_server").await?;
    let records = Arc::new(DirectoryPersistence::open(arguments.records).await?);
    let intake = CredentialIntake::new(records, Trust::Authority(arguments.authority));
    let routes = router(intake, audit.clone(), Callers::read(&arguments.callers)?);
    serving::run(routes, &audit, &arguments.serving).await
}
