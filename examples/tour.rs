//! What the examples do with a store, whatever holds its keys and its records: store, read back, versions, and a record that
//! somebody changed.

use std::io;

use secret_store_core::{
    Application, Consistency, EnvelopeStore, Error, ErrorKind, ListOptions, Persistence, Precondition, RecordKey,
    Result, SecretValue, Value, Write,
};

/// A secret of the program's own, so that it changes none of yours.
const DEMO: &str = "quickstart-demo";

type App = Application<EnvelopeStore>;
type Named = (String, SecretValue);

/// Writes through one handle and reads through another, as two processes would.
pub(crate) async fn run(writer: &App, reader: &App, records: &dyn Persistence, secrets: &[Named]) -> Result<()> {
    write(writer, secrets).await?;
    read(reader, secrets).await?;
    versions(writer).await?;
    tamper(writer, records).await
}

async fn write(app: &App, secrets: &[Named]) -> Result<()> {
    println!("\nStore");
    for (name, value) in secrets {
        let info = app.put(name.as_str(), value.expose_secret()).await?;
        println!("  {name}: version {} under master key {}", info.version, info.master_key_id);
    }
    Ok(())
}

async fn read(app: &App, secrets: &[Named]) -> Result<()> {
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
    let key = RecordKey::new(app.name().as_str(), DEMO);
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

/// What is stored when nothing else is asked for.
pub(crate) fn sample() -> Vec<Named> {
    let sample = [("MainDb", "postgres://app:s3cret@db/main"), ("ApiKey", "sk-sample-0123456789")];
    sample.map(|(name, value)| (name.to_owned(), value.into())).into()
}

/// Splits at the first `=`; the message shows nothing of the text, which may be a value.
pub(crate) fn assignment(text: &str) -> io::Result<Named> {
    let (name, value) = text.split_once('=').ok_or_else(|| refusal("a secret is given as NAME=VALUE"))?;
    Ok((name.to_owned(), value.into()))
}

pub(crate) fn refusal(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
