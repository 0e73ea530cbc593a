//! Eventual reads may be older; nothing is lost by it, and it is not taken for a rollback.

use std::sync::Arc;

use secret_store_core::{Consistency, ErrorKind, GetOptions, SecretStoreExt};

use super::super::fixture::{id, reads, value};
use super::Fixture;
use crate::case::{Verdict, cases, ensure, refused};
use crate::fault::Stale;

cases!(Fixture; "staleness":
    a_stale_answer_is_read_again,
    puts_go_on_over_stale_reads,
    a_delete_is_not_undone_by_a_stale_read,
    a_stale_listing_loses_no_known_version,
);

/// Over eventual reads that are those of a moment.
macro_rules! stale_store {
    ($fixture:expr) => {{
        let stale = Arc::new(Stale::eventual($fixture.base()));
        let store = $fixture.store_over(Arc::<Stale>::clone(&stale)).await?;
        (stale, store)
    }};
}

async fn a_stale_answer_is_read_again(fixture: Fixture) -> Verdict {
    let (stale, store) = stale_store!(fixture);
    store.put(&id("password"), value("old")).await?;
    stale.freeze();
    store.put(&id("password"), value("new")).await?;
    let eventual = GetOptions::default().with_consistency(Consistency::Eventual);
    let secret = store.get_with(&id("password"), eventual).await?;
    ensure!(secret.expose_secret() == b"new", "a writer reads less than it has written");
    reads(&*store, &id("password"), b"new").await.map(drop)
}

async fn puts_go_on_over_stale_reads(fixture: Fixture) -> Verdict {
    let (stale, store) = stale_store!(fixture);
    let mut last = store.put(&id("password"), value("0")).await?.version;
    stale.freeze();
    for round in 1..5 {
        let version = store.put(&id("password"), value(&round.to_string())).await?.version;
        ensure!(version > last, "over stale reads version {version} follows {last}");
        last = version;
    }
    let cold = fixture.store_over(Arc::<Stale>::clone(&stale)).await?;
    let version = cold.put(&id("password"), value("5")).await?.version;
    ensure!(version > last, "a new process over stale reads writes version {version} after {last}");
    reads(&*cold, &id("password"), b"5").await.map(drop)
}

async fn a_delete_is_not_undone_by_a_stale_read(fixture: Fixture) -> Verdict {
    let (stale, store) = stale_store!(fixture);
    let first = store.put(&id("password"), value("value")).await?.version;
    stale.freeze();
    store.delete(&id("password")).await?;
    refused(store.get(&id("password")).await, ErrorKind::NotFound, "a secret deleted by this process, read stale")?;
    let version = store.put(&id("password"), value("again")).await?.version;
    ensure!(version > first, "after a delete and over stale reads version {version} follows {first}");
    reads(&*store, &id("password"), b"again").await.map(drop)
}

async fn a_stale_listing_loses_no_known_version(fixture: Fixture) -> Verdict {
    let (stale, store) = stale_store!(fixture);
    store.put(&id("password"), value("old")).await?;
    stale.freeze();
    store.put(&id("password"), value("new")).await?;
    for secret in store.get_all(id("password").application()).await? {
        ensure!(secret.expose_secret() == b"new", "get_all answers less than this process has written");
    }
    for secret in store.get_many(&[id("password")]).await? {
        ensure!(secret.expose_secret() == b"new", "get_many answers less than this process has written");
    }
    Ok(())
}
