//! An altered record is refused, or answers what it answered before.

use std::sync::Arc;

use secret_store_core::{ListOptions, Metadata, PutOptions, RecordKey, SecretStore, SecretStoreExt, Stored, Value};

use super::super::fixture::{id, strong, value};
use super::Fixture;
use crate::case::{Stop, Verdict, cases, ensure};
use crate::fault::{Call, Forgery, Forging, Recording};

cases!(Fixture; "forgeries":
    every_altered_attribute_answers_right_or_nothing,
    every_altered_ciphertext_is_refused,
    a_record_of_nothing_is_refused,
    an_extended_record_answers_right_or_nothing,
    a_forged_record_stops_no_other_secret,
    several_secrets_with_one_altered_are_an_error,
);

const VALUE: &str = "the value";

fn metadata() -> Metadata {
    Metadata::new().with("owner", "ops")
}

/// The one record of a secret with metadata.
async fn described(fixture: &Fixture) -> Result<(RecordKey, Stored), Stop> {
    let recording = Arc::new(Recording::new(fixture.base()));
    let store = fixture.store_over(Arc::<Recording>::clone(&recording)).await?;
    store.put_with(&id("password"), value(VALUE), PutOptions::default().with_metadata(metadata())).await?;
    let keys: Vec<RecordKey> = recording.take().iter().flat_map(Call::written).collect();
    let key = keys.first().cloned().ok_or_else(|| Stop::failed("a put wrote no record at all"))?;
    let stored = fixture.base().load(&key, secret_store_core::Consistency::Strong).await?;
    Ok((key, stored.ok_or_else(|| Stop::failed("the record of a put is not there"))?))
}

/// Reads through a store that has seen nothing; answers whether it opened. What it answers must be what was put.
async fn opens(fixture: &Fixture, forging: &Arc<Forging>, what: &str) -> Result<bool, Stop> {
    let store = fixture.store_over(Arc::<Forging>::clone(forging)).await?;
    // A listing is not authenticated; it must survive what it finds.
    drop(store.list_with(id("password").application(), ListOptions::default()).await);
    let secret = match store.get_with(&id("password"), strong()).await {
        Err(_) => return Ok(false),
        Ok(secret) => secret,
    };
    ensure!(secret.expose_secret() == VALUE.as_bytes(), "{what}: answers another value");
    ensure!(secret.info().metadata == metadata(), "{what}: answers metadata {:?}", secret.info().metadata);
    ensure!(secret.info().version.get() == 1, "{what}: answers version {}", secret.info().version);
    Ok(true)
}

async fn every_altered_attribute_answers_right_or_nothing(fixture: Fixture) -> Verdict {
    let (key, stored) = described(&fixture).await?;
    let all = Forgery::every(&stored.record);
    for index in fixture.options.sample(all.len()) {
        let forging = Arc::new(Forging::new(fixture.base()));
        forging.forge(&key, all[index].clone());
        opens(&fixture, &forging, &format!("{:?}", all[index])).await?;
    }
    let honest = Arc::new(Forging::new(fixture.base()));
    ensure!(opens(&fixture, &honest, "unaltered").await?, "the secret does not open unaltered");
    Ok(())
}

/// The attributes of bytes that nothing stands in for.
fn ciphertexts<'a>(fixture: &Fixture, stored: &'a Stored) -> Vec<&'a str> {
    let is_ciphertext = |(name, value): &(&str, &Value)| {
        matches!(value, Value::Bytes(_)) && fixture.options.redundant.iter().all(|redundant| redundant != name)
    };
    stored.record.iter().filter(is_ciphertext).map(|(name, _)| name).collect()
}

/// What an attribute of bytes holds is encrypted or authenticated: not one bit of it is free.
async fn every_altered_ciphertext_is_refused(fixture: Fixture) -> Verdict {
    let (key, stored) = described(&fixture).await?;
    let of_bytes = ciphertexts(&fixture, &stored);
    ensure!(!of_bytes.is_empty(), "the record holds no bytes, so no ciphertext");
    let all: Vec<_> = Forgery::every(&stored.record)
        .into_iter()
        .filter(|forgery| match forgery {
            Forgery::Flip { attribute, .. } | Forgery::Truncate { attribute, .. } | Forgery::Extend { attribute } => {
                of_bytes.contains(&attribute.as_str())
            }
            _ => false,
        })
        .collect();
    for index in fixture.options.sample(all.len()) {
        let forging = Arc::new(Forging::new(fixture.base()));
        forging.forge(&key, all[index].clone());
        ensure!(!opens(&fixture, &forging, "an altered ciphertext").await?, "{:?} still opens", all[index]);
    }
    Ok(())
}

async fn a_record_of_nothing_is_refused(fixture: Fixture) -> Verdict {
    let (key, _) = described(&fixture).await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    forging.forge(&key, Forgery::Replace(Arc::default()));
    let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    let error = match store.get_with(&id("password"), strong()).await {
        Ok(_) => return Err(Stop::failed("a record without attributes opens")),
        Err(error) => error,
    };
    let absent = error.kind() == secret_store_core::ErrorKind::NotFound;
    ensure!(!absent, "a record that cannot be parsed is answered as absent");
    Ok(())
}

async fn an_extended_record_answers_right_or_nothing(fixture: Fixture) -> Verdict {
    let (key, stored) = described(&fixture).await?;
    let mut names: Vec<String> = stored.record.iter().map(|(name, _)| format!("{name}2")).collect();
    names.extend(["", "Format", "Suite", "TenantId", "Wraps", "zz"].map(ToOwned::to_owned));
    for attribute in names {
        for value in [Value::from(1), Value::from("1"), Value::from(&[1u8][..])] {
            let forging = Arc::new(Forging::new(fixture.base()));
            let what = format!("{attribute:?} added as {value:?}");
            forging.forge(&key, Forgery::Set { attribute: attribute.clone(), value });
            opens(&fixture, &forging, &what).await?;
        }
    }
    Ok(())
}

async fn a_forged_record_stops_no_other_secret(fixture: Fixture) -> Verdict {
    let (key, _) = described(&fixture).await?;
    fixture.put_recorded(&id("other"), "other").await?;
    let forging = Arc::new(Forging::new(fixture.base()));
    forging.forge(&key, Forgery::Replace(Arc::default()));
    let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
    ensure!(store.get_with(&id("password"), strong()).await.is_err(), "a forged record opens");
    super::super::fixture::reads(&*store, &id("other"), b"other").await.map(drop)
}

/// Complete or an error: a secret that does not open must not be missing from the answer without a word.
async fn several_secrets_with_one_altered_are_an_error(fixture: Fixture) -> Verdict {
    let (key, stored) = described(&fixture).await?;
    fixture.put_recorded(&id("other"), "other").await?;
    for attribute in ciphertexts(&fixture, &stored) {
        let forging = Arc::new(Forging::new(fixture.base()));
        forging.forge(&key, Forgery::Flip { attribute: attribute.to_owned(), bit: 0 });
        let store = fixture.store_over(Arc::<Forging>::clone(&forging)).await?;
        let all = store.get_all(id("password").application()).await;
        ensure!(
            all.is_err(),
            "get_all answers {:?} secrets of which {attribute} of one is altered",
            all.map(|all| all.len())
        );
        let many = store.get_many(&[id("other"), id("password")]).await;
        ensure!(many.is_err(), "get_many answers although {attribute} of one secret is altered");
    }
    Ok(())
}
