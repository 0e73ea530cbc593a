//! The quick start over AWS: KMS holds the master key, DynamoDB the records.
//!
//! ```text
//! cargo run -p secret-store-example-dynamo                                  # against stand-ins in the process: no account
//! cargo run -p secret-store-example-dynamo -- --key alias/prod --table secrets --create-table
//! cargo run -p secret-store-example-dynamo -- --key alias/prod --table secrets --check
//! cargo run -p secret-store-example-dynamo -- --key alias/prod --table secrets ApiKey=abc
//! printf 'ApiKey=abc\n' | cargo run -p secret-store-example-dynamo -- --key alias/prod --table secrets -
//! ```
//!
//! Against an account, region and credentials are those of the AWS command line: environment, profile, SSO, instance role.

#[path = "../../tour.rs"]
mod tour;

use std::error::Error as StdError;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use secret_store_core::{
    Application, ApplicationName, EnvelopeStore, MasterKeyId, Result, SecretStoreExt, SecretValue, StoreId, SystemClock,
};
use secret_store_dynamo::check::RoleCheck;
use secret_store_dynamo::{
    Connection, DynamoPersistence, KmsKeyProvider, KmsKeyProviderBuilder, Protection, TableOptions, create_table,
};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, KmsEmulator, REGION};

/// What the example's records belong to.
const STORE: &str = "quickstart";

/// Stores secrets in DynamoDB under a KMS key, reads them back, and shows versions, a restore and a refusal.
///
/// Without --key and --table everything happens in stand-ins within this process: no account is needed. With them, region and
/// credentials are those of the AWS command line: environment, profile, SSO, instance role.
#[derive(Debug, Parser)]
#[command(name = "dynamo")]
struct Arguments {
    /// KMS key: its ARN, its id or an alias, such as alias/prod
    #[arg(long, requires = "table")]
    key: Option<String>,
    /// DynamoDB table
    #[arg(long, requires = "key")]
    table: Option<String>,
    /// Name of the application, which is the partition of its secrets
    #[arg(long, value_name = "NAME", default_value = "Quickstart.Local")]
    application: String,
    /// Endpoint of both services, instead of the region's own
    #[arg(long, value_name = "URL", requires = "key")]
    endpoint: Option<String>,
    /// Create the table first
    #[arg(long, requires = "table")]
    create_table: bool,
    /// Only tell what the credentials may and may not do
    #[arg(long)]
    check: bool,
    /// Secrets to store, as NAME=VALUE; - reads such lines from standard input, where other processes do not see them
    #[arg(value_name = "NAME=VALUE")]
    secrets: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dynamo: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> std::result::Result<(), Box<dyn StdError>> {
    let secrets = secrets(&arguments.secrets, io::stdin().lock())?;
    let aws = Aws::open(&arguments).await?;
    if arguments.create_table || aws.stand_ins.is_some() {
        aws.create_table().await?;
    }
    aws.check(&arguments.application).await?;
    if arguments.check {
        return Ok(());
    }
    let (writer, reader) = (aws.app(&arguments.application).await?, aws.app(&arguments.application).await?);
    tour::run(&writer, &reader, &aws.records()?, &secrets).await?;
    match aws.stand_ins {
        Some(_) => println!("\nDone. Everything was in this process; --key and --table use your AWS account."),
        None => println!("\nDone. The records are items of table {} in {}.", aws.table, aws.connection.region()),
    }
    Ok(())
}

/// Where keys and records are.
struct Aws {
    connection: Connection,
    key: String,
    table: String,
    /// Stop when they are dropped.
    stand_ins: Option<StandIns>,
}

struct StandIns {
    _kms: KmsEmulator,
    _dynamodb: DynamoDbEmulator,
    _endpoint: FaultProxy,
}

impl Aws {
    async fn open(arguments: &Arguments) -> Result<Self> {
        let (Some(key), Some(table)) = (&arguments.key, &arguments.table) else { return Ok(Self::stand_ins()) };
        let connection = Connection::from_env().await?;
        let connection = match &arguments.endpoint {
            Some(url) => connection.with_endpoint(url),
            None => connection,
        };
        println!("KMS key {key} and table {table} in {}", connection.region());
        Ok(Self { connection, key: key.clone(), table: table.clone(), stand_ins: None })
    }

    fn stand_ins() -> Self {
        let (kms, dynamodb) = (KmsEmulator::start(REGION), DynamoDbEmulator::start());
        let endpoint = FaultProxy::of_account(&dynamodb, &[&kms]);
        let key = kms.create_key();
        let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", "example", None, None, "example");
        let connection = Connection::new(REGION).with_endpoint(endpoint.url()).with_credentials(credentials);
        println!("KMS and DynamoDB in this process, at {}", endpoint.url());
        let stand_ins = StandIns { _kms: kms, _dynamodb: dynamodb, _endpoint: endpoint };
        Self { connection, key, table: "secrets".to_owned(), stand_ins: Some(stand_ins) }
    }

    async fn create_table(&self) -> Result<()> {
        let options = match self.stand_ins {
            // The stand-in has no backups.
            Some(_) => TableOptions::default().with_point_in_time_recovery(Protection::Off),
            None => TableOptions::default(),
        };
        create_table(&self.connection.dynamodb()?, &self.table, &options, &SystemClock).await?;
        println!("  table {}: new", self.table);
        Ok(())
    }

    /// Tells what these credentials lack, as those who store and those who read need it. Nothing is stored yet.
    async fn check(&self, application: &str) -> Result<()> {
        let (store, application) = (StoreId::new(STORE)?, ApplicationName::new(application)?);
        let roles = [
            RoleCheck::writer(store.clone(), application.clone()),
            RoleCheck::reader(store, application).with_history(),
        ];
        for role in roles {
            let role = role.with_keys(self.keys()?).with_master_key(MasterKeyId::new(self.key.as_str())?);
            print!("\n{}", role.check(&self.records()?).await);
        }
        Ok(())
    }

    fn keys(&self) -> Result<KmsKeyProviderBuilder> {
        Ok(KmsKeyProvider::builder(self.connection.kms()?).key(&self.key))
    }

    fn records(&self) -> Result<DynamoPersistence> {
        Ok(DynamoPersistence::new(self.connection.dynamodb()?, self.table.as_str()))
    }

    /// A handle of its own on the application, as another process would open it.
    async fn app(&self, application: &str) -> Result<Application<EnvelopeStore>> {
        let keys = self.keys()?.build().await?;
        let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(self.records()?));
        store.store_id(STORE).master_key(self.key.as_str()).build()?.application(application)
    }
}

fn secrets(arguments: &[String], input: impl BufRead) -> io::Result<Vec<(String, SecretValue)>> {
    let (mut secrets, mut input) = (Vec::new(), Some(input));
    for argument in arguments {
        if argument == "-" {
            let input = input.take().ok_or_else(|| tour::refusal("standard input is read once: give `-` once"))?;
            for line in input.lines() {
                secrets.push(tour::assignment(&line?)?);
            }
        } else {
            secrets.push(tour::assignment(argument)?);
        }
    }
    Ok(if secrets.is_empty() { tour::sample() } else { secrets })
}
