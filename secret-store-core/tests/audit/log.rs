//! Entries as records: where they stand, how their own write is recognised, reading, filtering, verifying in place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secret_store_conformance::fault::{Failing, Fault, Operation, Recording, TimingOut};
use secret_store_core::audit::{
    Action, AuditEntry, AuditFilter, AuditHead, AuditKey, AuditLog, AuditSink, AuditedStore, FaultKind, Outcome,
    PersistenceSink, Timestamp, Verification, Verifier,
};
use secret_store_core::{
    Consistency, ErrorKind, Limits, ListQuery, Page, Persistence, Precondition, Record, RecordKey, Result, Revision,
    SecretStoreExt, Stored, Value, Write,
};
use secret_store_memory::MemoryPersistence;

use crate::support::{
    APP, ENVIRONMENT, SERVICE, Ticking, app, head_of, id, key, name, place, secrets, three_writers, wait,
};

fn over(records: Arc<dyn Persistence>) -> AuditedStore {
    let store = AuditedStore::builder(secrets(), Arc::new(PersistenceSink::new(records)));
    store.environment(ENVIRONMENT).actor(SERVICE).key(key()).clock(Ticking::new()).build().expect("configured")
}

/// A log of three writers in a persistence, and the keys of its records in their order.
fn kept(entries: usize) -> (Arc<MemoryPersistence>, Vec<AuditEntry>, Vec<RecordKey>) {
    let log = three_writers(entries, Some(&key()));
    let records = Arc::new(MemoryPersistence::new());
    let sink = PersistenceSink::new(Arc::<MemoryPersistence>::clone(&records));
    for entry in &log {
        wait(sink.append(std::slice::from_ref(entry))).expect("takes");
    }
    let keys = log.iter().map(key_of).collect();
    (records, log, keys)
}

/// Where the document says that an entry stands.
fn key_of(entry: &AuditEntry) -> RecordKey {
    let writer = entry.writer().to_string();
    RecordKey::new(
        format!("~a{}~{}", &writer[..1], entry.application().as_str()),
        format!("{}\u{1f}{writer}\u{1f}{:020}", entry.time(), entry.sequence()),
    )
}

fn verify(records: &Arc<MemoryPersistence>, head: &Arc<AuditHead>) -> Verification {
    let log = AuditLog::new(Arc::<MemoryPersistence>::clone(records));
    wait(log.verify(&app(APP), Verifier::new().with_key(key()).with_head(Arc::clone(head)))).expect("reads")
}

fn read_all(records: Arc<dyn Persistence>, filter: AuditFilter) -> Vec<AuditEntry> {
    let mut reader = AuditLog::new(records).read(&app(APP), filter);
    wait(async {
        let mut found = Vec::new();
        while let Some(entry) = reader.next().await.expect("reads") {
            found.push(entry);
        }
        found
    })
}

#[test]
fn entries_stand_where_the_document_says() {
    let (records, log, keys) = kept(40);
    let snapshot = records.snapshot();
    assert_eq!(snapshot.len(), 40);
    for (entry, key) in log.iter().zip(&keys) {
        let stored = snapshot.get(key).unwrap_or_else(|| panic!("no record at {key:?}"));
        let expected = Record::new().with("Entry", Value::Bytes(Arc::clone(entry.as_bytes())));
        assert_eq!(*stored.record, expected);
    }
}

#[test]
fn a_lost_answer_is_recognised_and_a_failure_refuses() {
    let records = Arc::new(TimingOut::new(MemoryPersistence::new()));
    let store = over(Arc::<TimingOut>::clone(&records));
    wait(async {
        records.lose(Fault::new(ErrorKind::Unavailable).times(3));
        for n in 0..5 {
            let error = store.get(&id(&n.to_string())).await.expect_err("none there");
            assert_eq!(error.kind(), ErrorKind::NotFound, "the lost answer makes no difference");
        }
        assert_eq!(records.lost(), 3);
    });
    assert_eq!(read_all(records, AuditFilter::new()).len(), 5);

    let records = Arc::new(Failing::new(MemoryPersistence::new()));
    let store = over(Arc::<Failing>::clone(&records));
    wait(async {
        for kind in [ErrorKind::Throttled, ErrorKind::PermissionDenied, ErrorKind::Unavailable, ErrorKind::Contention] {
            records.fail(Fault::new(kind).on(Operation::Commit));
            assert_eq!(store.get(&id("a")).await.expect_err("refused").kind(), kind);
        }
        records.fail(Fault::new(ErrorKind::Unavailable).on(Operation::Commit));
        records.fail(Fault::new(ErrorKind::Throttled).on(Operation::LoadMany));
        assert_eq!(store.get(&id("a")).await.expect_err("nobody knows").kind(), ErrorKind::Unavailable);
        store.flush().await.expect("sends what was left");
    });
    let log = AuditLog::new(records);
    let verification = wait(log.verify(&app(APP), Verifier::new().with_key(key()))).expect("reads");
    assert!(verification.is_intact(), "{:?}", verification.faults());
}

