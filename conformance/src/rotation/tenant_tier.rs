//! A master key beneath tenants' keys gives way to another: tenants' keys move, secrets do not.

use futures::future::LocalBoxFuture;
use secret_store_core::rotation::TenantTierRotation;
use secret_store_core::{EnvelopeStore, TenantKeyVersion, TenantKeys};

use super::fixture::{Fixture, MASTER_KEY_ID, Place};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture, LocalBoxFuture<'static, Verdict>; "tenant_tier":
    a_dry_run_changes_nothing,
    no_record_of_a_secret_changes,
    the_old_key_is_proved_to_be_needed_no_more_and_taken_away,
);

/// A tenant with two versions of its key, both in use.
async fn filled(fixture: &Fixture, place: &Place) -> Result<EnvelopeStore, Stop> {
    let keys = fixture.tenant_keys(fixture.from())?;
    let store = fixture.tenant_store(place, &keys)?;
    fixture.fill(&store, place).await?;
    fixture.drive(keys.activate_next(&place.tenant, TenantKeyVersion::FIRST)).await?;
    Ok(store)
}

/// Tenant keys are configured with the new master key first.
fn rotation(fixture: &Fixture, place: &Place, store: &EnvelopeStore) -> Result<(TenantKeys, TenantTierRotation), Stop> {
    let keys = fixture.tenant_keys(fixture.to())?;
    let rotation = store.rotator().rotate_master_key_of_tenants(&keys, fixture.from(), fixture.to());
    Ok((keys, rotation.tenants([place.tenant.clone()])))
}

async fn a_dry_run_changes_nothing(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = filled(&fixture, &place).await?;
    let before = fixture.stored(&place).await?;
    let (_, rotation) = rotation(&fixture, &place, &store)?;
    let census = fixture.drive(rotation.dry_run()).await?;
    ensure!((census.versions, census.changed) == (2, 2), "the census counts {census:?}");
    ensure!(fixture.stored(&place).await? == before, "a dry run changed records");
    Ok(())
}

async fn no_record_of_a_secret_changes(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = filled(&fixture, &place).await?;
    let before = fixture.stored(&place).await?;
    let (_, rotation) = rotation(&fixture, &place, &store)?;
    let report = fixture.drive(rotation.run()).await?;
    ensure!(report.is_complete() && report.changed == 2, "two versions were to move: {report:?}");
    let after = fixture.stored(&place).await?;
    ensure!(before.keys().eq(after.keys()), "records came or went");
    for (key, record) in &before {
        let names_old = record.text(MASTER_KEY_ID).is_some_and(|id| **id == *fixture.from().as_str());
        ensure!((*record != after[key]) == names_old, "{key:?} is not as expected");
    }
    fixture.opens(&fixture.tenant_store(&place, &fixture.remaining_tenant_keys()?)?, &place).await
}

async fn the_old_key_is_proved_to_be_needed_no_more_and_taken_away(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = filled(&fixture, &place).await?;
    let (keys, rotation) = rotation(&fixture, &place, &store)?;
    let check = || {
        let check = store.rotator().check_retirement(fixture.from()).applications([]);
        check.tenants(&keys, [place.tenant.clone()]).run()
    };
    let before = fixture.drive(check()).await?.tenant_keys;
    ensure!((before.versions, before.needed_by.count()) == (2, 2), "two versions need it: {before:?}");
    fixture.drive(rotation.run()).await?;
    let after = fixture.drive(check()).await?;
    ensure!(after.is_proven() && after.tenant_keys.versions == 2, "after the rotation it is not proved: {after:?}");
    fixture.instance.take_old_key_away().await?;
    fixture.opens(&fixture.tenant_store(&place, &fixture.remaining_tenant_keys()?)?, &place).await
}
