//! Calls fail, answers get lost, commits are torn: every answer is typed, and nothing acknowledged is lost.

use std::sync::Arc;

use secret_store_core::{ErrorKind, PutOptions, Result, SecretInfo, SecretStore, SecretStoreExt, SecretVersion};

use super::super::fixture::{id, reads, strong, value};
use super::Fixture;
use crate::case::{Stop, Verdict, cases, ensure};
use crate::fault::{Failing, Fault, Tearing, TimingOut, TornAnswer};

cases!(Fixture; "failures":
    a_put_survives_each_failing_call,
    a_delete_survives_each_failing_call,
    a_read_reports_each_failing_call,
    a_lost_answer_is_no_lost_write,
    a_retry_with_its_token_after_a_lost_answer_writes_once,
    a_torn_commit_mixes_no_values,
);

/// No operation makes more calls of the persistence than this; a store that does fails the case instead of hanging it.
const MOST_CALLS: usize = 50;

/// A store whose n-th call from now on is unavailable.
struct Broken {
    failing: Arc<Failing>,
    store: Arc<dyn SecretStore>,
}

async fn broken(fixture: &Fixture) -> Result<Broken, Stop> {
    let failing = Arc::new(Failing::new(fixture.base()));
    let store = fixture.store_over(Arc::<Failing>::clone(&failing)).await?;
    Ok(Broken { failing, store })
}

impl Broken {
    /// Whether the call that was to fail was made.
    fn struck(&self, before: usize) -> bool {
        self.failing.heal();
        self.failing.failed() > before
    }

    fn fail_call(&self, spared: usize) -> usize {
        self.failing.fail(Fault::new(ErrorKind::Unavailable).after(spared));
        self.failing.failed()
    }
}

/// Demands that an operation which met a failure either succeeded or says that it is unavailable.
fn succeeded<T>(answer: &Result<T>, what: &str) -> Result<bool, Stop> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Unavailable => Ok(false),
        Err(error) => Err(Stop::failed(format!("{what}: {error} [{:?}], expected Unavailable", error.kind()))),
    }
}

async fn a_put_survives_each_failing_call(fixture: Fixture) -> Verdict {
    let broken = broken(&fixture).await?;
    let mut last = broken.store.put(&id("password"), value("old")).await?.version;
    for spared in 0..MOST_CALLS {
        let text = format!("put {spared}");
        let before = broken.fail_call(spared);
        let answer = broken.store.put(&id("password"), value(&text)).await;
        let struck = broken.struck(before);
        let landed = succeeded(&answer, &format!("a put whose call {spared} failed"))?;
        let seen = broken.store.get_with(&id("password"), strong()).await?;
        let new = seen.expose_secret() == text.as_bytes();
        ensure!(new || !landed, "an acknowledged put is not there after call {spared} failed");
        ensure!(new || seen.expose_secret() == b"old", "a put whose call {spared} failed left another value");
        last = next_version(&*broken.store, last.max(seen.info().version)).await?;
        if !struck {
            return Ok(());
        }
    }
    Err(Stop::failed(format!("a put makes more than {MOST_CALLS} calls")))
}

/// Puts `old` again, under a version above all before.
async fn next_version(store: &dyn SecretStore, last: SecretVersion) -> Result<SecretVersion, Stop> {
    let info: SecretInfo = store.put(&id("password"), value("old")).await?;
    ensure!(info.version > last, "after a failure version {} follows {last}", info.version);
    Ok(info.version)
}

async fn a_delete_survives_each_failing_call(fixture: Fixture) -> Verdict {
    let broken = broken(&fixture).await?;
    let mut last = SecretVersion::UNVERSIONED;
    for spared in 0..MOST_CALLS {
        last = next_version(&*broken.store, last).await?;
        let before = broken.fail_call(spared);
        let answer = broken.store.delete(&id("password")).await;
        let struck = broken.struck(before);
        let landed = succeeded(&answer, &format!("a delete whose call {spared} failed"))?;
        match broken.store.get_with(&id("password"), strong()).await {
            Ok(secret) => {
                ensure!(!landed, "an acknowledged delete is undone after call {spared} failed");
                ensure!(secret.expose_secret() == b"old", "a failed delete left another value");
            }
            Err(error) => ensure!(error.kind() == ErrorKind::NotFound, "after a failed delete: {error}"),
        }
        if !struck {
            return Ok(());
        }
    }
    Err(Stop::failed(format!("a delete makes more than {MOST_CALLS} calls")))
}