/// More entries than one commit takes, of which some are there already.
#[test]
fn entries_that_come_again_are_there_once() {
    let log = three_writers(90, Some(&key()));
    let writer = log[0].writer();
    let own: Vec<_> = log.into_iter().filter(|entry| entry.writer() == writer).collect();
    let limits = Limits::DEFAULT.with_writes_per_commit(7);
    for there in 0..own.len().min(20) {
        let records = Arc::new(MemoryPersistence::new().with_limits(limits));
        let recording = Arc::new(Recording::new(Arc::<MemoryPersistence>::clone(&records)));
        let sink = PersistenceSink::new(recording);
        for entry in &own[..there] {
            wait(sink.append(std::slice::from_ref(entry))).expect("takes");
        }
        wait(sink.append(&own)).expect("takes the rest");
        wait(sink.append(&own)).expect("all of it is there");
        assert_eq!(records.snapshot().len(), own.len());
    }
}

#[test]
fn another_record_in_the_place_of_an_entry_is_not_overwritten() {
    let (records, log, keys) = kept(10);
    let sink = PersistenceSink::new(Arc::<MemoryPersistence>::clone(&records));
    let other = Record::new().with("Entry", Value::from(&b"other"[..]));
    wait(records.commit(vec![Write::put(keys[0].clone(), other.clone(), Precondition::Any)])).expect("an attacker may");
    let error = wait(sink.append(&log[..1])).expect_err("another stands there");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(*records.snapshot().get(&keys[0]).expect("there").record, other);
    let small = Arc::new(MemoryPersistence::new().with_limits(Limits::DEFAULT.with_record_bytes(100)));
    let error = wait(PersistenceSink::new(small).append(&log[..1])).expect_err("too large for this one");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}

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

/// The attacks on a database, each at the right position. All on the entries themselves are in `tampering.rs`.
#[test]
fn every_record_removed_replaced_moved_or_added_to_is_found() {
    let (records, log, keys) = kept(60);
    let head = head_of(&log, Some(key()));
    let clean = records.snapshot();
    let intact = verify(&records, &head);
    assert!(intact.is_intact() && intact.entries() == 60, "{:?}", intact.faults());
    let first = |writes: Vec<Write>| {
        wait(records.commit(writes)).expect("an attacker may");
        let verification = verify(&records, &head);
        records.restore(&clean);
        verification.faults().first().map(|fault| (fault.index, fault.writer, fault.sequence, fault.kind))
    };
    let record = |bytes: &[u8]| Record::new().with("Entry", Value::from(bytes));
    let put = |key: &RecordKey, record| Write::put(key.clone(), record, Precondition::Any);
    let delete = |at: usize| Write::delete(keys[at].clone(), Precondition::Any);
    for (at, entry) in log.iter().enumerate() {
        let (writer, sequence, index) = (Some(entry.writer()), Some(entry.sequence()), at as u64);
        let next = log[at + 1..].iter().position(|later| later.writer() == entry.writer());
        let gone = first(vec![delete(at)]).expect("found");
        assert_eq!((gone.1, gone.2), (writer, sequence));
        assert_eq!(gone.0, next.map_or(59, |next| index + next as u64), "the entry that shows it, or the end");
        let other = &log[(at + 7) % 60];
        let replaced = first(vec![put(&keys[at], record(other.as_bytes()))]).expect("found");
        assert_eq!((replaced.0, replaced.3), (index, FaultKind::Misplaced));
        for refused in [Record::new(), record(b""), record(entry.as_bytes()).with("More", Value::from(1))] {
            assert_eq!(first(vec![put(&keys[at], refused)]), Some((index, None, None, FaultKind::Malformed)));
        }
        let text = Record::new().with("Entry", Value::from("text"));
        assert_eq!(first(vec![put(&keys[at], text)]).map(|found| found.0), Some(index));
        // Moved to another time, another partition, beside itself.
        let sort = keys[at].sort().replacen("2026", "2025", 1);
        let earlier = RecordKey::new(Arc::clone(keys[at].partition()), sort);
        let moved = first(vec![delete(at), put(&earlier, record(entry.as_bytes()))]).expect("found");
        assert_eq!((moved.0, moved.3), (0, FaultKind::Misplaced));
        let copied = first(vec![put(&earlier, record(entry.as_bytes()))]).expect("found");
        assert_eq!((copied.0, copied.3), (0, FaultKind::Misplaced));
        let elsewhere = RecordKey::new(
            format!("~a{}~{APP}", if keys[at].partition().starts_with("~a0") { 1 } else { 0 }),
            &**keys[at].sort(),
        );
        let elsewhere = first(vec![delete(at), put(&elsewhere, record(entry.as_bytes()))]).expect("found");
        assert_eq!((elsewhere.0, elsewhere.3), (index, FaultKind::Misplaced));
    }
}

