//! Several records at once: all of them, in the order of the keys.

use secret_store_core::{Consistency, Precondition, RecordKey};

use super::fixture::{Fixture, is, key, small};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "batches":
    answers_stand_in_the_order_of_the_keys,
    what_is_absent_is_none_in_its_place,
    no_keys_no_answers,
    a_key_given_twice_is_answered_twice,
    keys_of_several_partitions,
    more_keys_than_one_batch,
);

async fn answers_match(fixture: &Fixture, keys: &[RecordKey], expected: &[Option<&str>]) -> Verdict {
    for consistency in [Consistency::Strong, Consistency::Eventual] {
        if consistency == Consistency::Eventual {
            // An eventual answer may be older, so that only its length is certain.
            let count = fixture.handle().raw().load_many(keys, consistency).await?.len();
            ensure!(count == keys.len(), "{count} answers to {} keys", keys.len());
            continue;
        }
        let found = fixture.handle().load_many(keys).await?;
        ensure!(found.len() == keys.len(), "{} answers to {} keys", found.len(), keys.len());
        for ((key, found), expected) in keys.iter().zip(&found).zip(expected) {
            let right = match expected {
                Some(text) => is(found.as_ref(), &small(text)),
                None => found.is_none(),
            };
            ensure!(right, "{key:?} is answered {found:?}, expected {expected:?}");
        }
    }
    Ok(())
}

async fn answers_stand_in_the_order_of_the_keys(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b", "c", "d"]).await?;
    let order = ["c", "a", "d", "b"];
    answers_match(&fixture, &order.map(key), &order.map(Some)).await
}

async fn what_is_absent_is_none_in_its_place(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "c"]).await?;
    let keys = ["x", "c", "b", "a", "y"].map(key);
    answers_match(&fixture, &keys, &[None, Some("c"), None, Some("a"), None]).await?;
    answers_match(&fixture, &["x", "y"].map(key), &[None, None]).await
}

async fn no_keys_no_answers(fixture: Fixture) -> Verdict {
    answers_match(&fixture, &[], &[]).await
}

async fn a_key_given_twice_is_answered_twice(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b"]).await?;
    let keys = ["a", "b", "a", "x", "x"].map(key);
    answers_match(&fixture, &keys, &[Some("a"), Some("b"), Some("a"), None, None]).await
}

async fn keys_of_several_partitions(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys = ["p", "q", "r"].map(|partition| RecordKey::new(partition, "same"));
    handle.put(&keys[0], small("p"), Precondition::Absent).await?;
    handle.put(&keys[2], small("r"), Precondition::Absent).await?;
    answers_match(&fixture, &keys, &[Some("p"), None, Some("r")]).await
}

async fn more_keys_than_one_batch(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    // Beyond a thousand the point is made; a backend without a practical limit is asked for that many.
    let count = handle.limits().batch.clamp(1, 1000) * 2 + 1;
    let sorts: Vec<String> = (0..count).map(|n| format!("{n:05}")).collect();
    let stored: Vec<&str> = sorts.iter().step_by(7).map(String::as_str).collect();
    handle.fill(&stored).await?;
    let keys: Vec<_> = sorts.iter().rev().map(|sort| key(sort)).collect();
    let expected: Vec<_> = sorts.iter().enumerate().map(|(n, sort)| (n % 7 == 0).then_some(sort.as_str())).collect();
    answers_match(&fixture, &keys, &expected.into_iter().rev().collect::<Vec<_>>()).await
}
