//! One call fails, wherever that is: the rotation gets round it, or is run again and goes on.

use std::sync::Arc;

use secret_store_core::{ErrorKind, KeyProvider, Persistence};

use super::fixture::{DOCUMENT_KEY, Fixture, MASTER_KEY_ID, Place};
use super::master::rotation;
use crate::case::{Stop, Verdict, cases, ensure};
use crate::fault::{Failing, FailingKeyProvider, Fault, Operation, TimingOut};

cases!(Fixture; "faults":
    a_call_of_the_persistence_fails,
    a_call_of_the_key_provider_fails,
    a_commit_lands_and_its_answer_is_lost,
);

/// The first call of a kind, and some later ones.
const CALLS: [usize; 3] = [0, 2, 5];

/// Runs a rotation over backends of which something fails, then one over sound ones.
async fn rotated(
    fixture: &Fixture,
    what: &str,
    make: impl FnOnce(Arc<dyn KeyProvider>, Arc<dyn Persistence>) -> (Arc<dyn KeyProvider>, Arc<dyn Persistence>),
) -> Verdict {
    let place = Place::small(what);
    let sound = fixture.store(&place)?;
    fixture.fill(&sound, &place).await?;
    let before = fixture.stored(&place).await?;
    let (keys, records) = make(Arc::clone(&fixture.keys), Arc::clone(&fixture.records));
    let ailing = fixture.store_over(&place, keys, records)?;
    match fixture.drive(rotation(fixture, &ailing).run()).await {
        Ok(report) => fixture.finished(&sound, &place, &report).await?,
        Err(error) if error.is_retryable() || error.kind() == ErrorKind::Conflict => {}
        Err(error) => return Err(Stop::failed(format!("{what}: {error} [{:?}]", error.kind()))),
    }
    fixture.opens(&sound, &place).await?;
    let report = fixture.drive(rotation(fixture, &sound).run()).await?;
    fixture.finished(&sound, &place, &report).await?;
    fixture.only_changed(&place, &before, &[MASTER_KEY_ID, DOCUMENT_KEY]).await?;
    fixture.opens(&fixture.remaining_store(&place)?, &place).await
}

async fn a_call_of_the_persistence_fails(fixture: Fixture) -> Verdict {
    for operation in [Operation::Load, Operation::List, Operation::Commit] {
        let mut struck = 0;
        for (call, kind) in CALLS.into_iter().zip([ErrorKind::Unavailable, ErrorKind::Throttled].into_iter().cycle()) {
            let mut failing = None;
            rotated(&fixture, &format!("{operation:?}.{call}"), |keys, records| {
                let records = Arc::new(Failing::new(records));
                records.fail(Fault::new(kind).on(operation).after(call));
                failing = Some(Arc::clone(&records));
                (keys, records)
            })
            .await?;
            struck += failing.map_or(0, |failing| failing.failed());
        }
        ensure!(struck > 1, "of the calls of {operation:?}, {struck} failed: nothing was tried");
    }
    Ok(())
}

async fn a_call_of_the_key_provider_fails(fixture: Fixture) -> Verdict {
    for operation in [Operation::GenerateKey, Operation::UnwrapKey, Operation::RewrapKey] {
        let mut struck = 0;
        for (call, kind) in CALLS.into_iter().zip([ErrorKind::Throttled, ErrorKind::Unavailable].into_iter().cycle()) {
            let mut failing = None;
            rotated(&fixture, &format!("{operation:?}.{call}"), |keys, records| {
                let keys = Arc::new(FailingKeyProvider::new(keys));
                keys.fail(Fault::new(kind).on(operation).after(call));
                failing = Some(Arc::clone(&keys));
                (keys, records)
            })
            .await?;
            struck += failing.map_or(0, |failing| failing.failed());
        }
        ensure!(struck > 0, "no call of {operation:?} failed: nothing was tried");
    }
    Ok(())
}

async fn a_commit_lands_and_its_answer_is_lost(fixture: Fixture) -> Verdict {
    for call in CALLS {
        rotated(&fixture, &format!("Lost.{call}"), |keys, records| {
            let records = Arc::new(TimingOut::new(records));
            records.lose(Fault::new(ErrorKind::Unavailable).after(call));
            (keys, records)
        })
        .await?;
    }
    Ok(())
}
