//! When a commit returns `Ok`, its effect survives.
//!
//! Opening the same storage again shows what a fresh process would see. Crashes in the middle of a commit need the
//! backend's own tests: only it knows where they can hit.

use secret_store_core::{Precondition, Write};

use super::fixture::{Fixture, everything, is, key, small};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "durability":
    records_survive,
    deletes_survive,
    revisions_survive,
    revisions_do_not_repeat_after_reopening,
);

async fn records_survive(fixture: Fixture) -> Verdict {
    let sorts = ["", "\0", "..", "Db", "a/b", "db", "\u{10ffff}"];
    fixture.handle().fill(&sorts).await?;
    let fixture = fixture.reopened().await?;
    let listed = fixture.handle().sorts(&everything()).await?;
    ensure!(listed == sorts, "after reopening {listed:?} is listed, stored {sorts:?}");
    for sort in sorts {
        let loaded = fixture.handle().load(&key(sort)).await?;
        ensure!(is(loaded.as_ref(), &small(sort)), "after reopening {sort:?} loads {loaded:?}");
    }
    Ok(())
}

async fn deletes_survive(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a", "b", "c"]).await?;
    let writes = vec![
        Write::delete(key("a"), Precondition::Any),
        Write::put(key("b"), small("replaced"), Precondition::Any),
        Write::delete(key("c"), Precondition::Any),
    ];
    handle.commit(writes).await?;
    drop(handle);
    let fixture = fixture.reopened().await?;
    let listed = fixture.handle().list_all(&everything()).await?;
    let right = listed.len() == 1 && is(Some(&listed[0].1), &small("replaced"));
    ensure!(right, "after reopening the partition holds {listed:?}");
    Ok(())
}

async fn revisions_survive(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let old = handle.put(&key("record"), small("old"), Precondition::Any).await?;
    let new = handle.put(&key("record"), small("new"), Precondition::Any).await?;
    drop(handle);
    let fixture = fixture.reopened().await?;
    let handle = fixture.handle();
    let loaded = handle.present(&key("record")).await?.revision;
    ensure!(loaded == new, "revision {new} is {loaded} after reopening");
    let stale = handle.check(&key("record"), Precondition::Revision(old)).await;
    refused(stale, secret_store_core::ErrorKind::Conflict, "a stale revision after reopening")?;
    handle.put(&key("record"), small("next"), Precondition::Revision(new)).await.map(drop)
}

async fn revisions_do_not_repeat_after_reopening(fixture: Fixture) -> Verdict {
    let mut fixture = fixture;
    let mut seen = Vec::new();
    for round in 0..4 {
        let handle = fixture.handle();
        let revision = handle.put(&key("record"), small("same"), Precondition::Absent).await?;
        ensure!(!seen.contains(&revision), "after reopening {round} times revision {revision} was given again");
        seen.push(revision);
        handle.delete(&key("record"), Precondition::Any).await?;
        drop(handle);
        fixture = fixture.reopened().await?;
    }
    Ok(())
}
