//! How operations end.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    Error, ErrorKind, GetOptions, MockSecretStore, Secret, SecretId, SecretStoreExt, TracedKeys, TracedRecords,
    TracedStore,
};
use secret_store_memory::MemoryPersistence;
use tracing::Level;

use super::recorder::Recorder;
use super::{VALUE, envelope, id, keys, operation, over};

/// Every kind has a word of its own.
#[test]
fn every_kind_of_error_has_its_outcome() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let outcomes = [
        (ErrorKind::NotFound, "not_found"),
        (ErrorKind::AlreadyExists, "already_exists"),
        (ErrorKind::Conflict, "conflict"),
        (ErrorKind::Contention, "contention"),
        (ErrorKind::Integrity, "integrity"),
        (ErrorKind::RollbackDetected, "rollback_detected"),
        (ErrorKind::KeyDestroyed, "key_destroyed"),
        (ErrorKind::NotSealed, "not_sealed"),
        (ErrorKind::KeyRetired, "key_retired"),
        (ErrorKind::Expired, "expired"),
        (ErrorKind::Replayed, "replayed"),
        (ErrorKind::KeyNotAllowed, "key_not_allowed"),
        (ErrorKind::KeyUnavailable, "key_unavailable"),
        (ErrorKind::PermissionDenied, "permission_denied"),
        (ErrorKind::InvalidInput, "invalid_input"),
        (ErrorKind::TooLarge { limit: 1, actual: 2 }, "too_large"),
        (ErrorKind::Unsupported, "unsupported"),
        (ErrorKind::Throttled, "throttled"),
        (ErrorKind::Unavailable, "unavailable"),
    ];
    for (kind, outcome) in outcomes {
        let mut mock = MockSecretStore::new();
        mock.expect_get_with().returning(move |_, _| Err(Error::new(kind, "the test made this call fail")));
        let store = TracedStore::new(Arc::new(mock), "test");
        block_on(store.get(&id("Db"))).expect_err("as the mock says");
        let seen = recorder.take();
        let (spans, events): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| !seen.is_event);
        assert_eq!(spans[0].get("outcome"), Some(outcome));
        let alarming = matches!(kind, ErrorKind::Integrity | ErrorKind::RollbackDetected | ErrorKind::KeyNotAllowed);
        assert_eq!(events.len(), usize::from(alarming), "{outcome}");
        for event in events {
            assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some(outcome)));
            assert_eq!(event.within, Some("secret_store"));
        }
    }
}

/// A store that panics.
#[derive(Debug)]
struct Panicking;

#[async_trait]
impl secret_store_core::SecretStore for Panicking {
    async fn get_with(&self, _: &SecretId, _: GetOptions) -> secret_store_core::Result<Secret> {
        std::panic::resume_unwind(Box::new("the test panics without a message"))
    }

    async fn put_with(
        &self,
        _: &SecretId,
        _: secret_store_core::SecretValue,
        _: secret_store_core::PutOptions,
    ) -> secret_store_core::Result<secret_store_core::SecretInfo> {
        unreachable!("not asked")
    }

    async fn delete_with(&self, _: &SecretId, _: secret_store_core::DeleteOptions) -> secret_store_core::Result<()> {
        unreachable!("not asked")
    }

    async fn list_with(
        &self,
        _: &secret_store_core::ApplicationName,
        _: secret_store_core::ListOptions,
    ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
        unreachable!("not asked")
    }

    async fn history_with(
        &self,
        _: &SecretId,
        _: secret_store_core::ListOptions,
    ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
        unreachable!("not asked")
    }
}

#[test]
fn a_panic_is_no_cancellation() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let store = TracedStore::new(Arc::new(Panicking), "test");
    let db = id("Db");
    let read = std::panic::AssertUnwindSafe(|| block_on(store.get(&db)));
    std::panic::catch_unwind(read).expect_err("it panics");
    assert_eq!(operation(&recorder.take()).get("outcome"), Some("panicked"));
    // Whoever comes next on this thread is within nothing.
    block_on(over(Arc::new(MemoryPersistence::new())).get(&db)).expect_err("absent");
    let seen = recorder.take();
    assert_eq!((operation(&seen).within, operation(&seen).get("outcome")), (None, Some("not_found")));
}

/// One layer over another of its kind: the inner operation is within the outer one, also what it reports.
#[test]
fn layers_of_one_kind_nest() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let inner = TracedStore::new(Arc::new(envelope(Arc::new(super::Slow::default()))), "inner");
    let store = TracedStore::new(Arc::new(inner), "outer");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    recorder.take();
    block_on(store.get(&id("Db"))).expect("opens");
    let seen = recorder.take();
    let told: Vec<_> = seen
        .iter()
        .map(|seen| (seen.get("backend"), seen.within, seen.get("capacity"), seen.get("key_cache")))
        .collect();
    let (capacity, miss) = (Some("0.5"), Some("miss"));
    assert_eq!(told, [(Some("outer"), None, capacity, miss), (Some("inner"), Some("secret_store"), capacity, miss)]);
}

