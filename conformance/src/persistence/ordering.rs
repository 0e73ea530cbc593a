//! Sort keys are ordered by their UTF-8 bytes.

use super::fixture::{Fixture, Handle, descending, everything};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "ordering":
    sorts_by_bytes,
    sorts_by_utf8_and_not_by_utf16,
    sorts_without_a_language,
    sorts_digits_as_text,
    a_prefix_comes_first,
    descending_is_the_exact_reverse,
);

/// Stores the keys in an order that is neither, and demands the order given.
async fn lists_in_this_order(fixture: &Fixture, expected: &[&str]) -> Result<Handle, Stop> {
    let handle = fixture.handle();
    let mut shuffled = expected.to_vec();
    shuffled.reverse();
    shuffled.rotate_left(expected.len() / 3);
    handle.fill(&shuffled).await?;
    let listed = handle.sorts(&everything()).await?;
    ensure!(listed == expected, "listed {listed:?}, expected {expected:?}");
    Ok(handle)
}

async fn sorts_by_bytes(fixture: Fixture) -> Verdict {
    let expected = [" ", "-", "0", "A", "B", "Z", "[", "_", "a", "b", "z", "~x", "é", "日本", "\u{10ffff}"];
    lists_in_this_order(&fixture, &expected).await.map(drop)
}

/// U+FFFF is smaller than U+10000 in UTF-8 and larger in UTF-16, where the latter begins with 0xD800.
async fn sorts_by_utf8_and_not_by_utf16(fixture: Fixture) -> Verdict {
    let expected =
        ["\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{10ffff}"];
    lists_in_this_order(&fixture, &expected).await.map(drop)
}

async fn sorts_without_a_language(fixture: Fixture) -> Verdict {
    let expected = ["Apfel", "Zebra", "apfel", "co-op", "coop", "zebra", "Äpfel", "ähre"];
    lists_in_this_order(&fixture, &expected).await.map(drop)
}

async fn sorts_digits_as_text(fixture: Fixture) -> Verdict {
    lists_in_this_order(&fixture, &["007", "1", "10", "2", "a1", "a10", "a2"]).await.map(drop)
}

/// Also where an escaped character takes the place of the end: an escape that sorts behind its prefix breaks this.
async fn a_prefix_comes_first(fixture: Fixture) -> Verdict {
    let expected = [
        "a", "a\0", "a\u{1}", "a\u{1f}", "a ", "a!", "a#b", "a%", "a-", "a.", "a/", "a/b", "a0", "aA", "aa", "a~",
        "aé", "b",
    ];
    lists_in_this_order(&fixture, &expected).await.map(drop)
}

async fn descending_is_the_exact_reverse(fixture: Fixture) -> Verdict {
    let mut expected = ["", "\0", "..", "A", "a", "a#b", "aa", "\u{ffff}", "\u{10000}"];
    let handle = lists_in_this_order(&fixture, &expected).await?;
    expected.reverse();
    let listed = handle.sorts(&descending(everything())).await?;
    ensure!(listed == expected, "descending listed {listed:?}, expected {expected:?}");
    Ok(())
}
