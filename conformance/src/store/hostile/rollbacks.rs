//! An older authentic record is refused by whoever has seen a newer one.

use std::sync::Arc;

use secret_store_core::{ErrorKind, Precondition, SecretStore, SecretStoreExt, SecretVersion, Write};

use super::super::fixture::{id, reads, strong, value};
use super::Fixture;
use crate::case::{Stop, Verdict, cases, ensure, refused};
use crate::fault::{Forging, Stale};

cases!(Fixture; "rollbacks":
    a_reader_that_saw_the_newer_version_refuses,
    a_writer_refuses_what_is_older_than_its_own,
    a_pin_refuses_in_a_new_process,
    a_rollback_of_the_whole_database_is_refused,
    a_put_over_a_rollback_loses_nothing,
    a_hidden_secret_is_not_answered,
    an_erased_secret_does_not_begin_again,
);

/// A secret at its second version, over a persistence that shows the first as soon as it is told to.
struct RolledBack {
    forging: Arc<Forging>,
    store: Arc<dyn SecretStore>,
    newest: SecretVersion,
    roll_back: Box<dyn Fn() + Send + Sync>,
}

async fn two_versions(fixture: &Fixture) -> Result<RolledBack, Stop> {
    let written = fixture.put_recorded(&id("password"), "old").await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    let newest = store.put(&id("password"), value("new")).await?.version;
    let enemy = Arc::clone(&forging);
    let roll_back = Box::new(move || written.iter().for_each(|(key, stored)| enemy.roll_back(key, stored)));
    Ok(RolledBack { forging, store, newest, roll_back })
}

async fn a_reader_that_saw_the_newer_version_refuses(fixture: Fixture) -> Verdict {
    let RolledBack { forging, roll_back, .. } = two_versions(&fixture).await?;
    let reader = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    reads(&*reader, &id("password"), b"new").await?;
    roll_back();
    refused(reader.get(&id("password")).await, ErrorKind::RollbackDetected, "an older record than was read before")?;
    let strong = reader.get_with(&id("password"), strong()).await;
    refused(strong, ErrorKind::RollbackDetected, "a strong read of an older record")?;
    ensure!(reader.get_many(&[id("password")]).await.is_err(), "get_many answers an older record");
    ensure!(reader.get_all(id("password").application()).await.is_err(), "get_all answers an older record");
    Ok(())
}

async fn a_writer_refuses_what_is_older_than_its_own(fixture: Fixture) -> Verdict {
    let RolledBack { store, roll_back, .. } = two_versions(&fixture).await?;
    roll_back();
    refused(store.get(&id("password")).await, ErrorKind::RollbackDetected, "an older record than was written").map(drop)
}

async fn a_pin_refuses_in_a_new_process(fixture: Fixture) -> Verdict {
    let RolledBack { forging, newest, roll_back, .. } = two_versions(&fixture).await?;
    roll_back();
    let cold = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    let pinned = cold.get_with(&id("password"), strong().with_minimum_version(newest)).await;
    refused(pinned, ErrorKind::RollbackDetected, "an older record than the caller's pin").map(drop)
}

async fn a_rollback_of_the_whole_database_is_refused(fixture: Fixture) -> Verdict {
    let lying = Arc::new(Stale::lying(fixture.base()));
    let store = fixture.store_over(Arc::<Stale>::clone(&lying)).await?;
    store.put(&id("password"), value("old")).await?;
    lying.freeze();
    store.put(&id("password"), value("new")).await?;
    let answer = store.get_with(&id("password"), strong()).await;
    refused(answer, ErrorKind::RollbackDetected, "a database as it was before the last put")?;
    lying.thaw();
    reads(&*store, &id("password"), b"new").await.map(drop)
}

/// A writer based on the old record must not take its number again, or two values would share one version.
async fn a_put_over_a_rollback_loses_nothing(fixture: Fixture) -> Verdict {
    let RolledBack { forging, store, newest, roll_back } = two_versions(&fixture).await?;
    roll_back();
    for attempt in [Arc::clone(&store), fixture.store_over(Arc::<Forging>::clone(&forging)).await?] {
        drop(attempt.put(&id("password"), value("put over a rollback")).await);
    }
    forging.reform();
    let honest = fixture.store().await?;
    match honest.get_version(&id("password"), newest).await {
        Err(_) => Ok(()),
        Ok(secret) => {
            let kept = [&b"new"[..], b"put over a rollback"].contains(&secret.expose_secret());
            ensure!(kept, "version {newest} has a value that nobody put");
            let current = honest.get_with(&id("password"), strong()).await;
            ensure!(current.is_err_and(|error| error.kind() != ErrorKind::NotFound) || kept, "the secret is lost");
            Ok(())
        }
    }
}

async fn a_hidden_secret_is_not_answered(fixture: Fixture) -> Verdict {
    let written = fixture.put_recorded(&id("password"), "value").await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    reads(&*store, &id("password"), b"value").await?;
    for (key, _) in &written {
        forging.hide(key);
    }
    ensure!(store.get_with(&id("password"), strong()).await.is_err(), "a hidden secret is answered");
    Ok(())
}

async fn an_erased_secret_does_not_begin_again(fixture: Fixture) -> Verdict {
    let mut written = fixture.put_recorded(&id("password"), "old").await?;
    written.extend(fixture.put_recorded(&id("password"), "new").await?);
    let store = fixture.store().await?;
    let seen = reads(&*store, &id("password"), b"new").await?.info().version;
    for (key, _) in &written {
        fixture.base().commit(vec![Write::delete(key.clone(), Precondition::Any)]).await?;
    }
    ensure!(store.get_with(&id("password"), strong()).await.is_err(), "an erased secret is answered");
    // Below the versions this process has seen it would give a number twice.
    if let Ok(info) = store.put(&id("password"), value("again")).await {
        ensure!(info.version > seen, "an erased secret begins again at version {}, seen was {seen}", info.version);
    }
    Ok(())
}
