//! A write happens exactly when its precondition holds; a refusal says what is there.

use secret_store_core::{Error, ErrorKind, Precondition, RecordKey, Revision, Write};

use super::fixture::{Fixture, Handle, key, small};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "preconditions":
    absent_holds_of_nothing_only,
    a_revision_holds_of_itself_only,
    a_revision_never_holds_of_nothing,
    any_holds_of_everything,
    a_delete_needs_its_precondition,
    a_check_needs_its_precondition,
    a_commit_of_checks_changes_nothing,
    deleting_what_is_absent_succeeds,
    a_revision_survives_its_text,
    a_foreign_revision_is_a_conflict,
    a_conflict_names_the_write_that_failed,
    a_conflict_carries_the_current_revision,
);

/// Demands a conflict at a write, over a record of this revision.
fn conflicts(result: secret_store_core::Result<impl Sized>, at: usize, current: Option<&Revision>) -> Result<(), Stop> {
    let error: Error = refused(result, ErrorKind::Conflict, "a write whose precondition does not hold")?;
    let failed = error.failed_write();
    ensure!(failed == Some(at), "the conflict names write {failed:?}, it was write {at} (see Error::conflict)");
    let revision = error.revision();
    ensure!(revision == current, "the conflict carries revision {revision:?}, current is {current:?}");
    Ok(())
}

/// The three kinds of write, each with this precondition.
fn each_write(key: &RecordKey, precondition: &Precondition) -> [Write; 3] {
    [
        Write::put(key.clone(), small("refused"), precondition.clone()),
        Write::delete(key.clone(), precondition.clone()),
        Write::check(key.clone(), precondition.clone()),
    ]
}

async fn unchanged(handle: &Handle, text: &str, revision: &Revision) -> Verdict {
    let stored = handle.present(&key("record")).await?;
    ensure!(*stored.record == small(text), "a refused write left {:?}", stored.record);
    ensure!(stored.revision == *revision, "a refused write left revision {}", stored.revision);
    Ok(())
}

async fn absent_holds_of_nothing_only(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), small("first"), Precondition::Absent).await?;
    for write in each_write(&key("record"), &Precondition::Absent) {
        conflicts(handle.commit(vec![write]).await, 0, Some(&revision))?;
    }
    unchanged(&handle, "first", &revision).await
}

async fn a_revision_holds_of_itself_only(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let first = handle.put(&key("record"), small("first"), Precondition::Any).await?;
    let second = handle.put(&key("record"), small("second"), Precondition::Revision(first.clone())).await?;
    for write in each_write(&key("record"), &Precondition::Revision(first)) {
        conflicts(handle.commit(vec![write]).await, 0, Some(&second))?;
    }
    unchanged(&handle, "second", &second).await?;
    handle.put(&key("record"), small("third"), Precondition::Revision(second)).await.map(drop)
}

async fn a_revision_never_holds_of_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let gone = handle.put(&key("record"), small("gone"), Precondition::Any).await?;
    handle.delete(&key("record"), Precondition::Any).await?;
    for write in each_write(&key("record"), &Precondition::Revision(gone)) {
        conflicts(handle.commit(vec![write]).await, 0, None)?;
    }
    ensure!(handle.load(&key("record")).await?.is_none(), "a refused write created the record");
    Ok(())
}

async fn any_holds_of_everything(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.check(&key("record"), Precondition::Any).await?;
    handle.put(&key("record"), small("created"), Precondition::Any).await?;
    handle.check(&key("record"), Precondition::Any).await?;
    handle.put(&key("record"), small("replaced"), Precondition::Any).await?;
    handle.delete(&key("record"), Precondition::Any).await?;
    ensure!(handle.load(&key("record")).await?.is_none(), "an unconditional delete left the record");
    Ok(())
}

async fn a_delete_needs_its_precondition(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let old = handle.put(&key("record"), small("old"), Precondition::Any).await?;
    let new = handle.put(&key("record"), small("new"), Precondition::Any).await?;
    conflicts(handle.delete(&key("record"), Precondition::Revision(old)).await, 0, Some(&new))?;
    unchanged(&handle, "new", &new).await?;
    handle.delete(&key("record"), Precondition::Revision(new)).await?;
    ensure!(handle.load(&key("record")).await?.is_none(), "a delete whose precondition held left the record");
    handle.delete(&key("record"), Precondition::Absent).await?;
    Ok(())
}

