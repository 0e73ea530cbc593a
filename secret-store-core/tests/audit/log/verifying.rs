//! Verifying in place: what was done to the records is found, and what is written meanwhile is no false alarm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secret_store_core::audit::{AuditLog, FaultKind, Timestamp, Verifier};
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, Precondition, Record, RecordKey, Result, Revision,
    SecretStoreExt, Stored, Value, Write,
};
use secret_store_memory::MemoryPersistence;

use super::{kept, over, verify};
use crate::support::{APP, app, head_of, id, key, wait};

/// The attacks on a database, each at the right position. All on the entries themselves are in `tampering/`.
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