async fn a_read_reports_each_failing_call(fixture: Fixture) -> Verdict {
    let Broken { failing, store } = &broken(&fixture).await?;
    for name in ["a", "b"] {
        store.put(&id(name), value(name)).await?;
    }
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::PermissionDenied] {
        failing.fail(Fault::new(kind).forever());
        let application = id("a").application().clone();
        let answers = [
            ("get", store.get(&id("a")).await.err()),
            ("get_many", store.get_many(&[id("a"), id("b")]).await.err()),
            ("get_all", store.get_all(&application).await.err()),
            ("list", store.list(&application).await.err()),
            ("history", store.history(&id("a")).await.err()),
        ];
        failing.heal();
        for (what, error) in answers {
            let found = error.as_ref().map(secret_store_core::Error::kind);
            ensure!(found == Some(kind), "{what} over a persistence that is {kind:?} answers {found:?}");
        }
    }
    reads(&**store, &id("a"), b"a").await.map(drop)
}

async fn a_lost_answer_is_no_lost_write(fixture: Fixture) -> Verdict {
    let losing = Arc::new(TimingOut::new(fixture.base()));
    let store = fixture.store_over(Arc::<TimingOut>::clone(&losing)).await?;
    let mut last = SecretVersion::UNVERSIONED;
    for text in ["first", "second", "third"] {
        losing.lose(Fault::new(ErrorKind::Unavailable));
        let answer = store.put(&id("password"), value(text)).await;
        succeeded(&answer, "a put whose answer was lost")?;
        let secret = reads(&*store, &id("password"), text.as_bytes()).await?;
        let version = secret.info().version;
        ensure!(version > last, "version {version} follows {last}");
        ensure!(
            answer.is_err() || answer.is_ok_and(|info| info.version == version),
            "the put answered another version"
        );
        last = version;
    }
    losing.lose(Fault::new(ErrorKind::Unavailable));
    succeeded(&store.delete(&id("password")).await, "a delete whose answer was lost")?;
    ensure!(store.get_with(&id("password"), strong()).await.is_err(), "a delete whose answer was lost is undone");
    ensure!(losing.lost() == 4, "{} of 4 answers were lost", losing.lost());
    let next = store.put(&id("password"), value("next")).await?.version;
    ensure!(next > last, "version {next} follows {last} after a delete whose answer was lost");
    Ok(())
}

async fn a_retry_with_its_token_after_a_lost_answer_writes_once(fixture: Fixture) -> Verdict {
    let losing = Arc::new(TimingOut::new(fixture.base()));
    let store = fixture.store_over(Arc::<TimingOut>::clone(&losing)).await?;
    store.put(&id("password"), value("before")).await?;
    let token = || PutOptions::default().with_idempotency_token("request 1");
    losing.lose(Fault::new(ErrorKind::Unavailable));
    let first = store.put_with(&id("password"), value("value"), token()).await;
    succeeded(&first, "a put whose answer was lost")?;
    // The retry comes from a process that knows nothing of the first try.
    let again = fixture.store().await?.put_with(&id("password"), value("value"), token()).await?;
    let current = reads(&*store, &id("password"), b"value").await?;
    ensure!(again.version == current.info().version, "the retry answers version {}", again.version);
    let earlier = store.history(&id("password")).await?.items.len();
    ensure!(earlier == 1, "one put and its retry after another put left {earlier} earlier versions");
    Ok(())
}

/// A torn commit breaks the persistence's promise, so that a store may end up refusing; it may not answer what never was.
async fn a_torn_commit_mixes_no_values(fixture: Fixture) -> Verdict {
    for applied in 0..4 {
        let name = id(&format!("torn after {applied}"));
        let tearing = Arc::new(Tearing::new(fixture.base(), applied, TornAnswer::Unavailable));
        tearing.tear(0);
        let store = fixture.store_over(Arc::<Tearing>::clone(&tearing)).await?;
        let mut last = store.put(&name, value("old")).await?.version;
        tearing.tear(1);
        drop(store.put(&name, value("new")).await);
        tearing.tear(0);
        for reader in [Arc::clone(&store), fixture.store().await?] {
            if let Ok(secret) = reader.get_with(&name, strong()).await {
                let known = [&b"old"[..], b"new"].contains(&secret.expose_secret());
                ensure!(known, "a torn commit left a value that nobody put");
                last = last.max(secret.info().version);
            }
            if let Ok(info) = reader.put(&name, value("old")).await {
                ensure!(info.version > last, "after a torn commit version {} follows {last}", info.version);
                last = info.version;
            }
        }
    }
    Ok(())
}
