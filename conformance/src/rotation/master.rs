//! A master key gives way to another.

use futures::future::join;
use secret_store_core::rotation::Rotation;
use secret_store_core::{EnvelopeStore, ErrorKind, SecretStoreExt};

use super::fixture::{DOCUMENT_KEY, Fixture, MASTER_KEY_ID, Place, RECORDS};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "master":
    a_dry_run_changes_nothing,
    values_and_history_stay_to_the_byte,
    readers_and_writers_go_on,
    the_old_key_is_proved_to_be_needed_no_more_and_taken_away,
    the_way_back_is_a_rotation_too,
    a_stopped_one_goes_on,
    two_at_once_end_as_one,
);

pub(super) fn rotation(fixture: &Fixture, store: &EnvelopeStore) -> Rotation {
    store.rotator().rotate_master_key(fixture.from(), fixture.to())
}

/// Demands that the new key alone opens everything.
async fn new_key_opens(fixture: &Fixture, place: &Place) -> Verdict {
    fixture.opens(&fixture.remaining_store(place)?, place).await
}

async fn a_dry_run_changes_nothing(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let census = fixture.drive(rotation(&fixture, &store).dry_run()).await?;
    let of = &census.applications[0];
    ensure!((of.original, of.terminal, of.neither.count()) == (RECORDS, 0, 0), "the census counts {of:?}");
    let under = of.wraps.get(fixture.from()).copied();
    ensure!(under == Some(RECORDS) && of.wraps.len() == 1, "the census counts wraps {:?}", of.wraps);
    ensure!(fixture.stored(&place).await? == before, "a dry run changed records");
    let job = fixture.drive(store.rotator().job(&place.application)).await?;
    ensure!(job.is_none(), "a dry run left a job: {job:?}");
    let settings = fixture.drive(store.settings(&place.application)).await?;
    ensure!(settings.replacement(fixture.from()).is_none(), "a dry run replaced the key");
    Ok(())
}

async fn values_and_history_stay_to_the_byte(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let before = fixture.stored(&place).await?;
    let report = fixture.drive(rotation(&fixture, &store).run()).await?;
    ensure!(report.changed() == RECORDS, "{} records changed, expected {RECORDS}", report.changed());
    fixture.finished(&store, &place, &report).await?;
    fixture.only_changed(&place, &before, &[MASTER_KEY_ID, DOCUMENT_KEY]).await?;
    let settings = fixture.drive(store.settings(&place.application)).await?;
    ensure!(settings.replacement(fixture.from()) == Some(fixture.to()), "the settings do not name the new key");
    new_key_opens(&fixture, &place).await?;
    let again = fixture.drive(rotation(&fixture, &store).run()).await?;
    ensure!(again.changed() == 0 && again.is_complete(), "a second run found something: {again:?}");
    Ok(())
}

async fn readers_and_writers_go_on(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let (rotating, program) = (fixture.store(&place)?, fixture.store(&place)?);
    fixture.fill(&rotating, &place).await?;
    let report = fixture.beside_a_program(&program, &place, rotation(&fixture, &rotating).run()).await?;
    fixture.finished(&rotating, &place, &report).await?;
    new_key_opens(&fixture, &place).await
}

async fn the_old_key_is_proved_to_be_needed_no_more_and_taken_away(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    let check = || store.rotator().check_retirement(fixture.from()).run();
    let before = fixture.drive(check()).await?;
    let of = &before.applications[0];
    ensure!(!before.is_proven() && !of.is_replaced, "it is needed, and the check says it is not: {before:?}");
    ensure!(of.needed_by.count() == RECORDS, "{} records need it, expected {RECORDS}", of.needed_by.count());
    fixture.drive(rotation(&fixture, &store).run()).await?;
    let after = fixture.drive(check()).await?;
    ensure!(after.is_proven(), "after the rotation it is not proved: {after:?}");
    // A writer that is configured with the old key as before.
    let [before, after] = ["before", "after"].map(|name| place.id(name));
    let info = fixture.drive(store.put(&before, "before".into())).await?;
    ensure!(info.master_key_id == *fixture.to(), "a put after the rotation is under {}", info.master_key_id);
    fixture.instance.take_old_key_away().await?;
    new_key_opens(&fixture, &place).await?;
    let remaining = fixture.remaining_store(&place)?;
    fixture.drive(remaining.put(&after, "after".into())).await?;
    for (id, expected) in [(&before, "before"), (&after, "after")] {
        let read = fixture.drive(remaining.get(id)).await?;
        ensure!(read.expose_secret() == expected.as_bytes(), "{id} reads as another value");
    }
    Ok(())
}

async fn the_way_back_is_a_rotation_too(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let store = fixture.store(&place)?;
    fixture.fill(&store, &place).await?;
    fixture.drive(rotation(&fixture, &store).run()).await?;
    let before = fixture.stored(&place).await?;
    let back = store.rotator().rotate_master_key(fixture.to(), fixture.from());
    let report = fixture.drive(back.run()).await?;
    ensure!(report.changed() == RECORDS, "{} records went back, expected {RECORDS}", report.changed());
    fixture.finished(&store, &place, &report).await?;
    fixture.only_changed(&place, &before, &[MASTER_KEY_ID, DOCUMENT_KEY]).await?;
    fixture.opens(&fixture.store(&place)?, &place).await?;
    let check = fixture.drive(store.rotator().check_retirement(fixture.to()).run()).await?;
    ensure!(check.is_proven(), "the key that was left again is needed: {check:?}");
    Ok(())
}

/// Stopped after so many calls of the backend, as a killed process is; another one goes on.
async fn a_stopped_one_goes_on(fixture: Fixture) -> Verdict {
    let mut ended = false;
    for calls in [1, 3, 7, 14, 25, 1000] {
        let place = Place::small(&format!("Stopped.{calls}"));
        let store = fixture.store(&place)?;
        fixture.fill(&store, &place).await?;
        let stopped = fixture.time.for_calls(calls, rotation(&fixture, &store).run());
        if let Some(report) = fixture.drive(stopped).await {
            fixture.finished(&store, &place, &report?).await?;
            ended = true;
        } else {
            fixture.opens(&fixture.store(&place)?, &place).await?;
            let next = fixture.store(&place)?;
            let report = fixture.drive(rotation(&fixture, &next).run()).await;
            let report = report.map_err(|error| Stop::failed(format!("stopped after {calls} calls: {error}")))?;
            fixture.finished(&next, &place, &report).await?;
        }
        new_key_opens(&fixture, &place).await?;
    }
    ensure!(ended, "a rotation of three records takes over a thousand calls");
    Ok(())
}

async fn two_at_once_end_as_one(fixture: Fixture) -> Verdict {
    let place = Place::usual();
    let [one, two] = [fixture.store(&place)?, fixture.store(&place)?];
    fixture.fill(&one, &place).await?;
    let before = fixture.stored(&place).await?;
    let ended = fixture.drive(join(rotation(&fixture, &one).run(), rotation(&fixture, &two).run())).await;
    let mut changed = 0;
    for outcome in [ended.0, ended.1] {
        match outcome {
            Ok(report) => changed += report.changed(),
            Err(error) if matches!(error.kind(), ErrorKind::Contention | ErrorKind::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let report = fixture.drive(rotation(&fixture, &one).run()).await?;
    changed += report.changed();
    ensure!(changed <= RECORDS, "{changed} records changed, of {RECORDS}: some twice");
    fixture.finished(&one, &place, &report).await?;
    fixture.only_changed(&place, &before, &[MASTER_KEY_ID, DOCUMENT_KEY]).await?;
    new_key_opens(&fixture, &place).await
}
