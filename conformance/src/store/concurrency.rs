//! Writers at once: no update is lost and no version is given twice.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{ErrorKind, Precondition, PutOptions, SecretInfo, SecretStore, SecretStoreExt, SecretVersion};

use super::fixture::{APPLICATION, Fixture, all_pages, id, listed, strong, value};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "concurrency":
    puts_without_precondition_each_make_a_version,
    one_put_creates_a_secret,
    one_put_wins_each_revision,
    no_increment_is_lost,
    versions_never_repeat_beside_deletes,
    readers_see_whole_values,
    puts_of_different_names_all_land,
);

type Task<T> = BoxFuture<'static, Result<T, Stop>>;

impl Fixture {
    /// One task for each number, all at once.
    async fn tasks<T: Send + 'static>(
        &self,
        task: impl Fn(usize, Arc<dyn SecretStore>) -> Task<T>,
    ) -> Result<Vec<T>, Stop> {
        self.options.at_once((0..self.options.tasks).map(|number| task(number, self.store()))).await
    }

    /// Few writes, where every one of them stays in the history.
    fn few(&self) -> usize {
        self.options.rounds.min(4)
    }
}

async fn puts_without_precondition_each_make_a_version(fixture: Fixture) -> Verdict {
    let rounds = fixture.few();
    let put_some = |number: usize, store: Arc<dyn SecretStore>| -> Task<Vec<(SecretVersion, String)>> {
        async move {
            let mut made = Vec::new();
            for round in 0..rounds {
                let text = format!("{number}/{round}");
                made.push((store.put(&id("password"), value(&text)).await?.version, text));
            }
            Ok(made)
        }
        .boxed()
    };
    let mut made: Vec<_> = fixture.tasks(put_some).await?.into_iter().flatten().collect();
    made.sort();
    let distinct = made.windows(2).all(|pair| pair[0].0 != pair[1].0);
    ensure!(distinct, "two puts were answered the same version: {made:?}");
    let store = fixture.store();
    let last = made.last().map(|(version, _)| *version);
    let current = store.get_with(&id("password"), strong()).await?;
    ensure!(
        Some(current.info().version) == last,
        "current is version {}, the highest is {last:?}",
        current.info().version
    );
    let id = id("password");
    let kept = all_pages(|options| store.history_with(&id, options), 100).await?.len() + 1;
    for (version, text) in made.iter().rev().take(kept) {
        let secret = store.get_version(&id, *version).await?;
        ensure!(secret.expose_secret() == text.as_bytes(), "version {version} has another put's value");
    }
    Ok(())
}

