//! A sink that fails: whatever cannot be recorded is refused, and the chain goes on without a gap when it can again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::audit::{AuditSink, FanOut, MockAuditSink, Phase, TracingSink, Verifier};
use secret_store_core::{
    ApplicationName, DeleteOptions, Error, ErrorKind, GetOptions, ListOptions, Page, PutOptions, Result, Secret,
    SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue,
};

use crate::support::{Answer, Sink, audited, builder, bytes, id, key, pushed, secrets, wait};

const KINDS: [(ErrorKind, ErrorKind); 7] = [
    (ErrorKind::Unavailable, ErrorKind::Unavailable),
    (ErrorKind::Throttled, ErrorKind::Throttled),
    (ErrorKind::Contention, ErrorKind::Contention),
    (ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
    // What the sink says of its record must not be taken for the secret.
    (ErrorKind::NotFound, ErrorKind::Unavailable),
    (ErrorKind::Conflict, ErrorKind::Unavailable),
    (ErrorKind::AlreadyExists, ErrorKind::Unavailable),
];

/// Makes every operation once; answers the kind of each one's error.
async fn all_operations(store: &dyn SecretStore) -> Vec<Option<ErrorKind>> {
    let kind = |error: Error| error.kind();
    let (a, missing) = (id("a"), id("missing"));
    vec![
        store.get(&a).await.err().map(kind),
        store.get(&missing).await.err().map(kind),
        store.get_many(std::slice::from_ref(&a)).await.err().map(kind),
        store.get_all(a.application()).await.err().map(kind),
        store.list(a.application()).await.err().map(kind),
        store.history(&a).await.err().map(kind),
        store.put(&a, "2".into()).await.err().map(kind),
        store.delete(&a).await.err().map(kind),
    ]
}

#[test]
fn a_failing_sink_refuses_every_operation() {
    for (kind, seen) in KINDS {
        let inner = secrets();
        let sink = Arc::new(Sink::default());
        let store = builder(Arc::<secret_store_core::EnvelopeStore>::clone(&inner), &sink).key(key()).build();
        let store = store.expect("configured");
        wait(async {
            inner.put(&id("a"), "1".into()).await.expect("puts");
            sink.answer_ever_after(Answer::Refuses(kind));
            assert_eq!(all_operations(&store).await, [Some(seen); 8], "{kind:?}");
            let secret = inner.get(&id("a")).await.expect("neither replaced nor deleted");
            assert_eq!(secret.info().version.get(), 1);
            assert!(sink.entries().is_empty());
            // The sink recovers.
            sink.answer_ever_after(Answer::Takes);
            let kinds = all_operations(&store).await;
            assert_eq!(kinds, [None, Some(ErrorKind::NotFound), None, None, None, None, None, None], "{kind:?}");
        });
        let verification = pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish();
        assert!(verification.is_intact(), "{kind:?}: {:?}", verification.faults());
    }
}

/// Counts the mutations that are begun, and the reads that are made.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn SecretStore>,
    reads: AtomicUsize,
    mutations: AtomicUsize,
}

