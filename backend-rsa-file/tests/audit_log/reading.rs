//! Reading and filtering by time, actor, application and name.

use futures::executor::block_on;
use secret_store_core::audit::{Action, AuditEntry, AuditFilter, AuditKey};
use secret_store_core::{ApplicationName, ErrorKind, SecretId, SecretName, SecretStoreExt};
use secret_store_rsa_file::JsonLinesLog;

use crate::{over, read, scratch, secrets};

/// What a filter lets through.
type Fits<'a> = &'a dyn Fn(&AuditEntry) -> bool;

#[test]
fn filters_admit_what_they_say() {
    let (_folder, log) = scratch();
    let store = over(secrets(), &log);
    let ids = ["One", "Two"].map(|app| ["a", "b"].map(|name| SecretId::parse(app, name).expect("valid")));
    for turn in 0..600 {
        let store = store.for_request(format!("user-{}", turn % 3), format!("request-{turn}")).expect("valid");
        let id = &ids[turn % 2][turn / 2 % 2];
        let _ = block_on(store.get(id));
        if turn == 300 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    let all = read(&[&log], AuditFilter::new());
    assert_eq!(all.len(), 600);
    let (from, until) = (all[301].time(), all[450].time());
    let one = || ApplicationName::new("One").expect("valid");
    let by: [(AuditFilter, Fits<'_>); 6] = [
        (AuditFilter::new().actor("user-2"), &|entry| entry.actor() == "user-2"),
        (AuditFilter::new().application(one()), &|entry| entry.application().as_str() == "One"),
        (AuditFilter::new().name(SecretName::new("a").expect("valid")), &|entry| {
            entry.secrets()[0].name.as_str() == "a"
        }),
        (AuditFilter::new().from(from), &|entry| entry.time() >= from),
        (AuditFilter::new().until(until), &|entry| entry.time() < until),
        (AuditFilter::new().request_id("request-17").action(Action::Get), &|entry| {
            entry.request_id() == Some("request-17")
        }),
    ];
    for (filter, is_wanted) in by {
        let expected: Vec<_> = all.iter().filter(|entry| is_wanted(entry)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{filter:?}");
        assert_eq!(read(&[&log], filter.clone()), expected, "{filter:?}");
    }
}

#[test]
fn reading_refuses_what_it_cannot_vouch_for_and_goes_on() {
    let (_folder, log) = scratch();
    let store = over(secrets(), &log);
    for name in ["a", "b", "c", "d"] {
        block_on(store.get(&crate::id(name))).expect_err("none there");
    }
    let text = std::fs::read_to_string(&log).expect("reads");
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    // What a person would see, and not what was written.
    lines[1] = lines[1].replace("\"actor\":\"service\"", "\"actor\":\"mallory\"");
    lines[2] = "x".repeat(600 * 1024);
    std::fs::write(&log, lines.join("\n") + "\n").expect("an attacker may");
    let mut reader = JsonLinesLog::new([&log]).read(AuditFilter::new());
    block_on(async {
        assert_eq!(reader.next().await.expect("reads").expect("one").secrets()[0].name.as_str(), "a");
        for _ in 0..2 {
            assert_eq!(reader.next().await.expect_err("refused").kind(), ErrorKind::Integrity);
        }
        assert_eq!(reader.next().await.expect("reads").expect("one").secrets()[0].name.as_str(), "d");
        assert!(reader.next().await.expect("reads").is_none());
        assert!(reader.next().await.expect("still").is_none());
    });
    let mut other = JsonLinesLog::new([&log]).read(AuditFilter::new()).with_key(AuditKey::from_bytes(&[1; 32]));
    assert_eq!(block_on(other.next()).expect_err("another key's").kind(), ErrorKind::Integrity);
    let mut missing = JsonLinesLog::new([log.with_extension("gone")]).read(AuditFilter::new());
    assert!(block_on(missing.next()).is_err(), "a file that is not there is no empty log");
}
