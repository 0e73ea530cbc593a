//! Several secrets: all of them or an error.

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::fixture::{APPLICATION, Fixture, application, id, id_in, value};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "many":
    get_many_answers_in_the_order_asked,
    get_many_of_one_name_twice,
    get_many_of_nothing,
    get_many_across_applications,
    get_many_with_one_missing_fails,
    get_many_beyond_one_batch,
    get_all_is_complete_and_sorted,
    get_all_of_an_empty_application,
    get_all_leaves_others_out,
);

async fn fill(fixture: &Fixture, names: &[&str]) -> Verdict {
    for name in names {
        fixture.store().put(&id(name), value(&format!("value of {name}"))).await?;
    }
    Ok(())
}

/// Demands these secrets, in this order, each with its own value.
async fn answers(fixture: &Fixture, names: &[&str]) -> Verdict {
    let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    let secrets = fixture.store().get_many(&ids).await?;
    ensure!(secrets.len() == names.len(), "{} answers to {} names", secrets.len(), names.len());
    for (secret, name) in secrets.iter().zip(names) {
        ensure!(*secret.id() == id(name), "{} stands in the place of {name:?}", secret.id());
        ensure!(secret.expose_secret() == format!("value of {name}").as_bytes(), "{name:?} has another's value");
    }
    Ok(())
}

async fn get_many_answers_in_the_order_asked(fixture: Fixture) -> Verdict {
    fill(&fixture, &["a", "b", "c", "d"]).await?;
    answers(&fixture, &["c", "a", "d", "b"]).await?;
    answers(&fixture, &["d"]).await
}

async fn get_many_of_one_name_twice(fixture: Fixture) -> Verdict {
    fill(&fixture, &["a", "b"]).await?;
    answers(&fixture, &["a", "b", "a", "a"]).await
}

async fn get_many_of_nothing(fixture: Fixture) -> Verdict {
    answers(&fixture, &[]).await
}

async fn get_many_across_applications(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let ids = ["App.One", "App.Two"].map(|application| id_in(application, "same"));
    for id in &ids {
        store.put(id, value(id.application().as_str())).await?;
    }
    for secret in store.get_many(&ids).await? {
        let own = secret.expose_secret() == secret.id().application().as_str().as_bytes();
        ensure!(own, "{} has another application's value", secret.id());
    }
    Ok(())
}

async fn get_many_with_one_missing_fails(fixture: Fixture) -> Verdict {
    fill(&fixture, &["a", "c"]).await?;
    let many = fixture.store().get_many(&["a", "b", "c"].map(id)).await;
    let error = refused(many, ErrorKind::NotFound, "three secrets of which one was never put")?;
    ensure!(
        error.secret().is_none_or(|secret| *secret == id("b")),
        "the error names {:?}, missing is b",
        error.secret()
    );
    Ok(())
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:04}")).collect()
}

async fn get_many_beyond_one_batch(fixture: Fixture) -> Verdict {
    let names = numbered(230);
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    fill(&fixture, &names).await?;
    names.reverse();
    answers(&fixture, &names).await
}

async fn get_all_is_complete_and_sorted(fixture: Fixture) -> Verdict {
    let names = numbered(230);
    fill(&fixture, &names.iter().rev().map(String::as_str).collect::<Vec<_>>()).await?;
    let all = fixture.store().get_all(&application(APPLICATION)).await?;
    let got: Vec<&str> = all.iter().map(|secret| secret.id().name().as_str()).collect();
    ensure!(got == names, "get_all answers {} of {} secrets, or not by name", got.len(), names.len());
    let own = all.iter().all(|secret| secret.expose_secret() == format!("value of {}", secret.id().name()).as_bytes());
    ensure!(own, "get_all answers a secret with another's value");
    Ok(())
}

async fn get_all_of_an_empty_application(fixture: Fixture) -> Verdict {
    let all = fixture.store().get_all(&application(APPLICATION)).await?;
    ensure!(all.is_empty(), "get_all of a fresh store answers {} secrets", all.len());
    Ok(())
}

async fn get_all_leaves_others_out(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    fill(&fixture, &["deleted", "kept"]).await?;
    store.delete(&id("deleted")).await?;
    store.put(&id("kept"), value("new")).await?;
    store.put(&id_in("Conformance.Test2", "other"), value("other")).await?;
    let all = store.get_all(&application(APPLICATION)).await?;
    let right = all.len() == 1 && *all[0].id() == id("kept") && all[0].expose_secret() == b"new";
    ensure!(right, "get_all answers {:?}", all.iter().map(secret_store_core::Secret::info).collect::<Vec<_>>());
    Ok(())
}
