//! A record in the place of another is refused.

use secret_store_core::{Consistency, ErrorKind, RecordKey, SecretId, SecretStoreExt, Stored, Value};

use super::super::fixture::{id, id_in, strong};
use super::{Fixture, right_or_refused};
use crate::case::{Stop, Verdict, cases, ensure};
use crate::fault::{Forging, Reordering};
use std::sync::Arc;

cases!(Fixture; "swaps":
    swapped_names_are_refused,
    swapped_applications_are_refused,
    names_that_share_their_concatenation_are_refused,
    swapped_versions_are_refused,
    a_renumbered_version_is_refused,
    batches_in_another_order_are_refused,
    nothing_in_clear_reaches_the_persistence,
);

/// Demands that each of two secrets is refused when their records have changed places.
async fn swapped_are_refused(fixture: &Fixture, one: SecretId, other: SecretId) -> Verdict {
    let first = fixture.put_recorded(&one, "value of the first").await?;
    let second = fixture.put_recorded(&other, "value of the second").await?;
    ensure!(first.len() == second.len(), "two first puts wrote {} and {} records", first.len(), second.len());
    let forging = Arc::new(Forging::new(fixture.base()));
    for ((one, _), (other, _)) in first.iter().zip(&second) {
        forging.swap(one, other);
    }
    let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    for (id, what) in [(&one, "the first"), (&other, "the second")] {
        match store.get_with(id, strong()).await {
            Err(error) if error.kind() == ErrorKind::Integrity => {}
            Err(error) => {
                return Err(Stop::failed(format!("{what}: {error} [{:?}], expected Integrity", error.kind())));
            }
            Ok(_) => return Err(Stop::failed(format!("{what} of two swapped secrets opens"))),
        }
    }
    let many = store.get_many(&[one.clone(), other]).await;
    ensure!(many.is_err(), "get_many answers swapped secrets");
    ensure!(store.get_all(one.application()).await.is_err(), "get_all answers swapped secrets");
    Ok(())
}

async fn swapped_names_are_refused(fixture: Fixture) -> Verdict {
    swapped_are_refused(&fixture, id("first"), id("second")).await
}

async fn swapped_applications_are_refused(fixture: Fixture) -> Verdict {
    swapped_are_refused(&fixture, id_in("App.Test", "password"), id_in("App.Prod", "password")).await
}

async fn names_that_share_their_concatenation_are_refused(fixture: Fixture) -> Verdict {
    swapped_are_refused(&fixture, id_in("ab", "c"), id_in("a", "bc")).await
}

/// The records of one secret at all its versions, whatever key each stands at.
async fn three_versions(fixture: &Fixture) -> Result<Vec<RecordKey>, Stop> {
    let mut keys: Vec<RecordKey> = Vec::new();
    for text in ["value 1", "value 2", "value 3"] {
        for (key, _) in fixture.put_recorded(&id("password"), text).await? {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// Reads every version through a store over the persistence; each is right or refused.
async fn versions_are_right_or_refused(fixture: &Fixture, forging: &Arc<Forging>, what: &str) -> Verdict {
    let store = fixture.store_over(Arc::<Forging>::clone(forging)).await?;
    for number in 1..=3 {
        let version = secret_store_core::SecretVersion::new(number)?;
        let answer = store.get_with(&id("password"), strong().with_version(version)).await;
        right_or_refused(answer, &id("password"), &format!("value {number}"), &format!("{what}, version {number}"))?;
    }
    Ok(())
}

async fn swapped_versions_are_refused(fixture: Fixture) -> Verdict {
    let keys = three_versions(&fixture).await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    for (index, one) in keys.iter().enumerate() {
        for other in &keys[index + 1..] {
            forging.swap(one, other);
            versions_are_right_or_refused(&fixture, &forging, &format!("{one:?} and {other:?} swapped")).await?;
            forging.reform();
        }
    }
    Ok(())
}

/// Every number of every record set to every version: the number is what a reader asks for, so it must not be believed.
async fn a_renumbered_version_is_refused(fixture: Fixture) -> Verdict {
    let keys = three_versions(&fixture).await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    for key in &keys {
        let Some(Stored { record, .. }) = fixture.base().load(key, Consistency::Strong).await? else { continue };
        let numbers: Vec<String> = record
            .iter()
            .filter(|(_, value)| matches!(value, Value::Number(_)))
            .map(|(name, _)| name.to_owned())
            .collect();
        for attribute in numbers {
            for number in 0..5 {
                let value = Value::from(number);
                forging.forge(key, crate::fault::Forgery::Set { attribute: attribute.clone(), value });
                let what = format!("{attribute} of {key:?} set to {number}");
                versions_are_right_or_refused(&fixture, &forging, &what).await?;
                forging.reform();
            }
        }
    }
    Ok(())
}

async fn batches_in_another_order_are_refused(fixture: Fixture) -> Verdict {
    let ids = ["a", "b", "c"].map(id);
    for id in &ids {
        fixture.put_recorded(id, &format!("value of {}", id.name())).await?;
    }
    let store = fixture.store_over(Arc::new(Reordering::batches(fixture.base()))).await?;
    if let Ok(secrets) = store.get_many_with(&ids, strong()).await {
        ensure!(secrets.len() == ids.len(), "{} answers to {} names", secrets.len(), ids.len());
        for (id, secret) in ids.iter().zip(secrets) {
            right_or_refused(Ok(secret), id, &format!("value of {}", id.name()), "a batch in another order")?;
        }
    }
    Ok(())
}

async fn nothing_in_clear_reaches_the_persistence(fixture: Fixture) -> Verdict {
    let canary = "canary-7f3a9c1e5d-canary-7f3a9c1e5d";
    let mut written = fixture.put_recorded(&id("password"), canary).await?;
    written.extend(fixture.put_recorded(&id("password"), canary).await?);
    for (key, stored) in written {
        let bytes = stored.record.to_bytes();
        let shown = bytes.windows(12).any(|window| canary.as_bytes().windows(12).any(|part| part == window));
        ensure!(!shown, "{key:?} holds a part of the value in clear");
    }
    Ok(())
}
