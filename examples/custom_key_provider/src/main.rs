//! Splits a master key, stores a secret under it, and shows that one half alone opens nothing.
#![expect(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::Arc;

use secret_store_core::{EnvelopeStore, Error, ErrorKind, MasterKeyId, Result, SecretStoreExt};
use secret_store_example_custom_key_provider::SplitKeys;
use secret_store_memory::MemoryPersistence;

fn main() -> Result<()> {
    futures::executor::block_on(run())
}

async fn run() -> Result<()> {
    let directory = tempfile::tempdir()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error))?;
    let (disk, share) = (directory.path().join("on-the-disk.half"), directory.path().join("on-the-share.half"));
    SplitKeys::split(&disk, &share)?;

    let mut keys = SplitKeys::default();
    keys.add(MasterKeyId::new("main")?, &disk, &share)?;
    let records = Arc::new(MemoryPersistence::new());
    let store = EnvelopeStore::builder(Arc::new(keys), records).store_id("example").master_key("main").build()?;
    let app = store.application("YourApp.Production")?;
    app.put("MainDb", "hunter2").await?;
    println!("with both halves: {}", app.get("MainDb").await?.text()?);

    std::fs::remove_file(&share)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "cannot unmount").with_source(error))?;
    match SplitKeys::default().add(MasterKeyId::new("main")?, &disk, &share) {
        Ok(()) => Err(Error::new(ErrorKind::KeyUnavailable, "one half must not be enough")),
        Err(error) => {
            println!("with one half: {error}");
            Ok(())
        }
    }
}
