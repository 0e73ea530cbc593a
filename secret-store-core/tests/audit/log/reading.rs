//! Reading: in the order of time, filtered, page by page, one application alone, and nothing that it cannot vouch for.

use std::sync::Arc;

use secret_store_conformance::fault::Recording;
use secret_store_core::audit::{Action, AuditEntry, AuditFilter, AuditKey, AuditLog, Outcome, Timestamp, Verifier};
use secret_store_core::{ErrorKind, Persistence, Precondition, Record, SecretStoreExt, Value, Write};
use secret_store_memory::MemoryPersistence;

use super::{kept, over, read_all};
use crate::support::{APP, app, key, name, wait};

/// What a filter lets through.
type Fits<'a> = &'a dyn Fn(&AuditEntry) -> bool;

#[test]
fn reading_is_in_the_order_of_time_and_filters() {
    let (records, log, _) = kept(120);
    let read = |filter| read_all(Arc::<MemoryPersistence>::clone(&records), filter);
    assert_eq!(read(AuditFilter::new()), log);
    let (from, until) = (log[30].time(), log[90].time());
    let by: [(AuditFilter, Fits<'_>); 8] = [
        (AuditFilter::new().from(from), &|entry| entry.time() >= from),
        (AuditFilter::new().until(until), &|entry| entry.time() < until),
        (AuditFilter::new().from(from).until(until), &|entry| (from..until).contains(&entry.time())),
        (AuditFilter::new().actor("user-2"), &|entry| entry.actor() == "user-2"),
        (AuditFilter::new().request_id("request-7"), &|entry| entry.request_id() == Some("request-7")),
        (AuditFilter::new().name(name("Secret 1\u{e9}")), &|entry| {
            entry.secrets().iter().any(|secret| secret.name.as_str() == "Secret 1\u{e9}")
        }),
        (AuditFilter::new().action(Action::Get).outcome(Outcome::Success), &|entry| {
            entry.action() == Action::Get && entry.outcome() == Some(Outcome::Success)
        }),
        (AuditFilter::new().actor("user-2").from(from).action(Action::Put), &|entry| {
            entry.actor() == "user-2" && entry.time() >= from && entry.action() == Action::Put
        }),
    ];
    for (filter, is_wanted) in by {
        let expected: Vec<_> = log.iter().filter(|entry| is_wanted(entry)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < log.len(), "{filter:?}");
        assert_eq!(read(filter.clone()), expected, "{filter:?}");
    }
    assert!(read(AuditFilter::new().actor("nobody")).is_empty());
    assert!(read(AuditFilter::new().from(Timestamp::MAX)).is_empty());
}

/// More entries than a page has, in every partition that three writers have.
#[test]
fn reading_and_verifying_go_page_by_page() {
    let (records, log, _) = kept(900);
    assert_eq!(read_all(Arc::<MemoryPersistence>::clone(&records), AuditFilter::new()), log);
    let recording = Arc::new(Recording::new(Arc::<MemoryPersistence>::clone(&records)));
    let audit = AuditLog::new(Arc::<Recording>::clone(&recording));
    let verification = wait(audit.verify(&app(APP), Verifier::new().with_key(key()))).expect("reads");
    assert!(verification.is_intact() && verification.entries() == 900);
    let lists = recording.calls().len();
    assert!((22..=30).contains(&lists), "{lists} listings: sixteen partitions, nine pages");
}

#[test]
fn reading_refuses_what_it_cannot_vouch_for_and_goes_on() {
    let (records, log, keys) = kept(6);
    let put = |at: usize, record| {
        wait(records.commit(vec![Write::put(keys[at].clone(), record, Precondition::Any)])).expect("an attacker may");
    };
    let entry = |bytes: &[u8]| Record::new().with("Entry", Value::from(bytes));
    put(0, entry(log[1].as_bytes()));
    put(1, Record::new());
    put(2, entry(log[2].as_bytes()).with("Actor", Value::from("somebody else")));
    let mut changed = log[3].as_bytes().to_vec();
    changed[40] ^= 1;
    put(3, entry(&changed));
    let mut reader = AuditLog::new(Arc::<MemoryPersistence>::clone(&records)).read(&app(APP), AuditFilter::new());
    wait(async {
        for at in 0..4 {
            assert_eq!(reader.next().await.expect_err("refused").kind(), ErrorKind::Integrity, "{at}");
        }
        assert_eq!(reader.next().await.expect("reads"), Some(log[4].clone()));
    });
    let other = AuditKey::from_bytes(&[9; 32]);
    let mut reader = AuditLog::new(records).read(&app(APP), AuditFilter::new().from(log[4].time())).with_key(other);
    assert_eq!(wait(reader.next()).expect_err("another key's").kind(), ErrorKind::Integrity);
}

/// An application sees its own log alone, and verifies it without the others.
#[test]
fn logs_of_applications_are_apart() {
    let records = Arc::new(MemoryPersistence::new());
    let store = over(Arc::<MemoryPersistence>::clone(&records));
    let audit = AuditLog::new(Arc::<MemoryPersistence>::clone(&records));
    for name in ["One", "Two", "One~", "0~One"] {
        for _ in 0..5 {
            wait(store.list(&app(name))).expect("lists");
        }
    }
    for name in ["One", "Two", "One~", "0~One"] {
        let verification = wait(audit.verify(&app(name), Verifier::new().with_key(key()))).expect("reads");
        assert!(verification.is_intact() && verification.entries() == 5, "{name}");
    }
    assert_eq!(wait(audit.verify(&app("None"), Verifier::new())).expect("reads").entries(), 0);
}