macro_rules! counted {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty, $counter:ident;)*) => {
        #[async_trait::async_trait]
        impl SecretStore for Counting {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                self.$counter.fetch_add(1, Ordering::SeqCst);
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

counted! {
    fn get_with(id: &SecretId, options: GetOptions) -> Secret, reads;
    fn put_with(id: &SecretId, value: SecretValue, options: PutOptions) -> SecretInfo, mutations;
    fn delete_with(id: &SecretId, options: DeleteOptions) -> (), mutations;
    fn list_with(application: &ApplicationName, options: ListOptions) -> Page<SecretInfo>, reads;
    fn history_with(id: &SecretId, options: ListOptions) -> Page<SecretInfo>, reads;
    fn get_many_with(ids: &[SecretId], options: GetOptions) -> Vec<Secret>, reads;
    fn get_all_with(application: &ApplicationName, options: GetOptions) -> Vec<Secret>, reads;
}

/// Nothing is released, no mutation is begun. (A read is made before its entry can say how it ended.) The control is the same
/// with a sink that takes.
#[test]
fn what_a_failing_sink_lets_through_is_counted() {
    for is_failing in [true, false] {
        let inner: Arc<dyn SecretStore> = secrets();
        wait(inner.put(&id("a"), "1".into())).expect("puts");
        let counting = Arc::new(Counting { inner, reads: AtomicUsize::new(0), mutations: AtomicUsize::new(0) });
        let sink = Arc::new(Sink::default());
        if is_failing {
            sink.answer_ever_after(Answer::Refuses(ErrorKind::Throttled));
        }
        let store = builder(Arc::<Counting>::clone(&counting), &sink).key(key()).build().expect("configured");
        let (mut released, mut errors) = (0, 0);
        wait(async {
            let a = id("a");
            let mut count = |is_ok| if is_ok { released += 1 } else { errors += 1 };
            for _ in 0..10 {
                count(store.get(&a).await.is_ok());
                count(store.get_many(std::slice::from_ref(&a)).await.is_ok());
                count(store.get_all(a.application()).await.is_ok());
                count(store.list(a.application()).await.is_ok());
                count(store.history(&a).await.is_ok());
                count(store.put(&a, "2".into()).await.is_ok());
                count(store.restore(&a, crate::support::version(1)).await.is_ok());
                count(store.delete(&id("b")).await.is_ok());
            }
        });
        let mutations = counting.mutations.load(Ordering::SeqCst);
        if is_failing {
            assert_eq!((released, mutations, sink.entries().len()), (0, 0, 0));
            assert_eq!(errors, 80);
        } else {
            // All but the deletes of what is not there; a restore reads and puts.
            assert_eq!((released, errors, mutations), (70, 10, 30));
            assert_eq!(sink.entries().len(), 60 + 3 * 20);
        }
        assert_eq!(counting.reads.load(Ordering::SeqCst), 60);
    }
}

/// The sink fails at its n-th call, for every n of a run, in every way: that operation is refused, no other, and the log is whole.
#[test]
fn a_failure_at_each_call_refuses_that_operation_alone() {
    let refusals = KINDS.iter().map(|(kind, _)| Answer::Refuses(*kind));
    for answer in refusals.chain([Answer::TakesAllBut(0), Answer::Panics]) {
        for at in 0..10 {
            let inner = secrets();
            let sink = Arc::new(Sink::default());
            let store = builder(Arc::<secret_store_core::EnvelopeStore>::clone(&inner), &sink).key(key()).build();
            let store = store.expect("configured");
            let what = format!("{answer:?} at call {at}");
            wait(async {
                inner.put(&id("a"), "1".into()).await.expect("puts");
                sink.answer(std::iter::repeat_n(Answer::Takes, at).chain([answer]));
                let failed: Vec<_> = (all_operations(&store).await.into_iter().enumerate())
                    .filter(|(n, kind)| *n != 1 && kind.is_some() || *n == 1 && *kind != Some(ErrorKind::NotFound))
                    .map(|(n, _)| n)
                    .collect();
                // The first six are reads of one call each; a put and a delete make two.
                let expected = if at < 6 { at } else { 6 + (at - 6) / 2 };
                let panics_quietly = answer == Answer::Panics;
                assert_eq!(failed, [expected], "{what}, panics: {panics_quietly}");
                // A mutation whose outcome is not recorded has happened.
                let is_gone = inner.get(&id("a")).await.is_err();
                let version = inner.get(&id("a")).await.map_or(0, |secret| secret.info().version.get());
                match at {
                    6 => assert!(is_gone, "{what}: the put was refused, the delete was not"),
                    8 => assert_eq!(version, 2, "{what}: the delete was refused"),
                    _ => assert!(is_gone, "{what}"),
                }
                store.flush().await.expect("the sink takes it");
            });
            let verification = pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish();
            assert!(verification.is_intact(), "{what}: {:?}", verification.faults());
            let whose_outcome_is_lost = match answer {
                // What may have landed is sent again: an intent whose mutation was refused stands alone then.
                Answer::Refuses(ErrorKind::Unavailable) | Answer::Panics | Answer::TakesAllBut(_) => at == 6 || at == 8,
                // The chain cannot go on.
                Answer::Refuses(ErrorKind::AlreadyExists) => at == 7 || at == 9,
                _ => false,
            };
            assert_eq!(verification.unknown_count(), u64::from(whose_outcome_is_lost), "{what}");
        }
    }
}

/// What was refused because the sink did not answer may stand in the log; never the other way round.
#[test]
fn an_entry_that_may_have_landed_comes_again_before_any_other() {
    for taken in [0, 1] {
        let (store, sink) = audited();
        wait(async {
            sink.answer([Answer::TakesAllBut(1 - taken), Answer::TakesAllBut(0)]);
            store.get(&id("first")).await.expect_err("no answer");
            store.get(&id("second")).await.expect_err("no answer again");
            store.get(&id("third")).await.expect_err("none there");
        });
        let names: Vec<_> = sink.entries().iter().map(|entry| entry.secrets()[0].name.to_string()).collect();
        assert_eq!(names, ["first", "third"], "the second was never sent: its place was not free");
        assert_eq!(sink.calls(), [1, 1, 1, 1]);
        assert!(pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish().is_intact());
    }
}

#[test]
fn a_lost_outcome_is_sent_by_the_next_entry_or_by_flush() {
    for is_flushed in [true, false] {
        let (store, sink) = audited();
        wait(async {
            sink.answer([Answer::Takes, Answer::Refuses(ErrorKind::Unavailable)]);
            let error = store.put(&id("a"), "1".into()).await.expect_err("not recorded");
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("audit")));
            assert!(error.to_string().contains("may have landed"), "{error}");
            assert!(std::error::Error::source(&error).is_some(), "the sink's own words");
            if is_flushed {
                store.flush().await.expect("takes");
                store.flush().await.expect("nothing left");
            } else {
                store.get(&id("a")).await.expect("it had landed");
            }
        });
        let phases: Vec<_> = sink.entries().iter().map(|entry| entry.phase()).collect();
        assert_eq!(phases[..2], [Phase::Intent, Phase::Outcome]);
        assert_eq!(phases.len(), if is_flushed { 2 } else { 3 });
    }
}

