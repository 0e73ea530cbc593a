//! A repeated put with the token of the first answers its version instead of making another.

use secret_store_core::{PutOptions, SecretStoreExt};

use super::fixture::{Fixture, id, reads, value};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "idempotency":
    the_same_token_answers_the_same_version,
    other_tokens_make_other_versions,
    a_token_is_recognised_after_later_puts,
    a_token_belongs_to_one_secret,
);

fn token(text: &str) -> PutOptions {
    PutOptions::default().with_idempotency_token(text)
}

async fn the_same_token_answers_the_same_version(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put_with(&id("password"), value("value"), token("request 1")).await?;
    for _ in 0..3 {
        let again = store.put_with(&id("password"), value("value"), token("request 1")).await?;
        ensure!(again.version == first.version, "a repeated put is version {}, not {}", again.version, first.version);
    }
    let earlier = store.history(&id("password")).await?.items.len();
    ensure!(earlier == 0, "repeated puts left {earlier} earlier versions");
    reads(&*store, &id("password"), b"value").await.map(drop)
}

async fn other_tokens_make_other_versions(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let mut last = None;
    for text in ["1", "2", "1 ", "01", &"x".repeat(64)] {
        let version = store.put_with(&id("password"), value("value"), token(text)).await?.version;
        ensure!(last.is_none_or(|last| version > last), "token {text:?} answers version {version} after {last:?}");
        last = Some(version);
    }
    let without = store.put(&id("password"), value("value")).await?.version;
    ensure!(Some(without) > last, "a put without a token answers version {without} after {last:?}");
    Ok(())
}

async fn a_token_is_recognised_after_later_puts(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let first = store.put_with(&id("password"), value("first"), token("request 1")).await?;
    for text in ["second", "third"] {
        store.put(&id("password"), value(text)).await?;
    }
    let again = store.put_with(&id("password"), value("first"), token("request 1")).await?;
    ensure!(again.version == first.version, "a late retry became version {}", again.version);
    reads(&*store, &id("password"), b"third").await.map(drop)
}

async fn a_token_belongs_to_one_secret(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    for name in ["a", "a#b", "b"] {
        store.put_with(&id(name), value(name), token("request 1")).await?;
    }
    for name in ["a", "a#b", "b"] {
        reads(&*store, &id(name), name.as_bytes()).await?;
    }
    Ok(())
}
