//! What is wrapped opens again, to the same key of the right size.

use secret_store_core::{DocumentKey, EncryptionContext, SecretVersion};

use super::fixture::{Fixture, context, usual};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "wrapping":
    a_generated_key_opens_again,
    a_foreign_key_wraps_and_opens,
    every_master_key_works,
    every_context_works,
    a_key_of_the_wrong_size_never_opens,
    a_wrap_names_its_master_key,
    a_wrap_does_not_show_the_key,
    a_wrap_opens_more_than_once,
);

async fn a_generated_key_opens_again(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    let size = key.expose_secret().len();
    ensure!(
        size == usual().key_bytes(),
        "a generated key has {size} bytes, the context asks for {}",
        usual().key_bytes()
    );
    fixture.opens(&wrapped, &usual(), &key, "a generated key").await
}

async fn a_foreign_key_wraps_and_opens(fixture: Fixture) -> Verdict {
    for bytes in [[0; 32], [0xff; 32], *b"a key that was made elsewhere 32"] {
        let key = DocumentKey::from_bytes(&bytes)?;
        let wrapped = fixture.provider().wrap_key(&fixture.master, &key, &usual()).await?;
        fixture.opens(&wrapped, &usual(), &key, "a key made elsewhere").await?;
    }
    Ok(())
}

async fn every_master_key_works(fixture: Fixture) -> Verdict {
    for id in fixture.master_keys() {
        ensure!(fixture.provider().accepts(id), "master key {id} of the factory is not accepted");
        let generated = fixture.provider().generate_key(id, &usual()).await?;
        fixture.opens(&generated.wrapped, &usual(), &generated.document_key, &format!("under {id}")).await?;
    }
    Ok(())
}

fn odd_contexts() -> Vec<EncryptionContext> {
    let longest = ("s".repeat(255), "a".repeat(255), "n".repeat(900));
    vec![
        usual(),
        context("s", "a", "n", SecretVersion::FIRST.get()),
        context("s", "a", "n", u64::MAX),
        context(&longest.0, &longest.1, &longest.2, u64::MAX),
        context("Ünïcødé", "日本", "\u{10ffff}\u{fffd}👩‍👩‍👧", 1),
        context("a/b:c", "..", "a#b=c&d\\\"'%00 ", 1),
        context(" ", " ", " ", 1),
    ]
}

async fn every_context_works(fixture: Fixture) -> Verdict {
    for context in odd_contexts() {
        let (key, wrapped) = fixture.generated(&context).await?;
        fixture.opens(&wrapped, &context, &key, &format!("under {context:?}")).await?;
    }
    Ok(())
}

/// Refused when it is wrapped or when it is opened; a provider that opens it hands out a weaker key than was asked for.
async fn a_key_of_the_wrong_size_never_opens(fixture: Fixture) -> Verdict {
    for size in [16, 24] {
        let key = DocumentKey::from_bytes(&vec![0x5a; size])?;
        if let Ok(wrapped) = fixture.provider().wrap_key(&fixture.master, &key, &usual()).await {
            fixture.refuses(&wrapped, &usual(), &format!("a key of {size} bytes under a context of 32")).await?;
        }
    }
    Ok(())
}

async fn a_wrap_names_its_master_key(fixture: Fixture) -> Verdict {
    for id in fixture.master_keys() {
        let generated = fixture.provider().generate_key(id, &usual()).await?;
        let wrapped = fixture.provider().wrap_key(id, &generated.document_key, &usual()).await?;
        for named in [generated.wrapped.master_key_id(), wrapped.master_key_id()] {
            ensure!(fixture.provider().accepts(named), "a wrap under {id} names {named}, which is not accepted");
            ensure!(named == id, "a wrap under {id} names {named}: give the factory the id that wraps carry");
        }
    }
    Ok(())
}

async fn a_wrap_does_not_show_the_key(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    // Eight bytes of a random key occur in a wrap by chance less than once in 2⁵⁰ runs.
    let shown = key.expose_secret().windows(8).any(|part| wrapped.as_bytes().windows(8).any(|window| window == part));
    ensure!(!shown, "the wrap contains a part of the key in clear");
    Ok(())
}

async fn a_wrap_opens_more_than_once(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    for _ in 0..3 {
        fixture.opens(&wrapped, &usual(), &key, "the same wrap again").await?;
    }
    Ok(())
}
