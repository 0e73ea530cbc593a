//! Any text is a key: a backend escapes what its medium cannot hold.

use secret_store_core::{ListQuery, Precondition, RecordKey};

use super::fixture::{Fixture, Handle, everything, is, key, small};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "names":
    odd_sort_keys_are_kept_apart,
    odd_partitions_are_kept_apart,
    case_pairs_are_different_keys,
    normalisation_forms_are_different_keys,
    nul_is_a_character,
    empty_texts_are_keys,
    very_long_keys_are_kept_apart,
    partition_and_sort_key_are_not_joined,
);

/// Each of these has been special to some file system, query language or encoding.
const ODD: &[&str] = &[
    ".",
    "..",
    "...",
    "../x",
    "./x",
    "/",
    "//",
    "/etc/passwd",
    "\\",
    "a\\b",
    "a/b",
    "a/",
    "-",
    "--",
    "-rf",
    "~",
    "~x",
    "*",
    "?",
    "[a]",
    "%",
    "%2e",
    "%2E%2E",
    "%00",
    "_",
    "'",
    "''",
    "\"",
    "`",
    ";",
    "'; DROP TABLE records; --",
    "a:b",
    "a|b",
    "<",
    ">",
    "&",
    "$HOME",
    "#",
    "a#b",
    " ",
    " a",
    "a ",
    "a",
    "a.",
    ".a",
    "\t",
    "\n",
    "\r\n",
    "\u{1}",
    "\u{1f}",
    "a\u{1f}",
    "a\u{1f}00000000000000000001",
    "\u{7f}",
    "\u{80}",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}abc",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "👩‍👩‍👧",
    "CON",
    "con.json",
    "nul",
    "aux.txt",
    "COM1",
    "null",
    "true",
    "0",
    "00",
    "1e3",
    "NaN",
    ".tmp",
    ".lock",
    "journal",
    "__proto__",
    "{}",
    "[]",
    "=",
    "==",
    "YQ==",
    "+",
];

async fn each_holds_its_own(handle: &Handle, keys: &[RecordKey]) -> Result<(), Stop> {
    for (number, key) in keys.iter().enumerate() {
        handle
            .put(key, small(&format!("record {number}")), Precondition::Absent)
            .await
            .map_err(|stop| named(stop, key))?;
    }
    for (number, key) in keys.iter().enumerate() {
        let loaded = handle.load(key).await.map_err(|error| named(error.into(), key))?;
        ensure!(
            is(loaded.as_ref(), &small(&format!("record {number}"))),
            "{key:?} loads {loaded:?}, not its own record"
        );
    }
    Ok(())
}

fn named(stop: Stop, key: &RecordKey) -> Stop {
    match stop {
        Stop::Failed(reason) => Stop::Failed(format!("{key:?}: {reason}")),
        skipped @ Stop::Skipped(_) => skipped,
    }
}

async fn lists_exactly(handle: &Handle, sorts: &[&str]) -> Result<(), Stop> {
    let mut expected = sorts.to_vec();
    expected.sort_unstable();
    let listed = handle.sorts(&everything()).await?;
    ensure!(listed == expected, "listed {listed:?}, stored {expected:?}");
    Ok(())
}

async fn odd_sort_keys_are_kept_apart(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys: Vec<_> = ODD.iter().map(|sort| key(sort)).collect();
    each_holds_its_own(&handle, &keys).await?;
    lists_exactly(&handle, ODD).await?;
    for key in &keys {
        handle.delete(key, Precondition::Any).await.map_err(|error| named(error.into(), key))?;
        ensure!(handle.load(key).await?.is_none(), "{key:?} is there after its delete");
    }
    lists_exactly(&handle, &[]).await
}

async fn odd_partitions_are_kept_apart(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys: Vec<_> = ODD.iter().map(|partition| RecordKey::new(*partition, "sort")).collect();
    each_holds_its_own(&handle, &keys).await?;
    for partition in ODD {
        let listed = handle.list_all(&ListQuery::new(*partition)).await?;
        ensure!(listed.len() == 1, "partition {partition:?} lists {} records, it holds one", listed.len());
    }
    Ok(())
}

async fn case_pairs_are_different_keys(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let sorts = ["db", "Db", "DB", "dB", "ß", "ss", "SS", "ſ", "s", "S", "i", "I", "ı", "İ"];
    each_holds_its_own(&handle, &sorts.map(key)).await?;
    lists_exactly(&handle, &sorts).await?;
    each_holds_its_own(&handle, &["app", "App", "APP"].map(|partition| RecordKey::new(partition, "sort"))).await
}

async fn normalisation_forms_are_different_keys(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let sorts = ["é", "e\u{301}", "\u{212b}", "Å", "A\u{30a}", "ﬁ", "fi", "Ａ", "A"];
    each_holds_its_own(&handle, &sorts.map(key)).await?;
    lists_exactly(&handle, &sorts).await
}

async fn nul_is_a_character(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let sorts = ["\0", "\0\0", "a\0", "a\0b", "a\0c", "a", "\0a"];
    each_holds_its_own(&handle, &sorts.map(key)).await?;
    lists_exactly(&handle, &sorts).await
}

async fn empty_texts_are_keys(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let keys = [key(""), RecordKey::new("", "sort"), RecordKey::new("", ""), key("a")];
    each_holds_its_own(&handle, &keys).await?;
    lists_exactly(&handle, &["", "a"]).await
}

/// As long as our own keys become: a name of 1,024 bytes with its version behind it, an application of 2,048 bytes with
/// its prefix in front. They differ at the end, where a cut would make them one.
async fn very_long_keys_are_kept_apart(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut sorts = Vec::new();
    for length in [200, 254, 255, 256, 500, 921, 1023] {
        sorts.extend(["a", "b"].map(|end| format!("{}{end}", "x".repeat(length))));
        sorts.push("é".repeat(length / 2));
    }
    sorts.sort_unstable();
    sorts.dedup();
    let sorts: Vec<&str> = sorts.iter().map(String::as_str).collect();
    let keys: Vec<_> = sorts.iter().map(|sort| key(sort)).collect();
    each_holds_its_own(&handle, &keys).await?;
    lists_exactly(&handle, &sorts).await?;
    let partitions = ["a", "b"].map(|end| format!("~h~{}{end}", "x".repeat(2040)));
    each_holds_its_own(&handle, &partitions.map(|partition| RecordKey::new(partition, "sort"))).await
}

async fn partition_and_sort_key_are_not_joined(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let mut keys = vec![RecordKey::new("ab", "c"), RecordKey::new("a", "bc"), RecordKey::new("c", "ab")];
    for joint in ["/", "#", ":", "\0", "\u{1f}", "|", "."] {
        keys.push(RecordKey::new(format!("p{joint}q"), "r"));
        keys.push(RecordKey::new("p", format!("q{joint}r")));
    }
    each_holds_its_own(&handle, &keys).await
}
