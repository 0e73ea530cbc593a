//! Values are sealed anew.

use secret_store_core::rotation::{ReencryptionId, Rotation};
use secret_store_core::{EnvelopeStore, ProtectedSecret};

use super::fixture::{DOCUMENT_KEY, Fixture, NONCE, Place, RECORDS, VALUE};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "documents":
    a_dry_run_changes_nothing,
    everything_is_sealed_anew_as_the_same_versions,
    readers_and_writers_go_on,
    one_secret_alone,
    in_the_tenant_tier,
);

/// What a new document key changes of a record.
const CHANGED: [&str; 3] = [DOCUMENT_KEY, NONCE, VALUE];

fn rotation(store: &EnvelopeStore) -> secret_store_core::Result<Rotation> {
    Ok(store.rotator().rotate_document_keys(ReencryptionId::generate()?))
}

async fn a_dry_run_changes_nothing(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let census = fixture.drive(rotation(&store)?.dry_run()).await?;
    ensure!(census.original() == RECORDS, "the census counts {}, expected {RECORDS}", census.original());
    ensure!(fixture.stored(&place).await? == before, "a dry run changed records");
    Ok(())
}

async fn everything_is_sealed_anew_as_the_same_versions(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let id = ReencryptionId::generate()?;
    let run = || store.rotator().rotate_document_keys(id).run();
    let report = fixture.drive(run()).await?;
    ensure!(report.changed() == RECORDS, "{} records changed, expected {RECORDS}", report.changed());
    fixture.finished(&store, &place, &report).await?;
    fixture.only_changed(&place, &before, &CHANGED).await?;
    fixture.opens(&fixture.store(&place)?, &place).await?;
    let again = fixture.drive(run()).await?;
    ensure!(again.changed() == 0 && again.is_complete(), "the same re-encryption found something: {again:?}");
    Ok(())
}

async fn readers_and_writers_go_on(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (rotating, program) = (fixture.store(&place)?, fixture.store(&place)?);
    fixture.fill(&rotating, &place).await?;
    let report = fixture.beside_a_program(&program, &place, rotation(&rotating)?.run()).await?;
    fixture.finished(&rotating, &place, &report).await?;
    fixture.opens(&fixture.store(&place)?, &place).await
}

async fn one_secret_alone(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let report = fixture.drive(rotation(&store)?.secret(&place.id("a"))?.run()).await?;
    // Its name begins another one's.
    ensure!(report.changed() == 3, "{} records changed, expected the 3 versions of one secret", report.changed());
    fixture.finished(&store, &place, &report).await?;
    let after = fixture.stored(&place).await?;
    for (key, record) in &before {
        let is_its = ProtectedSecret::from_record(&place.id("a"), record).is_ok();
        ensure!((*record != after[key]) == is_its, "{key:?} is not as expected");
    }
    fixture.opens(&fixture.store(&place)?, &place).await
}

async fn in_the_tenant_tier(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let keys = fixture.tenant_keys(fixture.from())?;
    let store = fixture.tenant_store(&place, &keys)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let report = fixture.drive(rotation(&store)?.run()).await?;
    fixture.finished(&store, &place, &report).await?;
    fixture.only_changed(&place, &before, &CHANGED).await?;
    fixture.opens(&fixture.tenant_store(&place, &fixture.tenant_keys(fixture.from())?)?, &place).await
}
