//! A write whose precondition does not hold changes nothing and tells what is there.

use secret_store_core::{
    DeleteOptions, ErrorKind, Precondition, PutOptions, Revision, SecretId, SecretInfo, SecretStore, SecretStoreExt,
};

use super::fixture::{Fixture, id, reads, value};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "preconditions":
    absent_creates_and_never_replaces,
    absent_holds_after_a_delete,
    the_current_revision_holds,
    an_old_revision_conflicts,
    a_revision_never_creates,
    a_conflict_carries_the_current_revision,
    a_delete_needs_its_revision,
    a_delete_of_what_is_absent_makes_no_sense,
);

fn on(precondition: Precondition) -> PutOptions {
    PutOptions::default().with_precondition(precondition)
}

fn on_revision(revision: &Revision) -> PutOptions {
    on(Precondition::Revision(revision.clone()))
}

/// Demands that a put conflicts with what is there, and changes nothing.
async fn conflicts(store: &dyn SecretStore, id: &SecretId, options: PutOptions, current: &SecretInfo) -> Verdict {
    let answer = store.put_with(id, value("refused"), options).await;
    let error = refused(answer, ErrorKind::Conflict, "a put whose precondition does not hold")?;
    let revision = error.revision();
    ensure!(revision == Some(&current.revision), "the conflict carries {revision:?}, current is {}", current.revision);
    let secret = store.get(id).await?;
    ensure!(secret.expose_secret() != b"refused", "a refused put replaced the value");
    ensure!(*secret.info() == *current, "a refused put left {:?}, before it was {current:?}", secret.info());
    Ok(())
}

async fn absent_creates_and_never_replaces(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put_with(&id("password"), value("first"), on(Precondition::Absent)).await?;
    conflicts(&*store, &id("password"), on(Precondition::Absent), &first).await
}

async fn absent_holds_after_a_delete(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put(&id("password"), value("first")).await?;
    store.delete(&id("password")).await?;
    let second = store.put_with(&id("password"), value("second"), on(Precondition::Absent)).await?;
    ensure!(second.version > first.version, "version {} again after a delete", second.version);
    Ok(())
}

async fn the_current_revision_holds(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = store.put(&id("password"), value("0")).await?;
    for round in 1..4 {
        let next = store.put_with(&id("password"), value(&round.to_string()), on_revision(&last.revision)).await?;
        ensure!(next.version > last.version, "version {} follows {}", next.version, last.version);
        last = next;
    }
    let read = reads(&*store, &id("password"), b"3").await?;
    store.put_with(&id("password"), value("4"), on_revision(&read.info().revision)).await?;
    reads(&*store, &id("password"), b"4").await.map(drop)
}

async fn an_old_revision_conflicts(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let old = store.put(&id("password"), value("old")).await?;
    let new = store.put(&id("password"), value("new")).await?;
    conflicts(&*store, &id("password"), on_revision(&old.revision), &new).await?;
    conflicts(&*store, &id("password"), on_revision(&Revision::new("of another store")), &new).await
}

async fn a_revision_never_creates(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let gone = store.put(&id("password"), value("gone")).await?;
    store.delete(&id("password")).await?;
    let answer = store.put_with(&id("password"), value("refused"), on_revision(&gone.revision)).await;
    let error = refused(answer, ErrorKind::Conflict, "a put on the revision of what was deleted")?;
    ensure!(error.revision().is_none(), "the conflict carries {:?}, nothing is there", error.revision());
    refused(store.get(&id("password")).await, ErrorKind::NotFound, "a secret that a refused put created").map(drop)
}

async fn a_conflict_carries_the_current_revision(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    store.put(&id("password"), value("first")).await?;
    let stale = on_revision(&Revision::new("stale"));
    let error = refused(store.put_with(&id("password"), value("x"), stale).await, ErrorKind::Conflict, "a stale put")?;
    let current = error.revision().cloned();
    ensure!(current.is_some(), "the conflict carries no revision");
    // What the conflict told is enough to go on.
    let options = PutOptions::default().with_precondition(current.map_or(Precondition::Absent, Precondition::Revision));
    store.put_with(&id("password"), value("second"), options).await?;
    reads(&*store, &id("password"), b"second").await.map(drop)
}

async fn a_delete_needs_its_revision(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let old = store.put(&id("password"), value("old")).await?;
    let new = store.put(&id("password"), value("new")).await?;
    let on =
        |info: &SecretInfo| DeleteOptions::default().with_precondition(Precondition::Revision(info.revision.clone()));
    let error = refused(store.delete_with(&id("password"), on(&old)).await, ErrorKind::Conflict, "a stale delete")?;
    ensure!(error.revision() == Some(&new.revision), "the conflict carries {:?}", error.revision());
    reads(&*store, &id("password"), b"new").await?;
    store.delete_with(&id("password"), on(&new)).await?;
    refused(store.get(&id("password")).await, ErrorKind::NotFound, "a deleted secret").map(drop)
}

async fn a_delete_of_what_is_absent_makes_no_sense(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    store.put(&id("password"), value("kept")).await?;
    let options = DeleteOptions::default().with_precondition(Precondition::Absent);
    refused(store.delete_with(&id("password"), options).await, ErrorKind::InvalidInput, "a delete on Absent")?;
    reads(&*store, &id("password"), b"kept").await.map(drop)
}
