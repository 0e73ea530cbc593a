//! What is put is what is got.

use secret_store_core::{DeleteOptions, ErrorKind, PutOptions, SecretStoreExt, SecretValue};

use super::fixture::{Fixture, id, id_in, reads, value};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "basics":
    a_value_round_trips,
    an_empty_value_is_a_value,
    every_byte_round_trips,
    the_largest_value_round_trips,
    what_was_never_put_is_not_found,
    a_put_replaces_the_value,
    put_and_get_answer_the_same_information,
    a_deleted_secret_is_not_found,
    deleting_what_is_absent_is_not_found,
    names_are_kept_apart,
    applications_are_kept_apart,
    a_put_chooses_its_master_key,
);

async fn a_value_round_trips(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    store.put(&id("password"), value("hunter2")).await?;
    let secret = reads(&*store, &id("password"), b"hunter2").await?;
    ensure!(secret.text().is_ok_and(|text| text == "hunter2"), "the value is no longer the text that was put");
    Ok(())
}

async fn an_empty_value_is_a_value(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    store.put(&id("empty"), value("")).await?;
    reads(&*store, &id("empty"), b"").await.map(drop)
}

async fn every_byte_round_trips(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let bytes: Vec<u8> = (0..=255).collect();
    store.put(&id("bytes"), SecretValue::new(bytes.clone())).await?;
    reads(&*store, &id("bytes"), &bytes).await?;
    for length in [1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 4095, 4096, 4097] {
        let bytes = vec![0; length];
        store.put(&id("zeros"), SecretValue::new(bytes.clone())).await?;
        reads(&*store, &id("zeros"), &bytes).await?;
    }
    Ok(())
}

async fn the_largest_value_round_trips(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let bytes = vec![0xa5; fixture.instance.max_value_bytes];
    store.put(&id("large"), SecretValue::new(bytes.clone())).await?;
    reads(&*store, &id("large"), &bytes).await.map(drop)
}

async fn what_was_never_put_is_not_found(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    refused(store.get(&id("absent")).await, ErrorKind::NotFound, "a secret of a fresh store")?;
    store.put(&id("other"), value("other")).await?;
    let error = refused(store.get(&id("absent")).await, ErrorKind::NotFound, "a secret that was never put")?;
    ensure!(error.secret().is_none_or(|secret| *secret == id("absent")), "the error names another secret");
    Ok(())
}

async fn a_put_replaces_the_value(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for text in ["first", "second, which is longer", "3", ""] {
        store.put(&id("password"), value(text)).await?;
        reads(&*store, &id("password"), text.as_bytes()).await?;
    }
    Ok(())
}

async fn put_and_get_answer_the_same_information(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for text in ["first", "second"] {
        let put = store.put(&id("password"), value(text)).await?;
        let got = reads(&*store, &id("password"), text.as_bytes()).await?;
        ensure!(put == *got.info(), "a put answered {put:?}, the get after it {:?}", got.info());
    }
    Ok(())
}

async fn a_deleted_secret_is_not_found(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    store.put(&id("deleted"), value("value")).await?;
    store.put(&id("kept"), value("kept")).await?;
    store.delete(&id("deleted")).await?;
    refused(store.get(&id("deleted")).await, ErrorKind::NotFound, "a deleted secret")?;
    reads(&*store, &id("kept"), b"kept").await?;
    store.put(&id("deleted"), value("again")).await?;
    reads(&*store, &id("deleted"), b"again").await.map(drop)
}

async fn deleting_what_is_absent_is_not_found(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    refused(store.delete(&id("absent")).await, ErrorKind::NotFound, "the delete of what was never put")?;
    store.put(&id("gone"), value("value")).await?;
    store.delete_with(&id("gone"), DeleteOptions::default()).await?;
    refused(store.delete(&id("gone")).await, ErrorKind::NotFound, "a second delete").map(drop)
}

/// Names that one mistake or another would make one: prefixes, case, normalisation, paths, separators.
pub(super) const NAMES: &[&str] = &[
    "a",
    "a#b",
    "a/b",
    "a:b",
    "a b",
    "a.",
    "a..",
    "ab",
    "A",
    "é",
    "e\u{301}",
    "..",
    ".",
    "*",
    "%61",
    "a%1F",
    "a~h~",
    "\u{10ffff}",
    "a\u{fffd}",
];

async fn names_are_kept_apart(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let longest = ["x".repeat(900), "x".repeat(899), format!("{}y", "x".repeat(899))];
    let names: Vec<&str> = NAMES.iter().copied().chain(longest.iter().map(String::as_str)).collect();
    // Twice, so that each has a history that could reach into another's.
    for round in ["first", "second"] {
        for name in &names {
            store.put(&id(name), value(&format!("{round} value of {name}"))).await?;
        }
    }
    for name in &names {
        let secret = reads(&*store, &id(name), format!("second value of {name}").as_bytes()).await?;
        let earlier = store.history(&id(name)).await?.items;
        let own = earlier.iter().all(|info| info.id == id(name) && info.version < secret.info().version);
        ensure!(own && earlier.len() == 1, "the history of {name:?} is {earlier:?}, it has one earlier version");
    }
    Ok(())
}

async fn applications_are_kept_apart(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let applications = ["App", "App.Prod", "app", "App#", "App/a", "Ap", "Äpp"];
    for application in applications {
        store.put(&id_in(application, "password"), value(application)).await?;
    }
    store.put(&id_in("App", "a/b"), value("joined")).await?;
    refused(store.get(&id_in("App/a", "b")).await, ErrorKind::NotFound, "App/a + b after a put of App + a/b")?;
    store.delete(&id_in("App", "password")).await?;
    for application in &applications[1..] {
        reads(&*store, &id_in(application, "password"), application.as_bytes()).await?;
    }
    Ok(())
}

async fn a_put_chooses_its_master_key(fixture: Fixture) -> Verdict {
    let Some(other) = fixture.instance.other_master_key.clone() else {
        return Err(Stop::skipped("one master key: use Instance::with_other_master_key"));
    };
    let store = fixture.store();
    let usual = store.put(&id("usual"), value("usual")).await?;
    let options = PutOptions::default().with_master_key(other.clone());
    let chosen = store.put_with(&id("chosen"), value("chosen"), options).await?;
    ensure!(usual.master_key_id != other, "the other master key is the default one");
    ensure!(chosen.master_key_id == other, "a put under {other} answers {}", chosen.master_key_id);
    let secret = reads(&*store, &id("chosen"), b"chosen").await?;
    ensure!(secret.info().master_key_id == other, "a put under {other} is read as {}", secret.info().master_key_id);
    reads(&*store, &id("usual"), b"usual").await.map(drop)
}
