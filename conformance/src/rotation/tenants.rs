//! A version of a tenant's key gives way to the next.

use secret_store_core::rotation::Rotation;
use secret_store_core::{EnvelopeStore, ErrorKind, RecordKey, SecretStoreExt, TenantKeyVersion, TenantKeys};

use super::fixture::{DOCUMENT_KEY, Fixture, Place, RECORDS, Records, only_changed};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "tenants":
    a_dry_run_changes_nothing,
    values_and_history_stay_to_the_byte,
    readers_and_writers_go_on,
    the_old_version_is_proved_to_be_needed_no_more_and_destroyed,
    a_stopped_one_goes_on,
);

const FIRST: TenantKeyVersion = TenantKeyVersion::FIRST;

/// An application in the tenant tier, filled.
async fn filled(fixture: &Fixture, place: &Place) -> Result<(TenantKeys, EnvelopeStore), Stop> {
    let keys = fixture.tenant_keys(fixture.from())?;
    let store = fixture.tenant_store(place, &keys)?;
    fixture.fill(&store, place).await?;
    Ok((keys, store))
}

fn rotation(place: &Place, keys: &TenantKeys, store: &EnvelopeStore) -> Rotation {
    store.rotator().rotate_tenant_key(keys, &place.tenant, FIRST)
}

/// Demands that a process that has just begun opens everything.
async fn opens(fixture: &Fixture, place: &Place) -> Verdict {
    let keys = fixture.tenant_keys(fixture.from())?;
    fixture.opens(&fixture.tenant_store(place, &keys)?, place).await
}

fn without_versions(mut records: Records) -> Records {
    let is_secret = |key: &RecordKey| !key.partition().starts_with("~k~");
    records.retain(|key, _| is_secret(key));
    records
}

async fn a_dry_run_changes_nothing(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (keys, store) = filled(&fixture, &place).await?;
    let before = fixture.stored(&place).await?;
    let census = fixture.drive(rotation(&place, &keys, &store).dry_run()).await?;
    ensure!(census.original() == RECORDS, "the census counts {}, expected {RECORDS}", census.original());
    ensure!(fixture.stored(&place).await? == before, "a dry run changed records");
    Ok(())
}

async fn values_and_history_stay_to_the_byte(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (keys, store) = filled(&fixture, &place).await?;
    let before = without_versions(fixture.stored(&place).await?);
    let report = fixture.drive(rotation(&place, &keys, &store).run()).await?;
    ensure!(report.changed() == RECORDS, "{} records changed, expected {RECORDS}", report.changed());
    fixture.finished(&store, &place, &report).await?;
    let after = without_versions(fixture.stored(&place).await?);
    only_changed(&before, &after, &[DOCUMENT_KEY])?;
    let versions = fixture.drive(keys.versions(&place.tenant)).await?;
    ensure!(versions.len() == 2, "there are {} versions, expected 2", versions.len());
    opens(&fixture, &place).await
}

async fn readers_and_writers_go_on(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (keys, rotating) = filled(&fixture, &place).await?;
    let program = fixture.tenant_store(&place, &fixture.tenant_keys(fixture.from())?)?;
    let rotation = rotation(&place, &keys, &rotating).run();
    let report = fixture.beside_a_program(&program, &place, rotation).await?;
    fixture.finished(&rotating, &place, &report).await?;
    let check = rotating.rotator().check_tenant_key_retirement(&keys, &place.tenant, FIRST).run();
    let check = fixture.drive(check).await?;
    ensure!(check.is_proven(), "what was written meanwhile needs the old version: {check:?}");
    opens(&fixture, &place).await
}

async fn the_old_version_is_proved_to_be_needed_no_more_and_destroyed(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (keys, store) = filled(&fixture, &place).await?;
    let check = || store.rotator().check_tenant_key_retirement(&keys, &place.tenant, FIRST).run();
    let before = fixture.drive(check()).await?;
    ensure!(!before.is_proven(), "it is needed, and the check says it is not: {before:?}");
    let needed = before.applications[0].needed_by.count();
    ensure!(needed == RECORDS, "{needed} records need it, expected {RECORDS}");
    fixture.drive(rotation(&place, &keys, &store).run()).await?;
    let after = fixture.drive(check()).await?;
    ensure!(after.is_proven(), "after the rotation it is not proved: {after:?}");
    fixture.drive(keys.retire(&place.tenant, FIRST)).await?;
    fixture.drive(keys.destroy_version(&place.tenant, FIRST)).await?;
    opens(&fixture, &place).await?;
    // The way in which it would have been missed.
    fixture.drive(keys.destroy_tenant(&place.tenant)).await?;
    let late = fixture.tenant_store(&place, &fixture.tenant_keys(fixture.from())?)?;
    refused(fixture.drive(late.get(&place.id("a"))).await, ErrorKind::KeyDestroyed, "a destroyed tenant's secret")?;
    Ok(())
}

async fn a_stopped_one_goes_on(fixture: Fixture) -> Verdict {
    for calls in [2, 8, 20] {
        let place = Place::small(&format!("Stopped.{calls}"));
        let (keys, store) = filled(&fixture, &place).await?;
        let stopped = fixture.time.for_calls(calls, rotation(&place, &keys, &store).run());
        if let Some(report) = fixture.drive(stopped).await {
            fixture.finished(&store, &place, &report?).await?;
        }
        opens(&fixture, &place).await?;
        let keys = fixture.tenant_keys(fixture.from())?;
        let next = fixture.tenant_store(&place, &keys)?;
        let report = fixture.drive(rotation(&place, &keys, &next).run()).await?;
        fixture.finished(&next, &place, &report).await?;
        let versions = fixture.drive(keys.versions(&place.tenant)).await?;
        ensure!(versions.len() == 2, "stopped after {calls} calls: {} versions, expected 2", versions.len());
        opens(&fixture, &place).await?;
    }
    Ok(())
}
