//! A value appears nowhere but in the value.

use secret_store_core::{PutOptions, Revision, SecretStoreExt, SecretVersion};

use super::fixture::{APPLICATION, Fixture, application, id, strong, value};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "secrecy":
    nothing_that_is_printed_shows_a_value,
);

const CANARY: &str = "canary-7f3a9c1e5d";

/// Whether a text shows the canary: as it is, as hexadecimal, or as a list of numbers.
fn shows(text: &str) -> bool {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<String> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    text.contains(CANARY) || text.to_lowercase().contains(&hex) || text.contains(&list.join(", "))
}

async fn nothing_that_is_printed_shows_a_value(fixture: Fixture) -> Verdict {
    let store = fixture.store();
    let info = store.put(&id("password"), value(CANARY)).await?;
    let secret = store.get(&id("password")).await?;
    ensure!(secret.expose_secret() == CANARY.as_bytes(), "the value does not round trip");
    let stale =
        PutOptions::default().with_precondition(secret_store_core::Precondition::Revision(Revision::new("stale")));
    let pinned = strong().with_minimum_version(SecretVersion::new(u64::MAX)?);
    let errors = [
        store.put_with(&id("password"), value(CANARY), stale).await.err(),
        store.get_with(&id("password"), pinned).await.err(),
        secret.json::<u32>().err(),
        store.put_with(&id("password"), value(CANARY), PutOptions::default().with_idempotency_token("")).await.err(),
    ];
    let listed = store.list(&application(APPLICATION)).await?;
    let mut printed = vec![format!("{secret:?}"), format!("{info:?}"), format!("{store:?}"), format!("{listed:?}")];
    ensure!(errors.iter().all(Option::is_some), "what had to be refused was accepted");
    for error in errors.iter().flatten() {
        printed.extend([format!("{error}"), format!("{error:?}"), format!("{error:#?}")]);
    }
    printed.push(format!("{:?}", secret.into_value()));
    ensure!(!printed.iter().any(|text| shows(text)), "the value appears in Debug or Display");
    Ok(())
}
