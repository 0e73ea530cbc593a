//! Callers that go away: at worst an intent without an outcome, and nobody else is held up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::task::noop_waker;
use secret_store_core::audit::{AuditedStore, Phase, Verifier};
use secret_store_core::{ApplicationName, DeleteOptions, ListOptions, Page, PutOptions, Result, Secret};
use secret_store_core::{ErrorKind, GetOptions, SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue};

use crate::support::{Answer, Sink, audited, builder, bytes, id, key, pushed, secrets, wait};

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&noop_waker()))
}

/// Polls so often, then drops; answers whether it came to its end.
fn give_up_after<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    (0..polls).any(|_| poll(future.as_mut()).is_ready())
}

/// Waits before it does what its inner store does, and after.
#[derive(Debug)]
struct Slow(Arc<dyn SecretStore>, usize);

macro_rules! slowly {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait::async_trait]
        impl SecretStore for Slow {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                crate::support::later(self.1).await;
                let answer = self.0.$name($($argument),*).await;
                crate::support::later(self.1).await;
                answer
            })*
        }
    };
}

slowly! {
    fn get_with(id: &SecretId, options: GetOptions) -> Secret;
    fn put_with(id: &SecretId, value: SecretValue, options: PutOptions) -> SecretInfo;
    fn delete_with(id: &SecretId, options: DeleteOptions) -> ();
    fn list_with(application: &ApplicationName, options: ListOptions) -> Page<SecretInfo>;
    fn history_with(id: &SecretId, options: ListOptions) -> Page<SecretInfo>;
    fn get_many_with(ids: &[SecretId], options: GetOptions) -> Vec<Secret>;
    fn get_all_with(application: &ApplicationName, options: GetOptions) -> Vec<Secret>;
}

#[test]
fn a_put_given_up_anywhere_leaves_at_worst_an_intent_alone() {
    let mut seen = std::collections::BTreeSet::new();
    for polls in 0..100 {
        let inner = secrets();
        let slow = Arc::new(Slow(Arc::<secret_store_core::EnvelopeStore>::clone(&inner), 2));
        let sink = Arc::new(Sink::default());
        let store = builder(slow, &sink).key(key()).build().expect("configured");
        sink.answer_ever_after(Answer::TakesAfter(2));
        let is_done = give_up_after(store.put(&id("a"), "1".into()), polls);
        let has_landed = wait(inner.get(&id("a"))).is_ok();
        wait(store.flush()).expect("takes");
        let entries = sink.entries();
        let phases: Vec<_> = entries.iter().map(|entry| entry.phase()).collect();
        match &phases[..] {
            [] => assert!(!has_landed && !is_done, "after {polls} polls"),
            [Phase::Intent] => assert!(!is_done, "after {polls} polls"),
            [Phase::Intent, Phase::Outcome] => assert!(has_landed, "after {polls} polls"),
            other => panic!("after {polls} polls: {other:?}"),
        }
        let verification = pushed(Verifier::new().with_key(key()), bytes(&entries)).finish();
        assert!(verification.is_intact());
        assert_eq!(verification.unknown_count(), u64::from(phases.len() == 1));
        seen.insert((phases.len(), has_landed));
        if is_done {
            // Nothing, an intent alone with and without the put, and both were all seen on the way.
            assert_eq!(seen.len(), 4, "{seen:?}");
            return;
        }
    }
    panic!("the put does not come to its end: {seen:?}");
}

#[test]
fn a_read_given_up_anywhere_harms_nobody() {
    for polls in 0..20 {
        let (store, sink) = audited();
        sink.answer([Answer::TakesAfter(3)]);
        let is_done = give_up_after(store.get(&id("given up")), polls);
        assert_eq!(wait(store.get(&id("b"))).expect_err("none there").kind(), ErrorKind::NotFound);
        let names: Vec<_> = sink.entries().iter().map(|entry| entry.secrets()[0].name.to_string()).collect();
        assert!(names == ["given up", "b"] || names == ["b"] && !is_done, "after {polls} polls: {names:?}");
        assert!(pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish().is_intact());
    }
}

/// A future that is neither polled nor dropped – one arm of a `select!` while another runs – must not stop the others.
#[test]
fn a_future_that_is_not_polled_holds_up_nobody() {
    let (store, sink) = audited();
    sink.answer([Answer::TakesAfter(5)]);
    let (name, other) = (id("not polled"), id("b"));
    let mut idle = pin!(store.get(&name));
    assert!(poll(idle.as_mut()).is_pending());
    assert_eq!(wait(store.get(&other)).expect_err("none there").kind(), ErrorKind::NotFound);
    assert_eq!(sink.entries().len(), 2, "the other drove both to their end");
    assert_eq!(wait(idle).expect_err("none there").kind(), ErrorKind::NotFound);
    assert_eq!(sink.entries().len(), 2);
}

/// During an outage callers come, wait, and go by their own time limits: what they leave does not pile up.
#[test]
fn callers_that_give_up_during_an_outage_leave_nothing_behind() {
    let (store, sink) = audited();
    sink.answer([Answer::Hangs]);
    let (first, ids): (_, Vec<_>) = (id("first"), (0..500).map(|n| id(&n.to_string())).collect());
    let mut stuck = Box::pin(store.get(&first));
    assert!(poll(stuck.as_mut()).is_pending());
    for id in &ids {
        assert!(!give_up_after(store.get(id), 3));
        assert!(!give_up_after(store.put(id, "1".into()), 3));
    }
    drop(stuck);
    wait(store.get(&id("last"))).expect_err("none there");
    let names: Vec<_> = sink.entries().iter().map(|entry| entry.secrets()[0].name.to_string()).collect();
    assert_eq!(names, ["first", "last"]);
    assert!(pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish().is_intact());
}

#[test]
fn the_layer_and_its_futures_may_move_between_threads() {
    fn moves<T: Send + Sync + 'static>() {}
    fn is_send<T: Send>(_: &T) {}
    moves::<AuditedStore>();
    moves::<secret_store_core::audit::AuditLog>();
    moves::<secret_store_core::audit::AuditReader>();
    let (store, _) = audited();
    is_send(&store.flush());
}