async fn a_check_needs_its_precondition(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.check(&key("record"), Precondition::Absent).await?;
    let old = handle.put(&key("record"), small("old"), Precondition::Any).await?;
    handle.check(&key("record"), Precondition::Revision(old.clone())).await?;
    let new = handle.put(&key("record"), small("new"), Precondition::Any).await?;
    // The check guards another record's write.
    let guarded = |revision: &Revision| {
        vec![
            Write::check(key("record"), Precondition::Revision(revision.clone())),
            Write::put(key("guarded"), small("guarded"), Precondition::Any),
        ]
    };
    conflicts(handle.commit(guarded(&old)).await, 0, Some(&new))?;
    ensure!(handle.load(&key("guarded")).await?.is_none(), "a write went ahead although its check failed");
    handle.commit(guarded(&new)).await?;
    handle.present(&key("guarded")).await.map(drop)
}

async fn a_commit_of_checks_changes_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), small("kept"), Precondition::Any).await?;
    let answer = handle
        .commit(vec![
            Write::check(key("record"), Precondition::Revision(revision.clone())),
            Write::check(key("absent"), Precondition::Absent),
        ])
        .await?;
    ensure!(answer == [None, None], "two checks were answered {answer:?}, expected None for each");
    ensure!(handle.load(&key("absent")).await?.is_none(), "a check created a record");
    unchanged(&handle, "kept", &revision).await
}

async fn deleting_what_is_absent_succeeds(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let writes = vec![
        Write::delete(key("absent"), Precondition::Any),
        Write::delete(key("absent too"), Precondition::Absent),
        Write::put(key("written"), small("written"), Precondition::Any),
    ];
    let answer = handle.commit(writes).await?;
    ensure!(matches!(answer.as_slice(), [None, None, Some(_)]), "answered {answer:?}, expected None, None, a revision");
    handle.present(&key("written")).await.map(drop)
}

async fn a_revision_survives_its_text(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), small("first"), Precondition::Any).await?;
    let carried = Revision::new(revision.as_text().into_owned());
    let second = handle.put(&key("record"), small("second"), Precondition::Revision(carried)).await?;
    let loaded = Revision::new(handle.present(&key("record")).await?.revision.as_text().into_owned());
    ensure!(loaded == second, "revision {second} is loaded as {loaded}");
    Ok(())
}

/// Of another backend, of another format, or no number where there are only numbers: not the current one, so a conflict.
async fn a_foreign_revision_is_a_conflict(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let current = handle.put(&key("record"), small("kept"), Precondition::Any).await?;
    let own = current.as_text().into_owned();
    let texts = [
        "",
        "none",
        "-1",
        "0",
        "18446744073709551616",
        "\0",
        &format!("{own} "),
        &format!("0{own}"),
        &format!("{own}x"),
    ];
    for text in texts.map(ToOwned::to_owned) {
        for write in each_write(&key("record"), &Precondition::Revision(Revision::new(text))) {
            conflicts(handle.commit(vec![write]).await, 0, Some(&current))?;
        }
    }
    unchanged(&handle, "kept", &current).await
}

async fn a_conflict_names_the_write_that_failed(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let there = handle.put(&key("there"), small("there"), Precondition::Any).await?;
    for failing in 0..4 {
        let mut writes: Vec<_> =
            ["w", "x", "y"].map(|sort| Write::put(key(sort), small(sort), Precondition::Absent)).into();
        writes.insert(failing, Write::put(key("there"), small("refused"), Precondition::Absent));
        conflicts(handle.commit(writes).await, failing, Some(&there))?;
    }
    Ok(())
}

async fn a_conflict_carries_the_current_revision(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut expected = handle.put(&key("record"), small("0"), Precondition::Any).await?;
    let stale = Precondition::Revision(Revision::new("stale"));
    for round in 1..4 {
        let error = refused(
            handle.commit(vec![Write::put(key("record"), small("refused"), stale.clone())]).await,
            ErrorKind::Conflict,
            "a put on a stale revision",
        )?;
        let current = error.revision().cloned();
        ensure!(current.as_ref() == Some(&expected), "the conflict carries {current:?}, current is {expected}");
        // What the conflict told is enough to go on.
        expected = handle.put(&key("record"), small(&round.to_string()), Precondition::Revision(expected)).await?;
    }
    Ok(())
}
