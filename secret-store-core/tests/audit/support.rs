//! An audited store over memory, a sink that a test can look into and make fail, and an attacker's own codec.

mod forge;
mod sink;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::audit::{
    AuditEntry, AuditHead, AuditKey, AuditedStore, AuditedStoreBuilder, Verifier, WriterId,
};
use secret_store_core::{
    ApplicationName, Clock, EnvelopeStore, SecretId, SecretName, SecretStore, SecretStoreExt, SecretVersion,
};

pub(crate) use forge::{Fields, HASH_BYTES, rehashed};
pub(crate) use futures::executor::block_on as wait;
pub(crate) use sink::{Answer, Sink, later};

pub(crate) const APP: &str = "YourApp.Production";
pub(crate) const ENVIRONMENT: &str = "production";
pub(crate) const SERVICE: &str = "billing";
pub(crate) const MAC_KEY: [u8; 32] = *b"audit-canary-KW5-9876543210fedcb";

pub(crate) fn app(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("a valid application name")
}

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APP, name).expect("a valid name")
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::new(text).expect("a valid name")
}

pub(crate) fn version(number: u64) -> SecretVersion {
    SecretVersion::new(number).expect("not zero")
}

pub(crate) fn key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(&MAC_KEY))
}

pub(crate) fn secrets() -> Arc<EnvelopeStore> {
    Arc::new(secret_store_memory::store("audited").expect("random"))
}

pub(crate) fn builder(inner: Arc<dyn SecretStore>, sink: &Arc<Sink>) -> AuditedStoreBuilder {
    AuditedStore::builder(inner, Arc::<Sink>::clone(sink)).environment(ENVIRONMENT).actor(SERVICE)
}

/// An authenticated layer over a store in memory.
pub(crate) fn audited() -> (AuditedStore, Arc<Sink>) {
    let sink = Arc::new(Sink::default());
    (builder(secrets(), &sink).key(key()).build().expect("configured"), sink)
}

/// Goes on by some milliseconds each time it is looked at, so that no two entries have the same time.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicU64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_767_323_045_000)))
    }
}

#[async_trait]
impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.fetch_add(7, Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

/// A log of so many entries by three writers about one application, in the order of time: every action, failures, requests.
pub(crate) fn three_writers(entries: usize, key: Option<&Arc<AuditKey>>) -> Vec<AuditEntry> {
    let (sink, clock, inner) = (Arc::new(Sink::default()), Ticking::new(), secrets());
    let stores = [(); 3].map(|()| {
        let builder = builder(Arc::<EnvelopeStore>::clone(&inner), &sink).clock(Arc::<Ticking>::clone(&clock));
        let builder = match key {
            Some(key) => builder.key(Arc::clone(key)),
            None => builder,
        };
        builder.build().expect("configured")
    });
    let names: Vec<_> = (0..5).map(|n| id(&format!("Secret {n}\u{e9}"))).collect();
    for turn in 0.. {
        // Not strictly in turn: a writer often has several entries in a row.
        let store = &stores[turn * turn % 7 % 3];
        let store = store.for_request(format!("user-{}", turn % 4), format!("request-{turn}")).expect("valid");
        let id = &names[turn % names.len()];
        wait(async {
            match turn % 6 {
                0 => drop(store.put(id, format!("value {turn}").into()).await),
                1 => drop(store.get(id).await),
                2 => drop(store.get_many(&names[..turn % 3 + 1]).await),
                3 => drop(store.list(id.application()).await),
                4 => drop(store.history(id).await),
                _ if turn % 4 == 1 => drop(store.delete(id).await),
                _ => drop(store.get_all(id.application()).await),
            }
        });
        if sink.entries().len() >= entries {
            break;
        }
    }
    let mut log = sink.entries();
    log.truncate(entries);
    let writers: std::collections::BTreeSet<_> = log.iter().map(AuditEntry::writer).collect();
    assert_eq!((log.len(), writers.len()), (entries, 3));
    assert!(log.is_sorted_by_key(place), "in the order of time");
    log
}

/// What a log is ordered by.
pub(crate) fn place(entry: &AuditEntry) -> (secret_store_core::audit::Timestamp, WriterId, u64) {
    (entry.time(), entry.writer(), entry.sequence())
}

pub(crate) fn bytes(log: &[AuditEntry]) -> Vec<Vec<u8>> {
    log.iter().map(|entry| entry.as_bytes().to_vec()).collect()
}

/// Pushes a whole log.
pub(crate) fn pushed<T: AsRef<[u8]>>(mut verifier: Verifier, log: impl IntoIterator<Item = T>) -> Verifier {
    log.into_iter().for_each(|entry| verifier.push(entry.as_ref()));
    verifier
}

/// The head of a log that is as it should be.
pub(crate) fn head_of(log: &[AuditEntry], key: Option<Arc<AuditKey>>) -> Arc<AuditHead> {
    let verifier = match key {
        Some(key) => Verifier::new().with_key(key),
        None => Verifier::new(),
    };
    let verification = pushed(verifier, bytes(log)).finish();
    Arc::new(verification.head(UNIX_EPOCH).expect("an intact log"))
}
