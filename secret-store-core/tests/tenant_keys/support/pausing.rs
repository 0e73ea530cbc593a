//! Calls that wait before and after their work, so that whoever makes them can be dropped at every await.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    Consistency, DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, Limits, ListQuery, MasterKeyId, Page,
    Persistence, RecordKey, Result, Revision, Stored, WrappedKey, Write,
};

/// More than any call here takes.
const MOST_POLLS: usize = 200;

async fn pause() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[derive(Debug)]
pub(crate) struct Pausing(pub(crate) Arc<dyn Persistence>);

#[async_trait]
impl Persistence for Pausing {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        pause().await;
        let answer = self.0.load(key, consistency).await;
        pause().await;
        answer
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        pause().await;
        let answer = self.0.load_many(keys, consistency).await;
        pause().await;
        answer
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        pause().await;
        let answer = self.0.list(query).await;
        pause().await;
        answer
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        pause().await;
        let answer = self.0.commit(writes).await;
        pause().await;
        answer
    }
}

#[derive(Debug)]
pub(crate) struct PausingKeys(pub(crate) Arc<dyn KeyProvider>);

#[async_trait]
impl KeyProvider for PausingKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        pause().await;
        let answer = self.0.generate_key(id, context).await;
        pause().await;
        answer
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        pause().await;
        self.0.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        pause().await;
        let answer = self.0.unwrap_key(key, context).await;
        pause().await;
        answer
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        pause().await;
        let answer = self.0.rewrap_key(key, from, to, to_context).await;
        pause().await;
        answer
    }
}

/// Makes a call and drops it after one poll, makes it again and drops it after two, … until it ends by itself; looks around each
/// time. Answers after how many polls it ended, and what it answered.
pub(crate) fn dropped_everywhere<T, F>(mut call: impl FnMut() -> F, mut look: impl FnMut()) -> (usize, Result<T>)
where
    F: Future<Output = Result<T>>,
{
    for polls in 1..MOST_POLLS {
        let answer = poll_times(call(), polls);
        look();
        if let Some(answer) = answer {
            return (polls, answer);
        }
    }
    panic!("a call takes more than {MOST_POLLS} polls");
}

fn poll_times<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = polls;
    block_on(poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }))
}
