//! An altered, truncated or extended wrap is refused, and so is one under another master key.

use secret_store_core::WrappedKey;

use super::fixture::{Fixture, altered, renamed, usual};
use crate::case::{Stop, Verdict, cases};

cases!(Fixture; "authentication":
    every_flipped_bit_is_refused,
    every_truncation_is_refused,
    extensions_are_refused,
    spliced_wraps_are_refused,
    bytes_that_are_no_wrap_are_refused,
    another_master_key_does_not_open_it,
);

async fn every_flipped_bit_is_refused(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    flips_are_refused(&fixture, &wrapped, &usual()).await
}

pub(super) async fn flips_are_refused(
    fixture: &Fixture,
    wrapped: &WrappedKey,
    context: &secret_store_core::EncryptionContext,
) -> Result<(), Stop> {
    for bit in fixture.options.sample(wrapped.as_bytes().len() * 8) {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fixture.refuses(&altered(wrapped, bytes), context, &format!("bit {bit} flipped")).await?;
    }
    Ok(())
}

async fn every_truncation_is_refused(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    truncations_are_refused(&fixture, &wrapped, &usual()).await
}

pub(super) async fn truncations_are_refused(
    fixture: &Fixture,
    wrapped: &WrappedKey,
    context: &secret_store_core::EncryptionContext,
) -> Result<(), Stop> {
    let bytes = wrapped.as_bytes();
    for length in fixture.options.sample(bytes.len()) {
        fixture.refuses(&altered(wrapped, &bytes[..length]), context, &format!("truncated to {length} bytes")).await?;
        let rest = &bytes[bytes.len() - length..];
        fixture.refuses(&altered(wrapped, rest), context, &format!("the last {length} bytes only")).await?;
    }
    Ok(())
}

async fn extensions_are_refused(fixture: Fixture) -> Verdict {
    let (_, wrapped) = fixture.generated(&usual()).await?;
    let bytes = wrapped.as_bytes();
    for extended in
        [[bytes, &[0]].concat(), [&[0], bytes].concat(), [bytes, bytes].concat(), [bytes, &[0; 4096]].concat()]
    {
        let what = format!("{} bytes extended to {}", bytes.len(), extended.len());
        fixture.refuses(&altered(&wrapped, extended), &usual(), &what).await?;
    }
    Ok(())
}

/// The front of one wrap before the end of another of the same context, at every joint.
async fn spliced_wraps_are_refused(fixture: Fixture) -> Verdict {
    let (first_key, first) = fixture.generated(&usual()).await?;
    let (second_key, second) = fixture.generated(&usual()).await?;
    let (first_bytes, second_bytes) = (first.as_bytes(), second.as_bytes());
    let shorter = first_bytes.len().min(second_bytes.len());
    for joint in fixture.options.sample(shorter) {
        let spliced = [&first_bytes[..joint], &second_bytes[joint..]].concat();
        // Headers agree, and a joint in front of the first difference changes nothing.
        if spliced == first_bytes {
            fixture.opens(&first, &usual(), &first_key, "the first wrap").await?;
        } else if spliced == second_bytes {
            fixture.opens(&second, &usual(), &second_key, "the second wrap").await?;
        } else {
            fixture.refuses(&altered(&first, spliced), &usual(), &format!("two wraps joined at {joint}")).await?;
        }
    }
    Ok(())
}

async fn bytes_that_are_no_wrap_are_refused(fixture: Fixture) -> Verdict {
    let (key, wrapped) = fixture.generated(&usual()).await?;
    let length = wrapped.as_bytes().len();
    for bytes in [
        Vec::new(),
        vec![0; length],
        vec![0xff; length],
        b"SS1".to_vec(),
        key.expose_secret().to_vec(),
        vec![0; 10_000],
    ] {
        let what = format!("{} bytes that are no wrap", bytes.len());
        fixture.refuses(&altered(&wrapped, bytes), &usual(), &what).await?;
    }
    Ok(())
}

async fn another_master_key_does_not_open_it(fixture: Fixture) -> Verdict {
    let other = fixture.other_master()?;
    let (key, wrapped) = fixture.generated(&usual()).await?;
    fixture
        .refuses(&renamed(&wrapped, other), &usual(), &format!("a wrap under {} named {other}", fixture.master))
        .await?;
    fixture.opens(&wrapped, &usual(), &key, "under its own master key").await
}
