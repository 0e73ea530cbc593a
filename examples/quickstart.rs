//! Stores secrets under protected keys, reads them back through a second handle, and shows versions, history, restore
//! and what becomes of a record that somebody changed.
//!
//! ```text
//! cargo run --example quickstart                                   # a sample, in a temporary directory
//! cargo run --example quickstart -- --dir ./secrets                # keeps keys and records; run it again to see more versions
//! cargo run --example quickstart -- --dir ./secrets ApiKey=abc     # your own secrets
//! printf 'ApiKey=abc\n' | cargo run --example quickstart -- -      # without showing values to other processes
//! ```

use std::error::Error as StdError;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use secret_store_core::{
    Application, Consistency, EnvelopeStore, Error, ErrorKind, ListOptions, MasterKeyId, Persistence, Precondition,
    RecordKey, Result, SecretStoreExt, SecretValue, Value, Write,
};
use secret_store_rsa_file::{DirectoryPersistence, GenerateOptions, KeyDirectory, RsaKeyProvider, SigningKeyId};
use tempfile::TempDir;

const APPLICATION: &str = "Quickstart.Local";
/// A secret of this program's own, so that it changes none of yours.
const DEMO: &str = "quickstart-demo";

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
    write(&writer, &arguments.secrets).await?;
    let reader = home.app().await?;
    read(&reader, &arguments.secrets).await?;
    versions(&writer).await?;
    tamper(&writer, &home.records().await?).await?;
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

async fn write(app: &App, secrets: &[(String, SecretValue)]) -> Result<()> {
    println!("\nStore");
    for (name, value) in secrets {
        let info = app.put(name.as_str(), value.expose_secret()).await?;
        println!("  {name}: version {} under master key {}", info.version, info.master_key_id);
    }
    Ok(())
}

async fn read(app: &App, secrets: &[(String, SecretValue)]) -> Result<()> {
    println!("\nRead back through a second handle");
    for (name, value) in secrets {
        let secret = app.get(name.as_str()).await?;
        if secret.expose_secret() != value.expose_secret() {
            return Err(Error::invalid_input(
                "a secret came back different: was it stored twice, or by another process?",
            ));
        }
        println!("  {name}: version {}, the same {} bytes", secret.info().version, value.len());
    }
    let listed = app.list(ListOptions::default()).await?;
    println!("  the application lists {} secrets, by name and without values", listed.items.len());
    Ok(())
}

async fn versions(app: &App) -> Result<()> {
    println!("\nVersions of {DEMO}");
    let first = app.put(DEMO, "before").await?;
    let second = app.put(DEMO, "after").await?;
    println!("  put twice: versions {} and {}", first.version, second.version);
    let earlier = app.get_version(DEMO, first.version).await?;
    println!("  version {} still reads {:?}", first.version, earlier.text()?);
    let restored = app.restore(DEMO, first.version).await?;
    println!("  restored as version {}: now reads {:?}", restored.version, app.get(DEMO).await?.text()?);
    let history = app.history(DEMO, ListOptions::default()).await?;
    let numbers: Vec<_> = history.items.iter().map(|info| info.version.to_string()).collect();
    println!("  history, newest first: {}", numbers.join(", "));
    Ok(())
}

/// Does what somebody who can write to the records, but has no key, could do.
async fn tamper(app: &App, records: &dyn Persistence) -> Result<()> {
    println!("\nChange one bit of the stored {DEMO}");
    let key = RecordKey::new(APPLICATION, DEMO);
    let stored = records.load(&key, Consistency::Strong).await?.ok_or_else(Error::not_found)?;
    let mut changed = (*stored.record).clone();
    let mut ciphertext = changed.bytes("ProtectedSecretValue").ok_or_else(Error::integrity)?.to_vec();
    *ciphertext.last_mut().ok_or_else(Error::integrity)? ^= 1;
    changed.set("ProtectedSecretValue", Value::from(ciphertext));
    records.commit(vec![Write::put(key.clone(), changed, Precondition::Any)]).await?;
    match app.get(DEMO).await {
        Err(error) if error.kind() == ErrorKind::Integrity => println!("  refused: {error}"),
        Err(error) => return Err(error),
        Ok(_) => return Err(Error::invalid_input("a changed record was accepted: this is a bug, please report it")),
    }
    records.commit(vec![Write::put(key, stored.record, Precondition::Any)]).await?;
    println!("  put the bit back: reads {:?} again", app.get(DEMO).await?.text()?);
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
            let sample = [("MainDb", "postgres://app:s3cret@db/main"), ("ApiKey", "sk-sample-0123456789")];
            secrets = sample.map(|(name, value)| (name.to_owned(), value.into())).into();
        }
        Ok(Some(Self { dir, secrets }))
    }
}

/// Splits at the first `=`; the message shows nothing of the text, which may be a value.
fn assignment(text: &str) -> io::Result<(String, SecretValue)> {
    let (name, value) = text.split_once('=').ok_or_else(|| refusal("a secret is given as NAME=VALUE"))?;
    Ok((name.to_owned(), value.into()))
}

fn refusal(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
