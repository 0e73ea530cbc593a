//! A strong read sees every commit that was acknowledged before it began.

use secret_store_core::{Consistency, Precondition, Write};

use super::fixture::{Fixture, everything, is, key, small};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "consistency":
    a_strong_load_sees_the_last_commit,
    a_strong_batch_sees_the_last_commit,
    a_strong_listing_sees_the_last_commit,
    an_eventual_load_answers_some_committed_state,
);

const ROUNDS: usize = 20;

async fn a_strong_load_sees_the_last_commit(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    for round in 0..ROUNDS {
        let record = small(&round.to_string());
        handle.put(&key("record"), record.clone(), Precondition::Any).await?;
        let loaded = handle.load(&key("record")).await?;
        ensure!(is(loaded.as_ref(), &record), "a strong load after put {round} answers {loaded:?}");
        if round % 3 == 2 {
            handle.delete(&key("record"), Precondition::Any).await?;
            ensure!(handle.load(&key("record")).await?.is_none(), "a strong load after a delete answers a record");
        }
    }
    Ok(())
}

async fn a_strong_batch_sees_the_last_commit(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys = ["a", "b", "c"].map(key);
    for round in 0..ROUNDS {
        let record = small(&round.to_string());
        let writes = keys.iter().map(|key| Write::put(key.clone(), record.clone(), Precondition::Any));
        handle.commit(writes.collect()).await?;
        let loaded = handle.load_many(&keys).await?;
        let new = loaded.len() == keys.len() && loaded.iter().all(|stored| is(stored.as_ref(), &record));
        ensure!(new, "a strong batch after commit {round} answers {loaded:?}");
    }
    Ok(())
}

async fn a_strong_listing_sees_the_last_commit(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    for round in 0..ROUNDS {
        let sort = format!("{round:03}");
        handle.put(&key(&sort), small("new"), Precondition::Absent).await?;
        let listed = handle.sorts(&everything()).await?;
        ensure!(listed.contains(&sort), "a strong listing after the put of {sort:?} answers {listed:?}");
        if round % 2 == 1 {
            handle.delete(&key(&sort), Precondition::Any).await?;
            let listed = handle.sorts(&everything()).await?;
            ensure!(!listed.contains(&sort), "a strong listing after the delete of {sort:?} answers {listed:?}");
        }
    }
    Ok(())
}

/// Older is allowed; what never was is not.
async fn an_eventual_load_answers_some_committed_state(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut committed = Vec::new();
    for round in 0..ROUNDS {
        let record = small(&round.to_string());
        let revision = handle.put(&key("record"), record.clone(), Precondition::Any).await?;
        committed.push((record, revision));
        if let Some(stored) = handle.raw().load(&key("record"), Consistency::Eventual).await? {
            let known =
                committed.iter().any(|(record, revision)| *stored.record == *record && stored.revision == *revision);
            ensure!(known, "an eventual load answers {stored:?}, which was never committed");
        }
    }
    Ok(())
}
