//! All writes of a commit or none.

use secret_store_core::{ErrorKind, Precondition, RecordKey, Revision, Write};

use super::fixture::{Fixture, Handle, everything, is, key, small};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "atomicity":
    all_writes_happen,
    answers_stand_in_the_order_of_the_writes,
    a_failing_first_write_stops_the_rest,
    a_failing_last_write_undoes_the_rest,
    a_failing_check_stops_deletes,
    a_commit_spans_partitions,
    an_empty_commit_does_nothing,
    two_writes_of_one_record_are_refused,
    as_many_writes_as_allowed,
    more_writes_than_allowed_are_refused,
);

/// Demands that the partition holds exactly these small records.
async fn holds_exactly(handle: &Handle, expected: &[(&str, &str)]) -> Verdict {
    let listed = handle.list_all(&everything()).await?;
    let right = listed.len() == expected.len()
        && listed
            .iter()
            .zip(expected)
            .all(|((sort, stored), (key, text))| &**sort == *key && is(Some(stored), &small(text)));
    ensure!(right, "the partition holds {listed:?}, expected {expected:?}");
    Ok(())
}

async fn all_writes_happen(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["checked", "deleted", "replaced"]).await?;
    let writes = vec![
        Write::check(key("checked"), Precondition::Any),
        Write::delete(key("deleted"), Precondition::Any),
        Write::put(key("replaced"), small("new"), Precondition::Any),
        Write::put(key("created"), small("created"), Precondition::Absent),
    ];
    handle.commit(writes).await?;
    holds_exactly(&handle, &[("checked", "checked"), ("created", "created"), ("replaced", "new")]).await
}

async fn answers_stand_in_the_order_of_the_writes(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["d"]).await?;
    let writes = vec![
        Write::put(key("z"), small("z"), Precondition::Any),
        Write::delete(key("d"), Precondition::Any),
        Write::check(key("x"), Precondition::Absent),
        Write::put(key("a"), small("a"), Precondition::Any),
    ];
    let answer = handle.commit(writes).await?;
    let [Some(z), None, None, Some(a)] = answer.as_slice() else {
        return Err(Stop::failed(format!("put, delete, check, put were answered {answer:?}")));
    };
    let current = |sort: &str, revision: &Revision| (key(sort), revision.clone());
    for (key, revision) in [current("z", z), current("a", a)] {
        let stored = handle.present(&key).await?;
        ensure!(stored.revision == revision, "{key:?} was answered {revision} and has {}", stored.revision);
    }
    Ok(())
}

/// Three good writes and a bad one at `failing`.
async fn nothing_happens_beside_a_failure_at(fixture: &Fixture, failing: usize) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["deleted", "replaced", "there"]).await?;
    let mut writes = vec![
        Write::delete(key("deleted"), Precondition::Any),
        Write::put(key("replaced"), small("new"), Precondition::Any),
        Write::put(key("created"), small("created"), Precondition::Absent),
    ];
    writes.insert(failing, Write::put(key("there"), small("new"), Precondition::Absent));
    refused(handle.commit(writes).await, ErrorKind::Conflict, "a commit with one failing write")?;
    holds_exactly(&handle, &[("deleted", "deleted"), ("replaced", "replaced"), ("there", "there")]).await
}

async fn a_failing_first_write_stops_the_rest(fixture: Fixture) -> Verdict {
    nothing_happens_beside_a_failure_at(&fixture, 0).await
}

async fn a_failing_last_write_undoes_the_rest(fixture: Fixture) -> Verdict {
    nothing_happens_beside_a_failure_at(&fixture, 3).await
}

async fn a_failing_check_stops_deletes(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a", "b"]).await?;
    let writes = vec![
        Write::delete(key("a"), Precondition::Any),
        Write::delete(key("b"), Precondition::Any),
        Write::check(key("lock"), Precondition::Revision(Revision::new("held"))),
    ];
    refused(handle.commit(writes).await, ErrorKind::Conflict, "deletes beside a failing check")?;
    holds_exactly(&handle, &[("a", "a"), ("b", "b")]).await
}

async fn a_commit_spans_partitions(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys = ["App", "~h~App", "~s~App"].map(|partition| RecordKey::new(partition, "sort"));
    let put = |key: &RecordKey, text| Write::put(key.clone(), small(text), Precondition::Absent);
    handle.commit(keys.iter().map(|key| put(key, "first")).collect()).await?;
    let mut again: Vec<_> =
        keys.iter().map(|key| Write::put(key.clone(), small("second"), Precondition::Any)).collect();
    again.push(Write::check(RecordKey::new("Elsewhere", "sort"), Precondition::Revision(Revision::new("no"))));
    refused(handle.commit(again).await, ErrorKind::Conflict, "a commit over four partitions with a failing check")?;
    for key in &keys {
        ensure!(
            is(handle.load(key).await?.as_ref(), &small("first")),
            "{key:?} changed in a commit that failed elsewhere"
        );
    }
    Ok(())
}

async fn an_empty_commit_does_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a"]).await?;
    let answer = handle.commit(Vec::new()).await?;
    ensure!(answer.is_empty(), "an empty commit was answered {answer:?}");
    holds_exactly(&handle, &[("a", "a")]).await
}

async fn two_writes_of_one_record_are_refused(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a"]).await?;
    let twice = [
        Write::put(key("a"), small("refused"), Precondition::Any),
        Write::delete(key("a"), Precondition::Any),
        Write::check(key("a"), Precondition::Any),
    ];
    for first in &twice {
        for second in &twice {
            let between = Write::put(key("b"), small("b"), Precondition::Any);
            let commit = handle.commit(vec![first.clone(), between, second.clone()]).await;
            refused(commit, ErrorKind::InvalidInput, "a commit that names one record twice (see Write::check_all)")?;
        }
    }
    holds_exactly(&handle, &[("a", "a")]).await
}

/// More than this in one commit are not tried: no backend needs to be that large to be right.
const MOST_WRITES: usize = 10_000;

fn puts(count: usize) -> Vec<Write> {
    (0..count).map(|n| Write::put(key(&format!("{n:05}")), small("small"), Precondition::Absent)).collect()
}

async fn as_many_writes_as_allowed(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let allowed = handle.limits().writes_per_commit;
    ensure!(allowed >= 4, "only {allowed} writes a commit: a put with its history needs 4");
    let count = allowed.min(MOST_WRITES);
    let answer = handle.commit(puts(count)).await?;
    ensure!(answer.iter().flatten().count() == count, "{count} puts were answered {} revisions", answer.len());
    let listed = handle.list_all(&everything()).await?.len();
    ensure!(listed == count, "{listed} of {count} records of one commit are listed");
    Ok(())
}

async fn more_writes_than_allowed_are_refused(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let allowed = handle.limits().writes_per_commit;
    if allowed > MOST_WRITES {
        return Err(Stop::skipped(format!("the limit of {allowed} writes a commit is beyond what is tried")));
    }
    let what = "a commit of one write more than the limit (see Write::check_all)";
    refused(handle.commit(puts(allowed + 1)).await, ErrorKind::TooLarge { limit: 0, actual: 0 }, what)?;
    holds_exactly(&handle, &[]).await
}
