//! A write that returned `Ok` is there when the store is opened again.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, DeleteOptions, Error, ErrorKind, GetOptions, ListOptions, Page, PutOptions, Result, Secret,
    SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue,
};

use super::fixture::{Fixture, id, reads, value};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "durability":
    secrets_and_versions_survive,
    versions_do_not_repeat_after_reopening,
);

/// Stands where the old handle was while the store is opened again.
#[derive(Debug)]
struct Closed;

fn closed<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unavailable, "closed until it is reopened"))
}

#[async_trait]
impl SecretStore for Closed {
    async fn get_with(&self, _: &SecretId, _: GetOptions) -> Result<Secret> {
        closed()
    }

    async fn put_with(&self, _: &SecretId, _: SecretValue, _: PutOptions) -> Result<SecretInfo> {
        closed()
    }

    async fn delete_with(&self, _: &SecretId, _: DeleteOptions) -> Result<()> {
        closed()
    }

    async fn list_with(&self, _: &ApplicationName, _: ListOptions) -> Result<Page<SecretInfo>> {
        closed()
    }

    async fn history_with(&self, _: &SecretId, _: ListOptions) -> Result<Page<SecretInfo>> {
        closed()
    }
}

/// Drops every handle, then opens the same store again.
async fn reopened(mut fixture: Fixture) -> Result<Fixture, Stop> {
    let Some(reopen) = fixture.instance.reopen.clone() else {
        return Err(Stop::skipped("the factory gives no way to reopen: use Instance::with_reopen"));
    };
    fixture.instance.store = Arc::new(Closed);
    fixture.instance.store = reopen().await?;
    Ok(fixture)
}

async fn secrets_and_versions_survive(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put(&id("password"), value("first")).await?;
    let second = store.put(&id("password"), value("second")).await?;
    store.put(&id("deleted"), value("deleted")).await?;
    store.delete(&id("deleted")).await?;
    drop(store);
    let store = reopened(fixture).await?.store();
    let read = reads(&*store, &id("password"), b"second").await?;
    ensure!(*read.info() == second, "after reopening {:?}, before {second:?}", read.info());
    let earlier = store.get_version(&id("password"), first.version).await?;
    ensure!(earlier.expose_secret() == b"first", "after reopening the first version has another value");
    refused(store.get(&id("deleted")).await, ErrorKind::NotFound, "a deleted secret after reopening").map(drop)
}

async fn versions_do_not_repeat_after_reopening(fixture: Fixture) -> Verdict {
    let mut fixture = fixture;
    let mut last = None;
    for round in 0..3 {
        let store = fixture.store();
        let version = store.put(&id("password"), value("value")).await?.version;
        ensure!(
            last.is_none_or(|last| version > last),
            "after reopening {round} times version {version} follows {last:?}"
        );
        last = Some(version);
        store.delete(&id("password")).await?;
        drop(store);
        fixture = reopened(fixture).await?;
    }
    Ok(())
}
