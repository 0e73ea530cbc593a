//! What the writer says about a secret.

use secret_store_core::{Metadata, PutOptions, SecretStoreExt};

use super::fixture::{APPLICATION, Fixture, application, id, reads, value};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "metadata":
    none_unless_given,
    round_trips_everywhere,
    belongs_to_its_version,
    a_restore_brings_it_back,
);

fn described() -> Metadata {
    Metadata::new()
        .with("owner", "team \"ops\", Zürich \u{10ffff}")
        .with("empty", "")
        .with("expires", "2030-01-01")
        .with("a b\n~", "\0")
}

async fn none_unless_given(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let put = store.put(&id("password"), value("value")).await?;
    ensure!(put.metadata.is_empty(), "a put without metadata answers {:?}", put.metadata);
    let read = reads(&*store, &id("password"), b"value").await?;
    ensure!(read.info().metadata.is_empty(), "a secret without metadata answers {:?}", read.info().metadata);
    Ok(())
}

async fn round_trips_everywhere(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let options = PutOptions::default().with_metadata(described());
    let put = store.put_with(&id("password"), value("value"), options).await?;
    let read = reads(&*store, &id("password"), b"value").await?;
    let listed = store.list(&application(APPLICATION)).await?.items;
    ensure!(listed.len() == 1, "{} secrets are listed, one was put", listed.len());
    for (place, metadata) in [("put", &put.metadata), ("get", &read.info().metadata), ("list", &listed[0].metadata)] {
        ensure!(*metadata == described(), "{place} answers {metadata:?}, stored {:?}", described());
    }
    Ok(())
}

async fn belongs_to_its_version(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let options = PutOptions::default().with_metadata(described());
    let first = store.put_with(&id("password"), value("first"), options).await?;
    let second = Metadata::new().with("owner", "nobody");
    store.put_with(&id("password"), value("second"), PutOptions::default().with_metadata(second.clone())).await?;
    let current = reads(&*store, &id("password"), b"second").await?;
    ensure!(current.info().metadata == second, "the second version answers {:?}", current.info().metadata);
    let earlier = store.get_version(&id("password"), first.version).await?;
    ensure!(earlier.info().metadata == described(), "the first version answers {:?}", earlier.info().metadata);
    let history = store.history(&id("password")).await?.items;
    let right = history.len() == 1 && history[0].metadata == described();
    ensure!(right, "the history answers {history:?}");
    Ok(())
}

async fn a_restore_brings_it_back(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let options = PutOptions::default().with_metadata(described());
    let first = store.put_with(&id("password"), value("first"), options).await?;
    store.put(&id("password"), value("second")).await?;
    store.restore(&id("password"), first.version).await?;
    let restored = reads(&*store, &id("password"), b"first").await?;
    ensure!(restored.info().metadata == described(), "a restore answers {:?}", restored.info().metadata);
    Ok(())
}
