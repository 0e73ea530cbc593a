//! Every put gives its record a revision that this key never had before.

use secret_store_core::{ErrorKind, Precondition, Write};

use super::fixture::{Fixture, everything, key, small};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "revisions":
    every_put_has_a_new_one,
    an_identical_put_has_a_new_one,
    never_repeats_after_delete_and_create,
    load_and_listing_answer_the_committed_one,
    others_writes_do_not_change_it,
    a_refused_commit_does_not_change_it,
);

async fn every_put_has_a_new_one(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut seen = Vec::new();
    for round in 0..20 {
        let revision = handle.put(&key("record"), small(&round.to_string()), Precondition::Any).await?;
        ensure!(!seen.contains(&revision), "put {round} was given revision {revision} again");
        seen.push(revision);
    }
    Ok(())
}

async fn an_identical_put_has_a_new_one(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let first = handle.put(&key("record"), small("same"), Precondition::Any).await?;
    let second = handle.put(&key("record"), small("same"), Precondition::Any).await?;
    ensure!(first != second, "an identical put kept revision {first}");
    Ok(())
}

async fn never_repeats_after_delete_and_create(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut seen = Vec::new();
    for round in 0..10 {
        let revision = handle.put(&key("record"), small("same"), Precondition::Absent).await?;
        ensure!(!seen.contains(&revision), "creation {round} was given revision {revision} again");
        seen.push(revision);
        handle.delete(&key("record"), Precondition::Any).await?;
    }
    Ok(())
}

async fn load_and_listing_answer_the_committed_one(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let writes = ["a", "b", "c"].map(|sort| Write::put(key(sort), small(sort), Precondition::Absent));
    let committed = handle.commit(writes.into()).await?;
    let listed = handle.list_all(&everything()).await?;
    let loaded = handle.load_many(&["a", "b", "c"].map(key)).await?;
    ensure!(committed.len() == 3 && listed.len() == 3 && loaded.len() == 3, "three puts are not three records");
    for ((committed, (sort, listed)), loaded) in committed.iter().zip(&listed).zip(&loaded) {
        let loaded = loaded.as_ref().map(|stored| &stored.revision);
        ensure!(committed.as_ref() == loaded, "{sort:?} was committed as {committed:?} and is loaded as {loaded:?}");
        ensure!(loaded == Some(&listed.revision), "{sort:?} is loaded as {loaded:?} and listed as {}", listed.revision);
    }
    Ok(())
}

async fn others_writes_do_not_change_it(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), small("kept"), Precondition::Any).await?;
    handle.fill(&["before", "zzz"]).await?;
    handle.delete(&key("before"), Precondition::Any).await?;
    handle.check(&key("record"), Precondition::Any).await?;
    let current = handle.present(&key("record")).await?.revision;
    ensure!(current == revision, "revision {revision} became {current} without a write to the record");
    Ok(())
}

async fn a_refused_commit_does_not_change_it(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), small("kept"), Precondition::Any).await?;
    let writes = vec![
        Write::put(key("record"), small("refused"), Precondition::Any),
        Write::check(key("absent"), Precondition::Revision(revision.clone())),
    ];
    refused(handle.commit(writes).await, ErrorKind::Conflict, "a commit with a failing check")?;
    let current = handle.present(&key("record")).await?;
    ensure!(current.revision == revision, "revision {revision} became {} by a refused commit", current.revision);
    ensure!(*current.record == small("kept"), "a refused commit left {:?}", current.record);
    Ok(())
}