/// Whether a conditional put won; anything but a conflict is a failure.
async fn wins(store: &dyn SecretStore, text: &str, precondition: Precondition) -> Result<Option<SecretInfo>, Stop> {
    let options = PutOptions::default().with_precondition(precondition);
    match store.put_with(&id("password"), value(text), options).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn one_winner(fixture: &Fixture, precondition: &Precondition) -> Result<SecretInfo, Stop> {
    let answers = fixture
        .tasks(|number, store| {
            let precondition = precondition.clone();
            async move { wins(&*store, &number.to_string(), precondition).await }.boxed()
        })
        .await?;
    let winners: Vec<_> =
        answers.iter().enumerate().filter_map(|(n, info)| info.as_ref().map(|info| (n, info))).collect();
    let [(winner, info)] = winners.as_slice() else {
        return Err(Stop::failed(format!("{} of {} puts on {precondition:?} won", winners.len(), answers.len())));
    };
    let current = fixture.store().get_with(&id("password"), strong()).await?;
    ensure!(current.expose_secret() == winner.to_string().as_bytes(), "put {winner} won, another's value is stored");
    Ok(SecretInfo::clone(info))
}

async fn one_put_creates_a_secret(fixture: Fixture) -> Verdict {
    for _ in 0..fixture.few() {
        one_winner(&fixture, &Precondition::Absent).await?;
        fixture.store().delete(&id("password")).await?;
    }
    Ok(())
}

async fn one_put_wins_each_revision(fixture: Fixture) -> Verdict {
    let mut current = fixture.store().put(&id("password"), value("first")).await?;
    for _ in 0..fixture.few() {
        current = one_winner(&fixture, &Precondition::Revision(current.revision)).await?;
    }
    Ok(())
}

async fn increment(store: &dyn SecretStore) -> Verdict {
    loop {
        let secret = store.get_with(&id("password"), strong()).await?;
        let count: u64 = secret.text()?.parse().map_err(|_| Stop::failed("the counter is no number any more"))?;
        let precondition = Precondition::Revision(secret.info().revision.clone());
        if wins(store, &(count + 1).to_string(), precondition).await?.is_some() {
            return Ok(());
        }
    }
}

async fn no_increment_is_lost(fixture: Fixture) -> Verdict {
    fixture.store().put(&id("password"), value("0")).await?;
    let rounds = fixture.few();
    let increment_some = |_, store: Arc<dyn SecretStore>| -> Task<()> {
        async move {
            for _ in 0..rounds {
                increment(&*store).await?;
            }
            Ok(())
        }
        .boxed()
    };
    let expected = fixture.tasks(increment_some).await?.len() * rounds;
    let count = fixture.store().get_with(&id("password"), strong()).await?;
    ensure!(count.expose_secret() == expected.to_string().as_bytes(), "of {expected} increments some were lost");
    Ok(())
}

async fn versions_never_repeat_beside_deletes(fixture: Fixture) -> Verdict {
    let rounds = fixture.few();
    let put_or_delete = |number: usize, store: Arc<dyn SecretStore>| -> Task<Vec<SecretVersion>> {
        async move {
            let mut versions = Vec::new();
            for _ in 0..rounds {
                if number % 4 == 3 {
                    match store.delete(&id("password")).await {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                        _ => {}
                    }
                } else {
                    versions.push(store.put(&id("password"), value("value")).await?.version);
                }
            }
            Ok(versions)
        }
        .boxed()
    };
    let mut versions: Vec<_> = fixture.tasks(put_or_delete).await?.into_iter().flatten().collect();
    versions.sort();
    let distinct = versions.windows(2).all(|pair| pair[0] != pair[1]);
    ensure!(distinct, "two puts beside deletes were answered the same version: {versions:?}");
    Ok(())
}

async fn readers_see_whole_values(fixture: Fixture) -> Verdict {
    fixture.store().put(&id("password"), value(&"0".repeat(5000))).await?;
    let rounds = fixture.few();
    let write_or_read = |number: usize, store: Arc<dyn SecretStore>| -> Task<()> {
        async move {
            for round in 0..rounds {
                if number.is_multiple_of(2) {
                    store.put(&id("password"), value(&(round % 10).to_string().repeat(5000))).await?;
                } else {
                    let secret = store.get(&id("password")).await?;
                    let bytes = secret.expose_secret();
                    let whole = bytes.len() == 5000 && bytes.iter().all(|byte| *byte == bytes[0]);
                    ensure!(whole, "a reader saw a value between two puts");
                }
            }
            Ok(())
        }
        .boxed()
    };
    fixture.tasks(write_or_read).await.map(drop)
}

async fn puts_of_different_names_all_land(fixture: Fixture) -> Verdict {
    let rounds = fixture.few();
    let put_some = |number: usize, store: Arc<dyn SecretStore>| -> Task<()> {
        async move {
            for round in 0..rounds {
                store.put(&id(&format!("{number:02}/{round:02}")), value("value")).await?;
            }
            Ok(())
        }
        .boxed()
    };
    let expected = fixture.tasks(put_some).await?.len() * rounds;
    let names = listed(&*fixture.store(), APPLICATION, 100).await?.len();
    ensure!(names == expected, "{expected} secrets were put at once, {names} are listed");
    Ok(())
}
