//! The legacy context: keys of 16, 24 or 32 bytes that are bound to nothing but *legacy*.

use secret_store_core::DocumentKey;

use super::authentication::{flips_are_refused, truncations_are_refused};
use super::fixture::{Fixture, context, usual};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "legacy":
    a_generated_key_has_sixteen_bytes_and_opens_again,
    keys_of_every_legacy_size_wrap_and_open,
    a_legacy_wrap_opens_under_no_other_context,
    a_modern_wrap_does_not_open_as_legacy,
    an_altered_legacy_wrap_is_refused,
);

async fn a_generated_key_has_sixteen_bytes_and_opens_again(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    let (key, wrapped) = fixture.generated(&legacy).await?;
    let size = key.expose_secret().len();
    ensure!(size == 16, "a generated legacy key has {size} bytes, expected 16");
    fixture.opens(&wrapped, &legacy, &key, "a generated legacy key").await
}

async fn keys_of_every_legacy_size_wrap_and_open(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    for size in [16, 24, 32] {
        let key = DocumentKey::from_bytes(&vec![0x5a; size])?;
        let wrapped = fixture.provider().wrap_key(&fixture.master, &key, &legacy).await?;
        fixture.opens(&wrapped, &legacy, &key, &format!("a legacy key of {size} bytes")).await?;
    }
    Ok(())
}

async fn a_legacy_wrap_opens_under_no_other_context(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    // Of the size that a modern context admits, so that the size is not what refuses it.
    let key = DocumentKey::from_bytes(&[0x5a; 32])?;
    let wrapped = fixture.provider().wrap_key(&fixture.master, &key, &legacy).await?;
    for modern in [usual(), context("s", "a", "n", 1)] {
        fixture.refuses(&wrapped, &modern, &format!("a legacy wrap under {modern:?}")).await?;
    }
    Ok(())
}

async fn a_modern_wrap_does_not_open_as_legacy(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    let (_, wrapped) = fixture.generated(&usual()).await?;
    fixture.refuses(&wrapped, &legacy, "a modern wrap under the legacy context").await
}

async fn an_altered_legacy_wrap_is_refused(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    let (_, wrapped) = fixture.generated(&legacy).await?;
    flips_are_refused(&fixture, &wrapped, &legacy).await?;
    truncations_are_refused(&fixture, &wrapped, &legacy).await
}
