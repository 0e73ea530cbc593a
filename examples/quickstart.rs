//! Stores secrets under protected keys, reads them back through a second handle, and shows versions, history, restore
//! and what becomes of a record that somebody changed.
//!
//! ```text
//! cargo run --example quickstart                                   # a sample, in a temporary directory
//! cargo run --example quickstart -- --dir ./secrets                # keeps keys and records; run it again to see more versions
//! cargo run --example quickstart -- --dir ./secrets ApiKey=abc     # your own secrets
//! printf 'ApiKey=abc\n' | cargo run --example quickstart -- -      # without showing values to other processes
//! ```

mod tour;

use std::error::Error as StdError;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use secret_store_core::{Application, EnvelopeStore, ErrorKind, MasterKeyId, Result, SecretStoreExt, SecretValue};
use secret_store_rsa_file::{DirectoryPersistence, GenerateOptions, KeyDirectory, RsaKeyProvider, SigningKeyId};
use tempfile::TempDir;
use tour::{assignment, refusal};

const APPLICATION: &str = "Quickstart.Local";

type App = Application<EnvelopeStore>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> std::result::Result<(), Box<dyn StdError>> {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1), io::stdin().lock())? else {
        println!("usage: quickstart [--dir DIRECTORY] [NAME=VALUE ... | -]");
        println!("  --dir  where keys and records are kept; a temporary directory by default, removed at the end");
        println!("  -      reads NAME=VALUE lines from standard input");
        return Ok(());
    };
    let home = Home::open(arguments.dir).await?;
    let writer = home.app().await?;
    let reader = home.app().await?;
    tour::run(&writer, &reader, &home.records().await?, &arguments.secrets).await?;
    match home.temporary {
        Some(_) => println!("\nDone. Everything was in a temporary directory; --dir keeps it."),
        None => println!(
            "\nDone. Look at the records: they are JSON files in {}",
            home.path.join("store/records").display()
        ),
    }
    Ok(())
}

/// Where keys and records lie.
struct Home {
    path: PathBuf,
    master: MasterKeyId,
    signer: SigningKeyId,
    /// Removes the directory at the end, unless one was named.
    temporary: Option<TempDir>,
}

impl Home {
    async fn open(dir: Option<PathBuf>) -> std::result::Result<Self, Box<dyn StdError>> {
        let temporary = if dir.is_none() { Some(tempfile::tempdir()?) } else { None };
        let path = dir.or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
        let home = Self { path, master: "local-2026".parse()?, signer: "writer-1".parse()?, temporary };
        home.make_keys().await?;
        Ok(home)
    }

    fn keys(&self) -> KeyDirectory {
        KeyDirectory::new(self.path.join("keys"))
    }

    /// Makes the master key, which protects document keys, and the signing key, which says who wrapped them.
    async fn make_keys(&self) -> Result<()> {
        println!("Keys in {}", self.keys().path().display());
        let options = GenerateOptions::default();
        let made = self.keys().generate_master_key(&self.master, &options).await;
        report_key(&format!("master key {}", self.master), made)?;
        let made = self.keys().generate_signing_key(&self.signer, &options).await;
        report_key(&format!("signing key {}", self.signer), made)
    }

    async fn records(&self) -> Result<DirectoryPersistence> {
        DirectoryPersistence::open(self.path.join("store")).await
    }

    /// A handle of its own on the application, as another process would open it.
    async fn app(&self) -> Result<App> {
        let keys = RsaKeyProvider::builder().directory(self.keys());
        let keys = keys.master_key(self.master.clone()).signing_key(self.signer.clone()).build().await?;
        let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(self.records().await?));
        store.store_id("quickstart").master_key(&self.master).build()?.application(APPLICATION)
    }
}

fn report_key(what: &str, made: Result<String>) -> Result<()> {
    match made {
        Ok(_) => println!("  {what}: 3072 bits of RSA, new"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => println!("  {what}: is there"),
        Err(error) => return Err(error),
    }
    Ok(())
}

struct Arguments {
    dir: Option<PathBuf>,
    secrets: Vec<(String, SecretValue)>,
}

impl Arguments {
    /// `None` when help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>, input: impl BufRead) -> io::Result<Option<Self>> {
        let (mut dir, mut secrets, mut input) = (None, Vec::new(), Some(input));
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--dir" => {
                    let path = arguments.next().ok_or_else(|| refusal("--dir needs a directory: --dir ./secrets"))?;
                    dir = Some(PathBuf::from(path));
                }
                "-" => {
                    let input = input.take().ok_or_else(|| refusal("standard input is read once: give `-` once"))?;
                    for line in input.lines() {
                        secrets.push(assignment(&line?)?);
                    }
                }
                text => secrets.push(assignment(text)?),
            }
        }
        if secrets.is_empty() {
            secrets = tour::sample();
        }
        Ok(Some(Self { dir, secrets }))
    }
}