/// A clone of the process took the place: the log keeps both, under two writers.
#[test]
fn a_writer_whose_place_is_taken_goes_on_as_another() {
    let (store, sink) = audited();
    wait(async {
        store.get(&id("a")).await.expect_err("none there");
        sink.answer([Answer::Refuses(ErrorKind::AlreadyExists)]);
        assert_eq!(store.get(&id("b")).await.expect_err("refused").kind(), ErrorKind::Unavailable);
        assert_eq!(store.get(&id("c")).await.expect_err("none there").kind(), ErrorKind::NotFound);
    });
    let entries = sink.entries();
    assert_eq!(entries.len(), 2);
    assert_ne!(entries[0].writer(), entries[1].writer());
    assert!(pushed(Verifier::new().with_key(key()), bytes(&entries)).finish().is_intact());
}

#[test]
fn a_fan_out_takes_what_all_of_its_sinks_take() {
    assert_eq!(FanOut::new([]).expect_err("nothing is kept").kind(), ErrorKind::InvalidInput);
    let (first, second) = (Arc::new(Sink::default()), Arc::new(Sink::default()));
    let sinks: [Arc<dyn AuditSink>; 3] = [first.clone(), second.clone(), Arc::new(TracingSink)];
    let sink = Arc::new(FanOut::new(sinks).expect("three"));
    let store = secret_store_core::audit::AuditedStore::builder(secrets(), sink).environment("e").actor("a");
    let store = store.build().expect("configured");
    wait(async {
        second.answer([Answer::Takes, Answer::Refuses(ErrorKind::Throttled)]);
        for n in ["a", "b", "c"] {
            let kind = store.get(&id(n)).await.expect_err("none there").kind();
            let expected = if n == "b" { ErrorKind::Unavailable } else { ErrorKind::NotFound };
            assert_eq!(kind, expected, "{n}");
        }
        first.answer([Answer::Refuses(ErrorKind::Throttled)]);
        assert_eq!(store.get(&id("d")).await.expect_err("refused").kind(), ErrorKind::Throttled);
    });
    assert_eq!(first.entries(), second.entries());
    assert_eq!(first.entries().len(), 3, "what the first had taken came to the second as well");
}

#[test]
fn sinks_can_be_mocked_and_shared() {
    let mut mock = MockAuditSink::new();
    mock.expect_append().times(1).returning(|entries| {
        assert_eq!(entries.len(), 1);
        Ok(())
    });
    let shared: Arc<dyn AuditSink> = Arc::new(Arc::new(mock));
    let store = secret_store_core::audit::AuditedStore::builder(secrets(), shared).environment("e").actor("a").build();
    let error = wait(store.expect("configured").get(&id("a"))).expect_err("none there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