#[test]
fn a_restored_older_log_is_found() {
    let records = Arc::new(MemoryPersistence::new());
    let store = over(Arc::<MemoryPersistence>::clone(&records));
    let audit = AuditLog::new(Arc::<MemoryPersistence>::clone(&records));
    let mut snapshots = Vec::new();
    for n in 0..20 {
        snapshots.push(records.snapshot());
        wait(store.get(&id(&n.to_string()))).expect_err("none there");
    }
    let verification = wait(audit.verify(&app(APP), Verifier::new().with_key(key()))).expect("reads");
    let head = Arc::new(verification.head(Timestamp::EPOCH).expect("intact"));
    for (length, snapshot) in snapshots.iter().enumerate() {
        records.restore(snapshot);
        let faults = verify(&records, &head).faults().to_vec();
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].index, faults[0].kind), (length as u64, FaultKind::Cut { through: 20 }));
    }
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

/// Entries that are written behind the reader's back, between two pages, are no gap; what is really gone is one.
#[test]
fn what_is_written_while_reading_is_no_false_alarm() {
    let (records, log, keys) = kept(150);
    let head = head_of(&log[..10], Some(key()));
    for hidden in (10..150).step_by(3) {
        let late = Late { inner: Arc::clone(&records), hidden: keys[hidden].clone(), listings: AtomicUsize::new(0) };
        let audit = AuditLog::new(Arc::new(late));
        let verifier = Verifier::new().with_key(key()).with_head(Arc::clone(&head));
        let verification = wait(audit.verify(&app(APP), verifier)).expect("reads");
        assert!(verification.is_intact(), "{hidden}: {:?}", verification.faults());
    }
}

/// Does not show one record in the listings that go through the whole log: as if it had been written after them.
#[derive(Debug)]
struct Late {
    inner: Arc<MemoryPersistence>,
    hidden: RecordKey,
    listings: AtomicUsize,
}

#[async_trait]
impl Persistence for Late {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.listings.fetch_add(1, Ordering::SeqCst);
        assert_eq!(query.consistency(), Consistency::Strong);
        let mut page = self.inner.list(query).await?;
        if query.before().is_none() && query.partition() == self.hidden.partition() {
            page.items.retain(|(sort, _)| sort != self.hidden.sort());
        }
        Ok(page)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.inner.commit(writes).await
    }
}

/// Tests of the order among the helpers of this file: what the sink keeps sorts as the log is ordered.
#[test]
fn the_sort_keys_are_the_order_of_the_log() {
    let (_, log, keys) = kept(100);
    for (left, left_key) in log.iter().zip(&keys) {
        for (right, right_key) in log.iter().zip(&keys) {
            assert_eq!(place(left).cmp(&place(right)), left_key.sort().cmp(right_key.sort()));
        }
    }
}
