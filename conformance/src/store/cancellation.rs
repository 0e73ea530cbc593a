//! A dropped write either happened or did not; a dropped read does nothing.

use secret_store_core::{Clock, ErrorKind, SecretStoreExt, SystemClock};

use super::fixture::{Fixture, id, reads, strong, value};
use crate::case::{Verdict, cases, ensure};
use crate::steps::{MOST_STEPS, for_steps};

cases!(Fixture; "cancellation":
    a_dropped_put_happened_or_did_not,
    a_dropped_delete_happened_or_did_not,
    dropped_reads_do_nothing,
);

async fn a_dropped_put_happened_or_did_not(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = store.put(&id("password"), value("old")).await?.version;
    for steps in 1..=MOST_STEPS {
        let text = format!("dropped after {steps}");
        let finished = for_steps(store.put(&id("password"), value(&text)), steps).await;
        let seen = store.get_with(&id("password"), strong()).await?;
        let happened = seen.expose_secret() == text.as_bytes() && seen.info().version > last;
        let did_not = seen.expose_secret() == b"old" && seen.info().version == last;
        ensure!(happened || did_not, "a put dropped after {steps} steps left something else");
        last = store.put(&id("password"), value("old")).await?.version;
        ensure!(last > seen.info().version, "the put after a dropped one is version {last} again");
        if let Some(finished) = finished {
            finished?;
            return Ok(());
        }
    }
    Ok(())
}

async fn a_dropped_delete_happened_or_did_not(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for steps in 1..=MOST_STEPS {
        let before = store.put(&id("password"), value("value")).await?.version;
        let finished = for_steps(store.delete(&id("password")), steps).await;
        // One that went on in the background may still land after it was seen undone.
        match store.get_with(&id("password"), strong()).await {
            Ok(secret) => ensure!(secret.expose_secret() == b"value", "a dropped delete changed the value"),
            Err(error) => ensure!(error.kind() == ErrorKind::NotFound, "after a dropped delete: {error}"),
        }
        let earlier = store.get_version(&id("password"), before).await?;
        ensure!(earlier.expose_secret() == b"value", "version {before} has another value after a dropped delete");
        if let Some(finished) = finished {
            return finished.map_err(Into::into);
        }
        SystemClock.sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn dropped_reads_do_nothing(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let info = store.put(&id("password"), value("value")).await?;
    for steps in 0..8 {
        drop(for_steps(store.get(&id("password")), steps).await);
        drop(for_steps(store.get_many(&[id("password"), id("password")]), steps).await);
        drop(for_steps(store.get_all(info.id.application()), steps).await);
        drop(for_steps(store.list(info.id.application()), steps).await);
    }
    let read = reads(&*store, &id("password"), b"value").await?;
    ensure!(*read.info() == info, "dropped reads changed {info:?} to {:?}", read.info());
    Ok(())
}
