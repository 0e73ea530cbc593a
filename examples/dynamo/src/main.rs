//! The quick start over AWS: KMS holds the master key, DynamoDB the records.
//!
//! ```text
//! cargo run -p secret-store-example-dynamo                                  # against stand-ins in the process: no account
//! cargo run -p secret-store-example-dynamo -- --key alias/prod --table secrets --create-table
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
use secret_store_core::{Application, EnvelopeStore, Result, SecretStoreExt, SecretValue, SystemClock};
use secret_store_dynamo::{
    Connection, DynamoPersistence, KmsKeyProvider, Protection, TableOptions, check_table, create_table,
};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, KmsEmulator, REGION};

/// Stores secrets in DynamoDB under a KMS key, and reads them back.
///
/// Without `--key` and `--table` everything happens in stand-ins within this process.
#[derive(Debug, Parser)]
struct Arguments {
    /// The KMS key: ARN, key id or alias, such as alias/prod.
    #[arg(long, requires = "table")]
    key: Option<String>,
    /// The DynamoDB table.
    #[arg(long, requires = "key")]
    table: Option<String>,
    /// The application's name, which is the partition.
    #[arg(long, default_value = "Quickstart.Local")]
    application: String,
    /// Another endpoint for both services than the region's own.
    #[arg(long, requires = "key")]
    endpoint: Option<String>,
    /// Makes the table first.
    #[arg(long, requires = "table")]
    create_table: bool,
    /// NAME=VALUE, or - to read such lines from standard input, where other processes do not see them.
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
    aws.prepare_table(arguments.create_table).await?;
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

    /// Makes the table where that is wanted, and says what is wrong with it.
    async fn prepare_table(&self, create: bool) -> Result<()> {
        let client = self.connection.dynamodb()?;
        if create || self.stand_ins.is_some() {
            let options = match self.stand_ins {
                // The stand-in has no backups.
                Some(_) => TableOptions::default().with_point_in_time_recovery(Protection::Off),
                None => TableOptions::default(),
            };
            create_table(&client, &self.table, &options, &SystemClock).await?;
            println!("  table {}: new", self.table);
        }
        if self.stand_ins.is_none() {
            for problem in check_table(&client, &self.table).await? {
                println!("  table {}: {problem}", self.table);
            }
        }
        Ok(())
    }

    fn records(&self) -> Result<DynamoPersistence> {
        Ok(DynamoPersistence::new(self.connection.dynamodb()?, self.table.as_str()))
    }

    /// A handle of its own on the application, as another process would open it.
    async fn app(&self, application: &str) -> Result<Application<EnvelopeStore>> {
        let keys = KmsKeyProvider::builder(self.connection.kms()?).key(&self.key).build().await?;
        let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(self.records()?));
        store.store_id("quickstart").master_key(self.key.as_str()).build()?.application(application)
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
