//! Many tasks through one store: one chain without a gap, and nobody waits for another's secret.

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use futures::future::{join_all, poll_fn};
use futures::task::noop_waker;
use secret_store_core::audit::Verifier;
use secret_store_core::{MockSecretStore, SecretStore, SecretStoreExt};

use crate::support::{Answer, Sink, app, audited, builder, bytes, id, key, pushed, wait};

#[test]
fn many_threads_make_one_chain_without_a_gap() {
    const THREADS: usize = 16;
    const EACH: usize = 100;
    let (store, sink) = audited();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let store = store.for_request(format!("user-{thread}"), "r").expect("valid");
            std::thread::spawn(move || {
                for n in 0..EACH {
                    let id = id(&format!("{}", n % 7));
                    wait(async {
                        match n % 3 {
                            0 => drop(store.put(&id, "1".into()).await.expect("puts")),
                            _ => drop(store.get(&id).await),
                        }
                    });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let entries = sink.entries();
    let puts = EACH.div_ceil(3);
    assert_eq!(entries.len(), THREADS * (EACH + puts));
    let verification = pushed(Verifier::new().with_key(key()), bytes(&entries)).finish();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    assert_eq!(verification.unknown_count(), 0);
    assert_eq!(entries.iter().map(|entry| entry.writer()).collect::<std::collections::BTreeSet<_>>().len(), 1);
}

/// While the sink works for one, the others' entries gather and go together.
#[test]
fn entries_that_come_meanwhile_go_together() {
    let (store, sink) = audited();
    // Every one of them polls the call.
    sink.answer([Answer::TakesAfter(1000)]);
    let ids: Vec<_> = (0..250).map(|n| id(&n.to_string())).collect();
    wait(async {
        let answers = join_all(ids.iter().map(|id| store.get(id))).await;
        assert!(answers.iter().all(Result::is_err));
    });
    assert_eq!(sink.calls(), [1, 100, 100, 49]);
    assert!(pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish().is_intact());
}

/// One operation is stuck in its store; others, of the same application and of others, go on.
#[test]
fn no_lock_is_held_across_the_inner_operation() {
    let mut inner = MockSecretStore::new();
    inner.expect_get_with().returning(|_, _| Err(secret_store_core::Error::not_found()));
    let sink = Arc::new(Sink::default());
    let stuck = Arc::new(Stuck(inner));
    let store = builder(stuck, &sink).build().expect("configured");
    let name = id("stuck");
    let mut put = pin!(store.put(&name, "1".into()));
    assert!(put.as_mut().poll_now().is_none(), "its intent is written, its put is stuck");
    for n in 0..10 {
        wait(store.get(&id(&n.to_string()))).expect_err("none there");
    }
    wait(store.list(&app("Another"))).expect_err("none there");
    assert_eq!(sink.entries().len(), 12);
    assert!(put.as_mut().poll_now().is_none());
}

/// Of two chains neither waits for the other's sink call.
#[test]
fn chains_do_not_wait_for_each_other() {
    let (store, sink) = audited();
    sink.answer([Answer::Hangs]);
    let (name, other) = (id("stuck"), app("Another"));
    let mut stuck = pin!(store.get(&name));
    assert!(stuck.as_mut().poll_now().is_none());
    wait(store.list(&other)).expect("lists");
    assert_eq!(sink.entries().len(), 1);
}

trait PollNow {
    type Output;
    fn poll_now(self) -> Option<Self::Output>;
}

impl<F: Future> PollNow for std::pin::Pin<&mut F> {
    type Output = F::Output;

    fn poll_now(self) -> Option<F::Output> {
        match self.poll(&mut Context::from_waker(&noop_waker())) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}

/// Its puts never end.
#[derive(Debug)]
struct Stuck(MockSecretStore);

#[async_trait::async_trait]
impl SecretStore for Stuck {
    async fn get_with(
        &self,
        id: &secret_store_core::SecretId,
        options: secret_store_core::GetOptions,
    ) -> secret_store_core::Result<secret_store_core::Secret> {
        self.0.get_with(id, options).await
    }

    async fn put_with(
        &self,
        _: &secret_store_core::SecretId,
        _: secret_store_core::SecretValue,
        _: secret_store_core::PutOptions,
    ) -> secret_store_core::Result<secret_store_core::SecretInfo> {
        poll_fn(|_| std::task::Poll::Pending).await
    }

    async fn delete_with(
        &self,
        _: &secret_store_core::SecretId,
        _: secret_store_core::DeleteOptions,
    ) -> secret_store_core::Result<()> {
        Err(secret_store_core::Error::not_found())
    }

    async fn list_with(
        &self,
        _: &secret_store_core::ApplicationName,
        _: secret_store_core::ListOptions,
    ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
        Err(secret_store_core::Error::not_found())
    }

    async fn history_with(
        &self,
        _: &secret_store_core::SecretId,
        _: secret_store_core::ListOptions,
    ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
        Err(secret_store_core::Error::not_found())
    }
}
