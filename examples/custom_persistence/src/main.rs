//! Stores a secret in a SQLite file, forgets everything but the master key, and reads the secret back.
#![expect(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::Arc;

use secret_store_core::{EnvelopeStore, Error, ErrorKind, MasterKeyId, Result, SecretStoreExt};
use secret_store_example_custom_persistence::SqlitePersistence;
use secret_store_memory::MemoryKeyProvider;

fn main() -> Result<()> {
    futures::executor::block_on(run())
}

async fn run() -> Result<()> {
    let directory = tempfile::tempdir()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error))?;
    let path = directory.path().join("secrets.sqlite");
    // The master key lives in this process: see `custom_key_provider` for one that stays.
    let master_key = MasterKeyId::new("example")?;
    let keys = Arc::new(MemoryKeyProvider::new().with_generated(&master_key)?);
    let open = || -> Result<EnvelopeStore> {
        let records = Arc::new(SqlitePersistence::open(&path)?);
        EnvelopeStore::builder(Arc::<MemoryKeyProvider>::clone(&keys), records)
            .store_id("example")
            .master_key(&master_key)
            .build()
    };
    let put = open()?.application("YourApp.Production")?.put("MainDb", "hunter2").await?;
    println!("stored {} as version {} in {}", put.id, put.version, path.display());

    let reopened = open()?.application("YourApp.Production")?;
    println!("read back: {}", reopened.get("MainDb").await?.text()?);
    Ok(())
}
