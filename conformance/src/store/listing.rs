//! The secrets of an application, sorted by name, without their values.

use secret_store_core::{SecretStoreExt, SecretVersion};

use super::basics::NAMES;
use super::fixture::{APPLICATION, Fixture, all_pages, application, id, id_in, listed, value};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "listing":
    an_empty_application_lists_nothing,
    sorts_by_the_bytes_of_the_name,
    pages_join_to_the_whole,
    each_secret_once_at_its_current_version,
    only_its_own_application,
    a_deleted_secret_is_not_listed,
    a_listing_answers_what_a_get_answers,
);

async fn an_empty_application_lists_nothing(fixture: Fixture) -> Verdict {
    let names = listed(&*fixture.store(), APPLICATION, 10).await?;
    ensure!(names.is_empty(), "a fresh store lists {names:?}");
    Ok(())
}

async fn sorts_by_the_bytes_of_the_name(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for name in NAMES {
        store.put(&id(name), value(name)).await?;
    }
    let mut expected = NAMES.to_vec();
    expected.sort_unstable();
    let names = listed(&*store, APPLICATION, 100).await?;
    ensure!(names == expected, "listed {names:?}, expected {expected:?}");
    Ok(())
}

async fn pages_join_to_the_whole(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for name in NAMES {
        store.put(&id(name), value(name)).await?;
        store.put(&id(name), value("again")).await?;
    }
    let whole = listed(&*store, APPLICATION, 100).await?;
    ensure!(whole.len() == NAMES.len(), "{} of {} secrets are listed", whole.len(), NAMES.len());
    for page in [1, 2, 3, 7, NAMES.len() - 1, NAMES.len(), NAMES.len() + 1] {
        let joined = listed(&*store, APPLICATION, page).await?;
        ensure!(joined == whole, "in pages of {page} the listing is {joined:?}, expected {whole:?}");
    }
    Ok(())
}

async fn each_secret_once_at_its_current_version(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = SecretVersion::FIRST;
    for text in ["one", "two", "three"] {
        last = store.put(&id("password"), value(text)).await?.version;
    }
    let application = application(APPLICATION);
    let infos = all_pages(|options| store.list_with(&application, options), 10).await?;
    ensure!(infos.len() == 1 && infos[0].version == last, "listed {infos:?}, expected one secret at version {last}");
    Ok(())
}

async fn only_its_own_application(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for application in ["App", "App.", "App#b", "app", "Ap"] {
        for _ in 0..2 {
            store.put(&id_in(application, application), value("value")).await?;
        }
    }
    for application in ["App", "App.", "App#b", "app", "Ap"] {
        let names = listed(&*store, application, 10).await?;
        ensure!(names == [application], "{application} lists {names:?}, expected its own secret");
    }
    Ok(())
}

async fn a_deleted_secret_is_not_listed(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for name in ["a", "b", "c"] {
        store.put(&id(name), value(name)).await?;
    }
    store.delete(&id("b")).await?;
    let names = listed(&*store, APPLICATION, 10).await?;
    ensure!(names == ["a", "c"], "after the delete of b {names:?} is listed");
    Ok(())
}

async fn a_listing_answers_what_a_get_answers(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for name in ["a", "b"] {
        store.put(&id(name), value(name)).await?;
    }
    let application = application(APPLICATION);
    for info in all_pages(|options| store.list_with(&application, options), 10).await? {
        let secret = store.get(&info.id).await?;
        ensure!(info == *secret.info(), "listed as {info:?}, read as {:?}", secret.info());
    }
    Ok(())
}
