//! How much is read beneath for what is asked for.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Call, Recording};
use secret_store_core::rotation::ReencryptionId;
use secret_store_core::{
    BlindNames, Blinding, Consistency, ListQuery, Order, Page, Persistence, Record, RecordKey, SecretStoreExt,
};
use secret_store_memory::MemoryPersistence;

use super::support::{World, application, id, key, put};

const SECRETS: usize = 200;

fn limit(items: usize) -> NonZeroUsize {
    NonZeroUsize::new(items).expect("not zero")
}

struct Counted {
    names: BlindNames,
    beneath: Arc<Recording>,
    memory: Arc<MemoryPersistence>,
}

impl Counted {
    fn new() -> Self {
        let memory = Arc::new(MemoryPersistence::new());
        let beneath = Arc::new(Recording::new(memory.clone()));
        Self { names: BlindNames::unchecked(beneath.clone(), Blinding::new(&key(1))), beneath, memory }
    }

    fn fill(&self, partition: &str, sorts: impl IntoIterator<Item = String>) {
        for sort in sorts {
            put(&self.names, RecordKey::new(partition, sort), Record::new());
        }
    }

    /// All pages of a query, and how many records were read for them.
    fn visit(&self, mut query: ListQuery) -> (Vec<String>, usize) {
        drop(self.beneath.take());
        let mut sorts = Vec::new();
        loop {
            let Page { items, next } = block_on(self.names.list(&query)).expect("a page");
            assert!(items.len() <= query.limit().get());
            sorts.extend(items.into_iter().map(|(sort, _)| sort.to_string()));
            match next {
                Some(next) => query = query.continued(next),
                None => break,
            }
        }
        let read = self.beneath.take().into_iter().map(|call| match call {
            Call::List(query) => block_on(self.memory.list(&query)).expect("a page").items.len(),
            other => panic!("{other:?} is no part of a listing"),
        });
        (sorts, read.sum())
    }
}

/// In the order of names a page reads the whole partition; in any order each record is read once.
#[test]
fn a_visit_in_any_order_reads_each_record_once() {
    let counted = Counted::new();
    let names: Vec<String> = (0..SECRETS).map(|n| format!("name-{n:03}")).collect();
    let history: Vec<String> = names.iter().map(|name| format!("{name}\u{1f}{:020}", 1)).collect();
    let owned: Vec<String> = names.iter().map(|name| format!("APP#{name}")).collect();
    for (partition, sorts) in [("App", &names), ("~h~App", &history), ("~k~acme", &owned), ("~mine~", &names)] {
        counted.fill(partition, sorts.iter().cloned());
        let query = ListQuery::new(partition).with_limit(limit(20)).with_consistency(Consistency::Strong);
        let (sorted, read) = counted.visit(query.clone());
        assert_eq!((&sorted, read), (sorts, SECRETS * SECRETS / 20), "{partition}");
        for order in [Order::Ascending, Order::Descending] {
            let (mut visited, read) = counted.visit(query.clone().with_order(order).in_any_order());
            assert!(!visited.is_sorted() || visited.is_empty(), "no order of names");
            visited.sort_unstable();
            assert_eq!((&visited, read), (sorts, SECRETS), "{partition}, {order:?}");
        }
    }
    // The applications of a tenant, and nothing else of it.
    put(&counted.names, RecordKey::new("~k~acme", "ACTIVE"), Record::new());
    put(&counted.names, RecordKey::new("~k~acme", "v0000000001"), Record::new());
    let applications = ListQuery::new("~k~acme").with_after("APP#").with_before("APP$").with_limit(limit(20));
    let (mut visited, read) = counted.visit(applications.in_any_order());
    visited.sort_unstable();
    assert_eq!((visited, read), (owned, SECRETS));
}

/// Versions of a secret, versions of a tenant's key and audit entries stand in order beneath too.
#[test]
fn a_range_in_order_stays_a_range() {
    let counted = Counted::new();
    let versions = |name: &str| (1..=30).map(|n| format!("{name}\u{1f}{n:020}")).collect::<Vec<_>>();
    counted.fill("~h~App", ["a", "a#b", "b"].into_iter().flat_map(versions));
    counted.fill("~h~App", ["a\u{1f}".to_owned()]);
    let history = ListQuery::new("~h~App").with_after("a\u{1f}").with_before("a\u{1f}:").with_limit(limit(10));
    let (listed, read) = counted.visit(history.clone().with_order(Order::Descending));
    let mut expected = versions("a");
    expected.reverse();
    assert_eq!((listed, read), (expected, 30));
    assert_eq!(counted.visit(history), (versions("a"), 30));

    let keys: Vec<String> = (1..=30).map(|n| format!("v{n:010}")).collect();
    counted.fill("~k~acme", keys.clone());
    counted.fill("~k~acme", (0..50).map(|n| format!("APP#{n}")));
    let query = ListQuery::new("~k~acme").with_after("v").with_before("v:").with_limit(limit(10));
    assert_eq!(counted.visit(query), (keys, 30));

    let writer = "0123456789abcdef0123456789abcdef";
    let entry = |n: usize| format!("2026-01-02T03:04:{n:02}.000Z\u{1f}{writer}\u{1f}{n:020}");
    counted.fill("~a0~App", (0..60).map(entry));
    let some = ListQuery::new("~a0~App").with_after("2026-01-02T03:04:20.000Z").with_limit(limit(10));
    let some = some.with_before("2026-01-02T03:04:30.000Z");
    assert_eq!(counted.visit(some), ((20..30).map(entry).collect(), 10));
}

/// What the library visits whole it visits in any order.
#[test]
fn the_library_reads_each_record_once() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    for n in 0..SECRETS {
        block_on(process.store.put(&id(&format!("name-{n:03}")), "v".into())).expect("stored");
    }
    let listed = |world: &World| {
        let calls = world.records.take();
        let lists = calls.iter().filter_map(|call| match call {
            Call::List(query) => Some(block_on(world.memory.list(query)).expect("a page").items.len()),
            _ => None,
        });
        lists.sum::<usize>()
    };
    drop(world.records.take());
    let all = block_on(process.store.get_all(&application())).expect("opens");
    assert!(all.len() == SECRETS && all.is_sorted_by_key(|secret| secret.id().name().as_str().to_owned()));
    assert_eq!(listed(&world), SECRETS);
    let rotation = process.store.rotator().rotate_document_keys(ReencryptionId::generate().expect("random"));
    let census = block_on(rotation.application(&application()).dry_run()).expect("counted");
    assert_eq!(census.original(), SECRETS as u64);
    assert_eq!(listed(&world), SECRETS);
}
