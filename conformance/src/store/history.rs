//! Earlier versions of a secret, newest first.

use secret_store_core::{DeleteOptions, ErrorKind, SecretStore, SecretStoreExt, SecretVersion};

use super::fixture::{Fixture, all_pages, id, value};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "history":
    lists_earlier_versions_newest_first,
    pages_join_to_the_whole,
    a_first_version_has_no_history,
    what_was_never_put_has_no_history,
    a_deleted_version_is_history,
    a_delete_with_history_leaves_none,
);

async fn history(store: &dyn SecretStore, name: &str, page: usize) -> Result<Vec<SecretVersion>, Stop> {
    let id = id(name);
    let infos = all_pages(|options| store.history_with(&id, options), page).await?;
    Ok(infos.into_iter().map(|info| info.version).collect())
}

async fn put_versions(store: &dyn SecretStore, name: &str, count: usize) -> Result<Vec<SecretVersion>, Stop> {
    let mut versions = Vec::new();
    for round in 0..count {
        versions.push(store.put(&id(name), value(&round.to_string())).await?.version);
    }
    Ok(versions)
}

async fn lists_earlier_versions_newest_first(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut expected = put_versions(&*store, "password", 4).await?;
    expected.pop();
    expected.reverse();
    let listed = history(&*store, "password", 100).await?;
    ensure!(listed == expected, "the history is {listed:?}, expected {expected:?}");
    Ok(())
}

async fn pages_join_to_the_whole(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    put_versions(&*store, "password", 4).await?;
    // Names that begin alike have histories that sort beside it.
    put_versions(&*store, "password#2", 3).await?;
    put_versions(&*store, "passwor", 3).await?;
    let whole = history(&*store, "password", 100).await?;
    ensure!(whole.len() == 3, "four puts leave {} earlier versions", whole.len());
    for page in 1..5 {
        let joined = history(&*store, "password", page).await?;
        ensure!(joined == whole, "in pages of {page} the history is {joined:?}, expected {whole:?}");
    }
    Ok(())
}

async fn a_first_version_has_no_history(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    put_versions(&*store, "password", 1).await?;
    let listed = history(&*store, "password", 10).await?;
    ensure!(listed.is_empty(), "after one put the history is {listed:?}");
    Ok(())
}

async fn what_was_never_put_has_no_history(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    put_versions(&*store, "password", 2).await?;
    match store.history(&id("passwor")).await {
        Ok(page) => ensure!(page.items.is_empty() && page.next.is_none(), "what was never put has {:?}", page.items),
        Err(error) => ensure!(error.kind() == ErrorKind::NotFound, "the history of what was never put: {error}"),
    }
    Ok(())
}

async fn a_deleted_version_is_history(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut expected = put_versions(&*store, "password", 2).await?;
    store.delete(&id("password")).await?;
    expected.reverse();
    let listed = history(&*store, "password", 10).await?;
    ensure!(listed == expected, "after a delete the history is {listed:?}, expected {expected:?}");
    store.put(&id("password"), value("again")).await?;
    let listed = history(&*store, "password", 10).await?;
    ensure!(listed == expected, "after delete and create the history is {listed:?}, expected {expected:?}");
    Ok(())
}

async fn a_delete_with_history_leaves_none(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let deleted = put_versions(&*store, "password", 3).await?;
    put_versions(&*store, "password#2", 2).await?;
    store.delete_with(&id("password"), DeleteOptions::default().with_history()).await?;
    let listed = history(&*store, "password", 10).await?;
    ensure!(listed.is_empty(), "after a delete with its history {listed:?} are left");
    for version in &deleted {
        let read = store.get_version(&id("password"), *version).await;
        ensure!(read.is_err_and(|error| error.kind() == ErrorKind::NotFound), "version {version} can still be read");
    }
    let other = history(&*store, "password#2", 10).await?;
    ensure!(other.len() == 1, "the history of another name is {other:?}");
    let again = store.put(&id("password"), value("again")).await?.version;
    ensure!(deleted.iter().all(|version| *version < again), "version {again} was used before");
    Ok(())
}
