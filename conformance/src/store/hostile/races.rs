//! Another writer is faster: a put without precondition goes on, one with a precondition is told.

use std::sync::Arc;

use secret_store_core::{
    DeleteOptions, ErrorKind, Precondition, PutOptions, SecretStore, SecretStoreExt, SecretVersion,
};

use super::super::fixture::{id, reads, value};
use super::Fixture;
use crate::case::{Stop, Verdict, cases, ensure, refused};
use crate::fault::{Failing, Fault, Operation, Racing};

cases!(Fixture; "races":
    a_lost_put_becomes_a_version_of_its_own,
    a_lost_creation_becomes_a_version_of_its_own,
    a_put_over_a_lost_delete_does_not_repeat_versions,
    a_lost_conditional_put_is_a_conflict,
    a_lost_delete_deletes_what_is_there,
    a_lost_conditional_delete_is_a_conflict,
    contention_is_repeated,
);

/// A store that loses races against a rival, who is another process.
struct Race {
    racing: Arc<Racing>,
    store: Arc<dyn SecretStore>,
    rival: Arc<dyn SecretStore>,
}

async fn race(fixture: &Fixture) -> Result<Race, Stop> {
    let racing = Arc::new(Racing::new(fixture.base()));
    let store = fixture.store_over(Arc::<Racing>::clone(&racing)).await?;
    Ok(Race { racing, store, rival: fixture.store().await? })
}

impl Race {
    fn rival_puts(&self, text: &'static str) {
        let rival = Arc::clone(&self.rival);
        self.racing.before_commit(async move {
            // A rival that fails is noticed by the case: its value is missing.
            drop(rival.put(&id("password"), value(text)).await);
        });
    }

    fn rival_deletes(&self) {
        let rival = Arc::clone(&self.rival);
        self.racing.before_commit(async move { drop(rival.delete(&id("password")).await) });
    }

    fn is_over(&self) -> Verdict {
        ensure!(self.racing.waiting() == 0, "the write made no commit for the rival to come before");
        Ok(())
    }

    async fn version_is(&self, version: SecretVersion, text: &str) -> Verdict {
        let secret = self.store.get_version(&id("password"), version).await?;
        ensure!(secret.expose_secret() == text.as_bytes(), "version {version} has another writer's value");
        Ok(())
    }
}

async fn a_lost_put_becomes_a_version_of_its_own(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    let first = race.store.put(&id("password"), value("first")).await?.version;
    for text in ["rival 1", "rival 2", "rival 3"] {
        race.rival_puts(text);
    }
    let own = race.store.put(&id("password"), value("own")).await?.version;
    race.is_over()?;
    reads(&*race.store, &id("password"), b"own").await?;
    let rival = race.store.history(&id("password")).await?.items;
    ensure!(rival.len() == 4, "three rivals and a first put left {} earlier versions", rival.len());
    ensure!(own > first && rival.iter().all(|info| info.version < own), "versions are not in the order of the commits");
    race.version_is(rival[0].version, "rival 3").await
}

async fn a_lost_creation_becomes_a_version_of_its_own(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    race.rival_puts("rival");
    let own = race.store.put(&id("password"), value("own")).await?.version;
    race.is_over()?;
    ensure!(own > SecretVersion::FIRST, "the second to create a secret is version {own}");
    race.version_is(SecretVersion::FIRST, "rival").await?;
    reads(&*race.store, &id("password"), b"own").await.map(drop)
}

async fn a_put_over_a_lost_delete_does_not_repeat_versions(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    let first = race.store.put(&id("password"), value("first")).await?.version;
    race.rival_deletes();
    let own = race.store.put(&id("password"), value("own")).await?.version;
    race.is_over()?;
    ensure!(own > first, "after a rival's delete version {own} follows {first}");
    race.version_is(first, "first").await?;
    reads(&*race.store, &id("password"), b"own").await.map(drop)
}

async fn a_lost_conditional_put_is_a_conflict(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    race.rival_puts("rival");
    let create = PutOptions::default().with_precondition(Precondition::Absent);
    let lost = race.store.put_with(&id("password"), value("own"), create).await;
    let error = refused(lost, ErrorKind::Conflict, "a creation that a rival made first")?;
    let current = reads(&*race.store, &id("password"), b"rival").await?.info().revision.clone();
    ensure!(error.revision() == Some(&current), "the conflict carries {:?}, current is {current}", error.revision());
    race.rival_puts("rival again");
    let update = PutOptions::default().with_precondition(Precondition::Revision(current));
    let lost = race.store.put_with(&id("password"), value("own"), update).await;
    refused(lost, ErrorKind::Conflict, "an update that a rival made first")?;
    race.is_over()?;
    reads(&*race.store, &id("password"), b"rival again").await.map(drop)
}

async fn a_lost_delete_deletes_what_is_there(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    race.store.put(&id("password"), value("first")).await?;
    race.rival_puts("rival");
    race.store.delete(&id("password")).await?;
    race.is_over()?;
    refused(race.store.get(&id("password")).await, ErrorKind::NotFound, "a deleted secret")?;
    let next = race.store.put(&id("password"), value("next")).await?.version;
    ensure!(next.get() > 2, "after two versions and a delete comes version {next}");
    Ok(())
}

async fn a_lost_conditional_delete_is_a_conflict(fixture: Fixture) -> Verdict {
    let race = race(&fixture).await?;
    let first = race.store.put(&id("password"), value("first")).await?;
    race.rival_puts("rival");
    let options = DeleteOptions::default().with_precondition(Precondition::Revision(first.revision));
    let lost = race.store.delete_with(&id("password"), options).await;
    refused(lost, ErrorKind::Conflict, "a conditional delete after a rival's put")?;
    race.is_over()?;
    reads(&*race.store, &id("password"), b"rival").await.map(drop)
}

async fn contention_is_repeated(fixture: Fixture) -> Verdict {
    let contended = Arc::new(Failing::new(fixture.base()));
    let store = fixture.store_over(Arc::<Failing>::clone(&contended)).await?;
    let fault = || Fault::new(ErrorKind::Contention).on(Operation::Commit).times(3);
    contended.fail(fault());
    store.put(&id("password"), value("first")).await?;
    contended.fail(fault());
    store.put(&id("password"), value("second")).await?;
    reads(&*store, &id("password"), b"second").await?;
    contended.fail(fault());
    store.delete(&id("password")).await?;
    ensure!(contended.failed() == 9, "{} of 9 contended commits were met", contended.failed());
    Ok(())
}
