//! A key that is not accepted is never contacted, also when a wrap names it.

use futures::FutureExt;
use secret_store_core::{ErrorKind, MasterKeyId, Result};

use super::fixture::{Fixture, renamed, usual};
use crate::case::{Stop, Verdict, cases, ensure, refused};

cases!(Fixture; "allow_list":
    accepts_what_the_factory_names,
    accepts_nothing_that_looks_alike,
    accepts_is_constant,
    refuses_to_generate_without_contact,
    refuses_to_wrap_without_contact,
    refuses_to_unwrap_without_contact,
    a_refusal_leaves_other_keys_usable,
);

/// A master key that no provider has.
pub(super) fn stranger() -> MasterKeyId {
    MasterKeyId::new("conformance: a master key that nobody accepts").expect("a valid id")
}

async fn accepts_what_the_factory_names(fixture: Fixture) -> Verdict {
    for id in fixture.master_keys() {
        ensure!(fixture.provider().accepts(id), "master key {id} of the factory is not accepted");
    }
    ensure!(!fixture.provider().accepts(&stranger()), "a key that nobody named is accepted");
    Ok(())
}

async fn accepts_nothing_that_looks_alike(fixture: Fixture) -> Verdict {
    for id in fixture.master_keys() {
        let text = id.as_str();
        let cut: String = text.chars().take(text.chars().count() - 1).collect();
        let alike = [
            cut,
            format!("{text} "),
            format!(" {text}"),
            format!("{text}x"),
            format!("{text}/../{text}"),
            format!("./{text}"),
            text.to_uppercase(),
            text.to_lowercase(),
            "*".to_owned(),
            "..".to_owned(),
        ];
        for other in alike.into_iter().filter_map(|text| MasterKeyId::new(text).ok()) {
            let named = fixture.master_keys().contains(&other);
            ensure!(named || !fixture.provider().accepts(&other), "{other} is accepted beside {id}");
        }
    }
    Ok(())
}

async fn accepts_is_constant(fixture: Fixture) -> Verdict {
    for _ in 0..3 {
        accepted_as_before(&fixture)?;
        // Neither use nor refusal changes what is accepted.
        fixture.generated(&usual()).await?;
        drop(fixture.provider().generate_key(&stranger(), &usual()).await);
    }
    accepted_as_before(&fixture)
}

fn accepted_as_before(fixture: &Fixture) -> Verdict {
    let all = fixture.master_keys().iter().all(|id| fixture.provider().accepts(id));
    ensure!(all && !fixture.provider().accepts(&stranger()), "accepts answers differently than before");
    Ok(())
}

/// Demands a refusal that is there when it is first polled, and that the holder of the keys was not contacted.
fn refused_without_contact<T>(
    fixture: &Fixture,
    what: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<(), Stop> {
    let before = fixture.contacts();
    let Some(answer) = call.now_or_never() else {
        return Err(Stop::failed(format!("{what}: waits for something before it refuses")));
    };
    refused(answer, ErrorKind::KeyNotAllowed, what)?;
    ensure!(fixture.contacts() == before, "{what}: the holder was contacted before the refusal");
    Ok(())
}

async fn refuses_to_generate_without_contact(fixture: Fixture) -> Verdict {
    let provider = fixture.provider();
    refused_without_contact(&fixture, "a new key under a stranger", provider.generate_key(&stranger(), &usual()))
}

async fn refuses_to_wrap_without_contact(fixture: Fixture) -> Verdict {
    let (key, _) = fixture.generated(&usual()).await?;
    let provider = fixture.provider();
    refused_without_contact(&fixture, "a wrap under a stranger", provider.wrap_key(&stranger(), &key, &usual()))
}

async fn refuses_to_unwrap_without_contact(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    let provider = fixture.provider();
    let forged = renamed(&wrapped, &stranger());
    refused_without_contact(&fixture, "a wrap that names a stranger", provider.unwrap_key(&forged, &usual()))
}

async fn a_refusal_leaves_other_keys_usable(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    drop(fixture.provider().unwrap_key(&renamed(&wrapped, &stranger()), &usual()).await);
    fixture.opens(&wrapped, &usual(), &key, "after a refusal").await
}
