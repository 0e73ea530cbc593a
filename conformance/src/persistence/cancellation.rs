//! A dropped commit either completes or leaves nothing; dropped reads do nothing.

use std::time::Duration;

use secret_store_core::{Clock, Precondition, Record, Stored, SystemClock, Write};

use super::fixture::{Fixture, Handle, everything, is, key, small};
use crate::case::{Stop, Verdict, cases, ensure};
use crate::steps::{MOST_STEPS, for_steps};

cases!(Fixture; "cancellation":
    a_dropped_commit_is_all_or_nothing,
    a_commit_that_was_never_polled_does_nothing,
    dropped_reads_do_nothing,
);

fn writes(text: &str) -> Vec<Write> {
    let mut writes: Vec<_> =
        ["a", "b", "c"].map(|sort| Write::put(key(sort), small(text), Precondition::Any)).into_iter().collect();
    writes.push(Write::delete(key("old"), Precondition::Any));
    writes.push(Write::put(key("new"), small(text), Precondition::Any));
    writes
}

/// How many of the five writes are visible.
async fn visible(handle: &Handle, text: &str) -> Result<usize, Stop> {
    let found = handle.load_many(&["a", "b", "c", "new", "old"].map(key)).await?;
    let Some((old, written)) = found.split_last() else { return Err(Stop::failed("no answer to five keys")) };
    let record: Record = small(text);
    let put = |stored: &&Option<Stored>| is(stored.as_ref(), &record);
    Ok(written.iter().filter(put).count() + usize::from(old.is_none()))
}

async fn settles(handle: &Handle, text: &str, steps: usize, settling: Duration) -> Verdict {
    let begun = SystemClock.monotonic();
    loop {
        let seen = visible(handle, text).await?;
        if seen == 0 || seen == 5 {
            return Ok(());
        }
        ensure!(
            SystemClock.monotonic() - begun < settling,
            "a commit dropped after {steps} steps left {seen} of its 5 writes"
        );
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
}

async fn a_dropped_commit_is_all_or_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    for steps in 1..=MOST_STEPS {
        handle.put(&key("old"), small("old"), Precondition::Any).await?;
        let text = format!("dropped after {steps}");
        let finished = for_steps(handle.raw().commit(writes(&text)), steps).await;
        settles(&handle, &text, steps, fixture.options.settling).await?;
        // The store goes on working, and a commit that was left behind does not overwrite a later one.
        let after = format!("after {steps}");
        handle.commit(writes(&after)).await?;
        let seen = visible(&handle, &after).await?;
        ensure!(seen == 5, "after a commit dropped at step {steps} the next one shows {seen} of its 5 writes");
        if let Some(finished) = finished {
            finished?;
            return Ok(());
        }
    }
    Ok(())
}

async fn a_commit_that_was_never_polled_does_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    drop(handle.raw().commit(writes("never")));
    SystemClock.sleep(Duration::from_millis(20)).await;
    let listed = handle.sorts(&everything()).await?;
    ensure!(listed.is_empty(), "a commit that was never polled wrote {listed:?}");
    Ok(())
}

async fn dropped_reads_do_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a", "b"]).await?;
    let before = handle.load_many(&["a", "b"].map(key)).await?;
    for steps in 0..4 {
        drop(for_steps(handle.load(&key("a")), steps).await);
        drop(for_steps(handle.load_many(&["a", "b"].map(key)), steps).await);
        drop(for_steps(handle.list(&everything()), steps).await);
    }
    let after = handle.load_many(&["a", "b"].map(key)).await?;
    let same = before.iter().flatten().zip(after.iter().flatten()).all(|(a, b)| a.revision == b.revision);
    ensure!(same && after.iter().flatten().count() == 2, "dropped reads changed {before:?} to {after:?}");
    Ok(())
}