/// Every operation of the two lower traits has its span.
#[test]
fn keys_and_records_have_their_spans() {
    use secret_store_core::{
        Consistency, EncryptionContext, KeyProvider, ListQuery, Persistence, Precondition, RecordKey, Write,
    };
    let (recorder, _guard) = Recorder::listen(Level::DEBUG);
    let (main, context) = ("main".parse().expect("valid"), EncryptionContext::legacy());
    let provider = TracedKeys::new(Arc::new(keys()), "k");
    let records = TracedRecords::new(Arc::new(MemoryPersistence::new()), "r");
    let key = RecordKey::new("App", "Db");
    block_on(async {
        let generated = provider.generate_key(&main, &context).await.expect("generates");
        let wrapped = provider.wrap_key(&main, &generated.document_key, &context).await.expect("wraps");
        drop(provider.unwrap_key(&wrapped, &context).await.expect("unwraps"));
        drop(provider.rewrap_key(&wrapped, &context, &main, &context).await.expect("rewraps"));
        records.load(&key, Consistency::Strong).await.expect("answers");
        records.load_many(&[key.clone(), key.clone()], Consistency::Strong).await.expect("answers");
        let seven = NonZeroUsize::new(7).expect("not zero");
        records.list(&ListQuery::new("App").with_limit(seven)).await.expect("answers");
        records.commit(vec![Write::check(key, Precondition::Absent)]).await.expect("holds");
    });
    let seen = recorder.take();
    let told: Vec<_> =
        seen.iter().map(|span| (span.name, span.get("operation").expect("named"), span.get("records"))).collect();
    assert_eq!(
        told,
        [
            ("secret_store.keys", "generate_key", None),
            ("secret_store.keys", "wrap_key", None),
            ("secret_store.keys", "unwrap_key", None),
            ("secret_store.keys", "rewrap_key", None),
            ("secret_store.records", "load", Some("1")),
            ("secret_store.records", "load_many", Some("2")),
            ("secret_store.records", "list", Some("7")),
            ("secret_store.records", "commit", Some("1")),
        ]
    );
    for span in &seen {
        assert_eq!((span.level, span.target.as_str()), (Level::DEBUG, "secret_store"));
        assert_eq!(span.get("outcome"), Some("ok"));
        assert!(["k", "r"].contains(&span.get("backend").expect("named")));
        assert_eq!((span.get("attempts"), span.get("application")), (None, None), "of the store alone");
    }
}

/// An application is named where there is one.
#[test]
fn several_applications_are_not_taken_for_the_first() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let store = over(Arc::new(MemoryPersistence::new()));
    let elsewhere = SecretId::parse("Other", "Db").expect("valid");
    let application = |ids: &[SecretId]| {
        drop(block_on(store.get_many(ids)));
        operation(&recorder.take()).get("application").map(str::to_owned)
    };
    assert_eq!(application(&[id("a"), id("b")]).as_deref(), Some("App"));
    assert_eq!(application(&[id("a"), elsewhere]), None);
    assert_eq!(application(&[]), None);
    drop(block_on(store.get_all(&super::application())));
    assert_eq!(operation(&recorder.take()).get("application"), Some("App"));
}

/// Some executors drop what is left when their thread ends, after thread-local variables are gone.
#[test]
fn an_operation_may_be_dropped_while_its_thread_ends() {
    use std::cell::RefCell;
    type Left = futures::future::BoxFuture<'static, ()>;
    thread_local! {
        static BEFORE: RefCell<Option<Left>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Left>> = const { RefCell::new(None) };
    }
    let ended = std::thread::spawn(|| {
        let (_recorder, _guard) = Recorder::listen(Level::DEBUG);
        let begun = || -> Left {
            let cached = secret_store_core::CachedStore::new(envelope(Arc::new(super::Slow::default())));
            let store = TracedStore::new(Arc::new(cached), "test").with_metrics();
            block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
            let mut read: Left = Box::pin(async move { drop(store.get(&id("Db")).await) });
            assert!(futures::FutureExt::now_or_never(&mut read).is_none());
            read
        };
        // One is registered to be dropped before anything of this library, the other one after it.
        BEFORE.with_borrow_mut(|left| *left = None);
        let first = begun();
        AFTER.with_borrow_mut(|left| *left = Some(begun()));
        BEFORE.with_borrow_mut(|left| *left = Some(first));
    });
    ended.join().expect("nothing panics");
}
