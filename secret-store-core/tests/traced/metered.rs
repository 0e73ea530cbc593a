//! What is measured, under which names and labels.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use secret_store_core::{EnvelopeStore, SecretStoreExt, TracedRecords, TracedStore};
use secret_store_memory::MemoryPersistence;

use super::{Contended, VALUE, application, id, keys};

/// Sums by name and labels, and what was described.
#[derive(Clone, Debug, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>, Arc<Mutex<BTreeMap<String, Described>>>);

#[derive(Clone, Debug, PartialEq)]
struct Described {
    kind: &'static str,
    unit: Option<Unit>,
}

struct One(Sums, String);

impl One {
    fn add(&self, value: f64) {
        *self.0.0.lock().expect("no panic under this lock").entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).expect("small")));
    }

    fn absolute(&self, _: u64) {
        panic!("counters are incremented");
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Sums {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(One(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }

    fn describe(&self, key: &KeyName, kind: &'static str, unit: Option<Unit>, text: &str) {
        assert!(!text.is_empty());
        let mut described = self.1.lock().expect("no panic under this lock");
        described.insert(key.as_str().to_owned(), Described { kind, unit });
    }

    fn take(&self) -> BTreeMap<String, f64> {
        std::mem::take(&mut *self.0.lock().expect("no panic under this lock"))
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, "counter", unit, &text);
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("there are no gauges")
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, "histogram", unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("there are no gauges")
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

fn measured() -> TracedStore {
    let records = TracedRecords::new(Arc::new(Contended(MemoryPersistence::new(), 1.into())), "r").with_metrics();
    let store = EnvelopeStore::builder(Arc::new(keys()), Arc::new(records));
    TracedStore::new(Arc::new(store.store_id("prod").master_key("main").build().expect("valid")), "s").with_metrics()
}

#[test]
fn every_metric_is_as_documented() {
    let sums = Sums::default();
    metrics::with_local_recorder(&sums, || {
        let store = measured();
        block_on(store.put(&id("Db"), VALUE.into())).expect("the second try");
        block_on(store.get(&id("Db"))).expect("opens");
        block_on(store.get(&id("Db"))).expect("opens");
        block_on(store.get(&id("None"))).expect_err("absent");
    });
    let mut taken = sums.take();
    let durations: Vec<_> = taken.keys().filter(|name| name.contains("duration_seconds")).cloned().collect();
    assert_eq!(
        durations,
        [
            "secret_store_operation_duration_seconds layer=records backend=r operation=commit",
            "secret_store_operation_duration_seconds layer=records backend=r operation=load",
            "secret_store_operation_duration_seconds layer=records backend=r operation=load_many",
            "secret_store_operation_duration_seconds layer=store backend=s operation=get",
            "secret_store_operation_duration_seconds layer=store backend=s operation=put",
        ]
    );
    taken.retain(|name, _| !name.contains("duration_seconds"));
    let expected = [
        ("secret_store_cache_lookups_total backend=s cache=document_keys result=hit", 1.0),
        ("secret_store_cache_lookups_total backend=s cache=document_keys result=miss", 1.0),
        ("secret_store_consumed_capacity_units layer=records backend=r operation=commit", 4.0),
        ("secret_store_consumed_capacity_units layer=records backend=r operation=load", 1.5),
        ("secret_store_consumed_capacity_units layer=records backend=r operation=load_many", 2.0),
        ("secret_store_consumed_capacity_units layer=store backend=s operation=get", 1.5),
        ("secret_store_consumed_capacity_units layer=store backend=s operation=put", 6.0),
        ("secret_store_operations_total layer=records backend=r operation=commit outcome=contention", 1.0),
        ("secret_store_operations_total layer=records backend=r operation=commit outcome=ok", 1.0),
        ("secret_store_operations_total layer=records backend=r operation=load outcome=ok", 3.0),
        ("secret_store_operations_total layer=records backend=r operation=load_many outcome=ok", 2.0),
        ("secret_store_operations_total layer=store backend=s operation=get outcome=not_found", 1.0),
        ("secret_store_operations_total layer=store backend=s operation=get outcome=ok", 2.0),
        ("secret_store_operations_total layer=store backend=s operation=put outcome=ok", 1.0),
        ("secret_store_retries_total backend=s operation=put", 1.0),
    ];
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), expected.map(|(name, sum)| (name.to_owned(), sum)));
}

/// However many names there are, the series stay the same.
#[test]
fn names_make_no_series() {
    let sums = Sums::default();
    let series = |names: std::ops::Range<u32>| {
        metrics::with_local_recorder(&sums, || {
            let store =
                TracedStore::new(Arc::new(secret_store_memory::store("prod").expect("valid")), "s").with_metrics();
            for name in names {
                block_on(store.put(&id(&name.to_string()), VALUE.into())).expect("stored");
                block_on(store.get_all(&application())).expect("all");
            }
        });
        sums.take().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(series(0..2), series(0..20));
}

#[test]
fn nothing_is_measured_unless_asked_for() {
    let sums = Sums::default();
    metrics::with_local_recorder(&sums, || {
        let store = super::over(Arc::new(MemoryPersistence::new()));
        block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    });
    assert!(sums.take().is_empty());
}

/// A row of the table in the documentation: name, kind, unit, labels.
fn rows(text: &str) -> Vec<[String; 4]> {
    let cells = |line: &str| -> Option<[String; 4]> {
        let line = line.trim_start_matches("///").trim().strip_prefix("| `secret_store_")?.strip_suffix('|')?;
        let mut cells = line.split('|').map(|cell| cell.trim().replace('`', ""));
        let name = format!("secret_store_{}", cells.next()?);
        Some([name, cells.next()?, cells.next()?, cells.next()?])
    };
    text.lines().filter_map(cells).collect()
}

/// Everything that can be measured, with the documentation of the layer and the guide beside it: the same names, kinds, units
/// and labels, and no other.
#[test]
fn the_documented_metrics_are_the_emitted_ones() {
    let sums = Sums::default();
    metrics::with_local_recorder(&sums, || {
        secret_store_core::observe::describe_metrics();
        let store = measured();
        block_on(store.put(&id("Db"), VALUE.into())).expect("the second try");
        block_on(store.get(&id("Db"))).expect("opens");
    });
    let mut emitted = BTreeMap::<String, String>::new();
    for series in sums.take().into_keys() {
        let (name, labels) = series.split_once(' ').expect("a name and labels");
        let labels: Vec<_> = labels.split(' ').filter_map(|label| label.split_once('=')).map(|(key, _)| key).collect();
        emitted.insert(name.to_owned(), labels.join(", "));
    }
    let described = sums.1.lock().expect("no panic under this lock").clone();
    let layer = include_str!("../../src/layer/traced/store.rs");
    let guide = include_str!("../../../docs/guides/observe-and-audit.md");
    for (document, text) in [("the documentation", layer), ("the guide", guide)] {
        let rows = rows(text);
        let documented: BTreeMap<_, _> = rows.iter().map(|[name, .., labels]| (name.clone(), labels.clone())).collect();
        assert_eq!(documented, emitted, "{document}");
        assert_eq!(documented.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>(), "{document}");
        for [name, kind, unit, _] in rows {
            assert_eq!(described[&name].kind, kind, "{document}: {name}");
            let is_time = described[&name].unit == Some(Unit::Seconds);
            assert_eq!(is_time, unit == "seconds", "{document}: {name}");
            assert_eq!(is_time, name.ends_with("_seconds"), "{document}: {name}");
        }
    }
}

/// No label has anything that data brings: not a name of an application, a secret, a tenant or a key.
#[test]
fn labels_are_words_of_the_program() {
    let sums = Sums::default();
    metrics::with_local_recorder(&sums, || {
        let store = measured();
        block_on(store.put(&id("Canary-Name"), VALUE.into())).expect("the second try");
        block_on(store.get_all(&application())).expect("all");
        block_on(store.get(&id("Other-Name"))).expect_err("absent");
    });
    let words = ["store", "records", "r", "s", "document_keys", "hit", "miss", "ok", "not_found", "contention"];
    let operations = ["put", "get", "get_all", "load", "load_many", "list", "commit"];
    for series in sums.take().into_keys() {
        for label in series.split(' ').skip(1) {
            let (_, value) = label.split_once('=').expect("a key and a value");
            assert!(words.contains(&value) || operations.contains(&value), "{series}");
        }
    }
}

/// Every cache and every answer of one is counted, whatever the layers between.
#[test]
fn caches_are_measured() {
    use secret_store_core::{CacheOptions, CachedStore, Error, ErrorKind, MockSecretStore, SecretStore};
    let sums = Sums::default();
    metrics::with_local_recorder(&sums, || {
        let clock = Arc::new(super::ManualClock::default());
        let (mut mock, beneath) = (MockSecretStore::new(), Arc::new(measured()));
        block_on(beneath.put(&id("Db"), VALUE.into())).expect("stored");
        let answers = move |id: &_, options| futures::FutureExt::now_or_never(beneath.get_with(id, options));
        mock.expect_get_with().times(2).returning(move |id, options| answers(id, options).expect("at once"));
        mock.expect_get_with().returning(|_, _| Err(Error::new(ErrorKind::Unavailable, "the test made this fail")));
        let cached = CachedStore::with_options(mock, &CacheOptions::default().with_clock(clock.clone()));
        let store = TracedStore::new(Arc::new(cached), "outer").with_metrics();
        for name in ["Db", "Db", "Db", "None", "None"] {
            drop(block_on(store.get(&id(name))));
        }
        clock.advance(std::time::Duration::from_secs(60));
        block_on(store.get(&id("Db"))).expect("stale");
        block_on(store.get(&id("Other"))).expect_err("never read");
    });
    let lookups = |cache: &str| -> Vec<(String, f64)> {
        let prefix = format!("secret_store_cache_lookups_total backend=outer cache={cache} result=");
        let taken = sums.0.lock().expect("no panic under this lock").clone();
        taken.iter().filter_map(|(name, sum)| Some((name.strip_prefix(&prefix)?.to_owned(), *sum))).collect()
    };
    let expected = [("hit", 2.0), ("miss", 3.0), ("negative", 1.0), ("stale", 1.0)];
    assert_eq!(lookups("secrets"), expected.map(|(name, sum)| (name.to_owned(), sum)));
    assert_eq!(lookups("document_keys"), [("miss".to_owned(), 1.0)]);
}
