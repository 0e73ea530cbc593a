//! What a store refuses, as which kind, and that a refusal writes nothing.

use secret_store_core::{
    ApplicationName, ErrorKind, MasterKeyId, Metadata, PutOptions, SecretId, SecretName, SecretStoreExt, SecretValue,
};

use super::fixture::{APPLICATION, Fixture, id, listed, value};
use crate::case::{Verdict, cases, ensure, refused};

const TOO_LARGE: ErrorKind = ErrorKind::TooLarge { limit: 0, actual: 0 };

cases!(Fixture; "input":
    a_value_above_the_limit,
    a_token_of_no_or_too_many_bytes,
    metadata_that_breaks_a_rule,
    a_master_key_that_is_not_accepted,
    lenient_names_are_not_written,
);

/// Demands that a put is refused and leaves nothing.
async fn is_refused(
    fixture: &Fixture,
    secret: SecretValue,
    options: PutOptions,
    kind: ErrorKind,
    what: &str,
) -> Verdict {
    refused(fixture.store().put_with(&id("refused"), secret, options).await, kind, what)?;
    refused(fixture.store().get(&id("refused")).await, ErrorKind::NotFound, "what a refused put left")?;
    let names = listed(&*fixture.store(), APPLICATION, 10).await?;
    ensure!(names.is_empty(), "{what}: the refused put left {names:?}");
    Ok(())
}

async fn a_value_above_the_limit(fixture: Fixture) -> Verdict {
    let limit = fixture.instance.max_value_bytes;
    let secret = SecretValue::new(vec![0x5a; limit + 1]);
    is_refused(&fixture, secret, PutOptions::default(), TOO_LARGE, "a value of one byte too many").await
}

async fn a_token_of_no_or_too_many_bytes(fixture: Fixture) -> Verdict {
    for token in [String::new(), "x".repeat(65), "é".repeat(33)] {
        let what = format!("a token of {} bytes", token.len());
        let options = PutOptions::default().with_idempotency_token(token);
        is_refused(&fixture, value("value"), options, ErrorKind::InvalidInput, &what).await?;
    }
    Ok(())
}

async fn metadata_that_breaks_a_rule(fixture: Fixture) -> Verdict {
    for key in ["", "~", "~token"] {
        let options = PutOptions::default().with_metadata(Metadata::new().with(key, "value"));
        let what = format!("the metadata key {key:?}");
        is_refused(&fixture, value("value"), options, ErrorKind::InvalidInput, &what).await?;
    }
    let options = PutOptions::default().with_metadata(Metadata::new().with("key", "x".repeat(4096)));
    is_refused(&fixture, value("value"), options, TOO_LARGE, "metadata above 4,096 bytes").await
}

async fn a_master_key_that_is_not_accepted(fixture: Fixture) -> Verdict {
    let stranger = MasterKeyId::new("conformance: a master key that nobody accepts")?;
    let options = PutOptions::default().with_master_key(stranger);
    is_refused(&fixture, value("value"), options, ErrorKind::KeyNotAllowed, "a put under a stranger").await
}

async fn lenient_names_are_not_written(fixture: Fixture) -> Verdict {
    let application = ApplicationName::new(APPLICATION)?;
    for name in ["a\u{1f}00000000000000000001".to_owned(), "tab\there".to_owned(), "a\0b".to_owned(), "x".repeat(901)] {
        let id = SecretId::new(application.clone(), SecretName::lenient(name)?);
        let put = fixture.store().put(&id, value("value")).await;
        refused(put, ErrorKind::InvalidInput, &format!("a put of {id}"))?;
    }
    let names = listed(&*fixture.store(), APPLICATION, 10).await?;
    ensure!(names.is_empty(), "refused puts left {names:?}");
    Ok(())
}
