//! Versions of one name never repeat, and each stays what it was.

use secret_store_core::{ErrorKind, SecretStoreExt, SecretVersion};

use super::fixture::{Fixture, id, reads, strong, value};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "versions":
    the_first_is_one_and_each_is_larger,
    each_version_stays_readable,
    an_unknown_version_is_not_found,
    never_repeat_after_delete_and_create,
    earlier_versions_outlive_a_delete,
    a_restore_is_a_new_version,
    a_pin_holds_what_is_new_enough,
    a_pin_refuses_what_is_older,
    names_count_for_themselves,
);

async fn the_first_is_one_and_each_is_larger(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = None;
    for round in 0..5 {
        let version = store.put(&id("password"), value(&round.to_string())).await?.version;
        match last {
            None => ensure!(version == SecretVersion::FIRST, "the first version is {version}, expected 1"),
            Some(last) => ensure!(version > last, "version {version} follows version {last}"),
        }
        last = Some(version);
    }
    Ok(())
}

async fn each_version_stays_readable(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut versions = Vec::new();
    for text in ["one", "two", "three", "four"] {
        versions.push((store.put(&id("password"), value(text)).await?.version, text));
    }
    for (version, text) in versions {
        let secret = store.get_version(&id("password"), version).await?;
        ensure!(secret.expose_secret() == text.as_bytes(), "version {version} has another value than was put");
        ensure!(secret.info().version == version, "version {version} says that it is {}", secret.info().version);
    }
    Ok(())
}

async fn an_unknown_version_is_not_found(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let absent = store.get_version(&id("absent"), SecretVersion::FIRST).await;
    refused(absent, ErrorKind::NotFound, "a version of what was never put")?;
    let current = store.put(&id("password"), value("value")).await?.version;
    for number in [current.get() + 1, current.get() + 1000, u64::MAX] {
        let answer = store.get_version(&id("password"), SecretVersion::new(number)?).await;
        refused(answer, ErrorKind::NotFound, &format!("version {number} after {current}"))?;
    }
    Ok(())
}

async fn never_repeat_after_delete_and_create(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = None;
    for round in 0..4 {
        for put in 0..=round % 2 {
            let version = store.put(&id("password"), value(&format!("{round}/{put}"))).await?.version;
            ensure!(last.is_none_or(|last| version > last), "after a delete version {version} follows {last:?}");
            last = Some(version);
        }
        store.delete(&id("password")).await?;
    }
    Ok(())
}

async fn earlier_versions_outlive_a_delete(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put(&id("password"), value("first")).await?.version;
    let second = store.put(&id("password"), value("second")).await?.version;
    store.delete(&id("password")).await?;
    for (version, text) in [(first, "first"), (second, "second")] {
        let secret = store.get_version(&id("password"), version).await?;
        ensure!(secret.expose_secret() == text.as_bytes(), "after a delete version {version} has another value");
    }
    Ok(())
}

async fn a_restore_is_a_new_version(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put(&id("password"), value("first")).await?;
    let second = store.put(&id("password"), value("second")).await?;
    let restored = store.restore(&id("password"), first.version).await?;
    ensure!(restored.version > second.version, "a restore is version {}, after {}", restored.version, second.version);
    reads(&*store, &id("password"), b"first").await?;
    store.delete(&id("password")).await?;
    let again = store.restore(&id("password"), second.version).await?;
    ensure!(again.version > restored.version, "a restore after a delete is version {}", again.version);
    reads(&*store, &id("password"), b"second").await.map(drop)
}

async fn a_pin_holds_what_is_new_enough(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put(&id("password"), value("first")).await?.version;
    let second = store.put(&id("password"), value("second")).await?.version;
    for pin in [first, second] {
        let secret = store.get_with(&id("password"), strong().with_minimum_version(pin)).await?;
        ensure!(secret.expose_secret() == b"second", "a get pinned to {pin} answers another value");
    }
    Ok(())
}

async fn a_pin_refuses_what_is_older(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let version = store.put(&id("password"), value("value")).await?.version;
    let pinned = store.get_with(&id("password"), strong().with_minimum_version(version.next()?)).await;
    refused(pinned, ErrorKind::RollbackDetected, "a version below the caller's pin")?;
    reads(&*store, &id("password"), b"value").await.map(drop)
}

async fn names_count_for_themselves(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for _ in 0..3 {
        store.put(&id("busy"), value("value")).await?;
    }
    let version = store.put(&id("busy too"), value("value")).await?.version;
    ensure!(version == SecretVersion::FIRST, "the first version of a name is {version} because of another name");
    Ok(())
}
