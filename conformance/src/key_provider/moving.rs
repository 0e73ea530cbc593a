//! Rewrapping: the same key under another master key or context, and nothing else.

use secret_store_core::{DocumentKey, ErrorKind};

use super::fixture::{Fixture, altered, context, renamed, usual};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "moving":
    a_rewrapped_key_is_the_same_key,
    a_rewrap_under_the_same_master_key_opens,
    a_rewrapped_key_belongs_to_its_new_context,
    the_old_wrap_goes_on_opening,
    an_altered_wrap_is_not_rewrapped,
    a_wrap_of_another_context_is_not_rewrapped,
    nothing_is_rewrapped_to_a_key_that_is_not_accepted,
    a_short_legacy_key_does_not_become_modern,
);

async fn a_rewrapped_key_is_the_same_key(fixture: Fixture) -> Verdict {
    let other = fixture.other_master()?;
    let (key, wrapped) = fixture.generated(&usual()).await?;
    let moved = fixture.provider().rewrap_key(&wrapped, &usual(), other, &usual()).await?;
    ensure!(moved.master_key_id() == other, "a key rewrapped to {other} names {}", moved.master_key_id());
    fixture.opens(&moved, &usual(), &key, "a rewrapped key").await?;
    fixture.refuses(&renamed(&moved, &fixture.master), &usual(), "a rewrapped key under its old master key").await
}

async fn a_rewrap_under_the_same_master_key_opens(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    let moved = fixture.provider().rewrap_key(&wrapped, &usual(), &fixture.master, &usual()).await?;
    fixture.opens(&moved, &usual(), &key, "a key rewrapped under the same master key").await
}

async fn a_rewrapped_key_belongs_to_its_new_context(fixture: Fixture) -> Verdict {
    let target = context("conformance", "App.Test", "database/password", 8);
    let (key, wrapped) = fixture.generated(&usual()).await?;
    let moved = fixture.provider().rewrap_key(&wrapped, &usual(), &fixture.master, &target).await?;
    fixture.opens(&moved, &target, &key, "a key moved to another context").await?;
    fixture.refuses(&moved, &usual(), "a key moved to another context, under its old one").await
}

async fn the_old_wrap_goes_on_opening(fixture: Fixture) -> Verdict {
    let other = fixture.other_master()?;
    let (key, wrapped) = fixture.generated(&usual()).await?;
    fixture.provider().rewrap_key(&wrapped, &usual(), other, &usual()).await?;
    fixture.opens(&wrapped, &usual(), &key, "the wrap a rewrap left behind").await
}

async fn an_altered_wrap_is_not_rewrapped(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    let mut bytes = wrapped.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    let answer = fixture.provider().rewrap_key(&altered(&wrapped, bytes), &usual(), &fixture.master, &usual()).await;
    refused(answer, ErrorKind::Integrity, "the rewrap of an altered wrap").map(drop)
}

async fn a_wrap_of_another_context_is_not_rewrapped(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    let other = context("conformance", "App.Test", "another name", 7);
    let answer = fixture.provider().rewrap_key(&wrapped, &other, &fixture.master, &other).await;
    refused(answer, ErrorKind::Integrity, "the rewrap of another context's wrap").map(drop)
}

async fn nothing_is_rewrapped_to_a_key_that_is_not_accepted(fixture: Fixture) -> Verdict {
    let stranger = super::allow_list::stranger();
    let (_, wrapped) = fixture.generated(&usual()).await?;
    let answer = fixture.provider().rewrap_key(&wrapped, &usual(), &stranger, &usual()).await;
    refused(answer, ErrorKind::KeyNotAllowed, "a rewrap to a key that is not accepted")?;
    let foreign = renamed(&wrapped, &stranger);
    let answer = fixture.provider().rewrap_key(&foreign, &usual(), &fixture.master, &usual()).await;
    refused(answer, ErrorKind::KeyNotAllowed, "a rewrap of a wrap that names a key that is not accepted").map(drop)
}

async fn a_short_legacy_key_does_not_become_modern(fixture: Fixture) -> Verdict {
    let legacy = fixture.legacy()?;
    let key = DocumentKey::from_bytes(&[0x5a; 16])?;
    let wrapped = fixture.provider().wrap_key(&fixture.master, &key, &legacy).await?;
    if let Ok(moved) = fixture.provider().rewrap_key(&wrapped, &legacy, &fixture.master, &usual()).await {
        fixture.refuses(&moved, &usual(), "a legacy key of 16 bytes moved to a context of 32").await?;
    }
    Ok(())
}
