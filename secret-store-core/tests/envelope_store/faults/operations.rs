//! The operations that are struck, and what each of them is to leave behind.

use std::future::Future;
use std::pin::Pin;

use futures::FutureExt;
use secret_store_core::{
    DeleteOptions, EnvelopeStore, GetOptions, Precondition, ProtectOptions, PutOptions, Result, SecretStore,
    SecretStoreExt,
};

use crate::support::{id, version};

pub(crate) type Done = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// What is done to a secret that has the versions 1 and 2.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) run: fn(EnvelopeStore) -> Done,
    /// What it adds to the versions there are.
    pub(super) adds: Option<(u64, &'static str)>,
    /// Whether the current record is gone afterwards.
    pub(super) deletes: bool,
}

const fn reads(name: &'static str, run: fn(EnvelopeStore) -> Done) -> Operation {
    Operation { name, run, adds: None, deletes: false }
}

const fn adds(name: &'static str, version: u64, value: &'static str, run: fn(EnvelopeStore) -> Done) -> Operation {
    Operation { name, run, adds: Some((version, value)), deletes: false }
}

async fn revision(store: &EnvelopeStore) -> Result<Precondition> {
    let strong = GetOptions::default().with_consistency(secret_store_core::Consistency::Strong);
    Ok(Precondition::Revision(store.get_with(&id("Db"), strong).await?.info().revision.clone()))
}

pub(crate) const OPERATIONS: &[Operation] = &[
    reads("get", |store| {
        async move { store.get(&id("Db")).await.map(|secret| assert_eq!(secret.expose_secret(), b"2")) }.boxed()
    }),
    reads("get version", |store| {
        async move { store.get_version(&id("Db"), version(1)).await.map(|secret| assert_eq!(secret.expose_secret(), b"1")) }.boxed()
    }),
    reads("get many", |store| {
        async move { store.get_many(&[id("Db")]).await.map(|all| assert_eq!(all.len(), 1)) }.boxed()
    }),
    reads("get all", |store| {
        async move { store.get_all(id("Db").application()).await.map(|all| assert_eq!(all.len(), 1)) }.boxed()
    }),
    reads("list", |store| async move { store.list(id("Db").application()).await.map(drop) }.boxed()),
    reads("history", |store| async move { store.history(&id("Db")).await.map(drop) }.boxed()),
    reads("accept", |store| async move { store.accept_rollback(&id("Db")).await.map(drop) }.boxed()),
    reads("repair", |store| async move { store.repair(&id("Db")).await.map(drop) }.boxed()),
    reads("protect", |store| {
        async move { store.protect(&id("Db"), "p".into(), ProtectOptions::default()).await.map(drop) }.boxed()
    }),
    adds("put", 3, "3", |store| {
        async move { store.put(&id("Db"), "3".into()).await.map(|info| assert_eq!(info.version, version(3))) }.boxed()
    }),
    adds("put on a revision", 3, "3", |store| {
        async move {
            let options = PutOptions::default().with_precondition(revision(&store).await?);
            store.put_with(&id("Db"), "3".into(), options).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    adds("put with a token", 3, "3", |store| {
        async move {
            let options = PutOptions::default().with_idempotency_token("t");
            store.put_with(&id("Db"), "3".into(), options).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    adds("restore", 3, "1", |store| async move { store.restore(&id("Db"), version(1)).await.map(drop) }.boxed()),
    adds("save", 3, "3", |store| {
        async move {
            let protected = store.protect(&id("Db"), "3".into(), ProtectOptions::default()).await?;
            store.save(&protected).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    Operation {
        name: "delete",
        run: |store| async move { store.delete(&id("Db")).await }.boxed(),
        adds: None,
        deletes: true,
    },
    Operation {
        name: "delete on a revision",
        run: |store| {
            async move {
                let options = DeleteOptions::default().with_precondition(revision(&store).await?);
                store.delete_with(&id("Db"), options).await
            }
            .boxed()
        },
        adds: None,
        deletes: true,
    },
];
