//! Reads of several secrets: each from its entry, the others in one call.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use super::Inner;
use crate::error::{Error, ErrorKind, Result, repeated};
use crate::id::SecretId;
use crate::persistence::Consistency;
use crate::secret::{Secret, SharedSecret};
use crate::store::{GetOptions, SecretStore};

/// How many secrets are waited for at the same time.
const CONCURRENT_READS: usize = 16;

type Answers = Result<Vec<SharedSecret>, Arc<Error>>;

/// One call for all that nobody asks for yet. It begins when the first of them is waited for; what joins later asks by itself.
struct Batch<S> {
    /// `None` once it has begun.
    asked: Arc<Mutex<Option<Vec<SecretId>>>>,
    answers: Shared<BoxFuture<'static, Answers>>,
    inner: Arc<Inner<S>>,
}

impl<S: SecretStore> Batch<S> {
    fn new(inner: &Arc<Inner<S>>) -> Self {
        let asked = Arc::new(Mutex::new(Some(Vec::new())));
        let (ids, store) = (Arc::clone(&asked), Arc::clone(inner));
        let answers = async move {
            let ids = locked(&ids).take().unwrap_or_default();
            let secrets = store.store.get_many_with(&ids, GetOptions::default()).await.map_err(Arc::new)?;
            Ok(secrets.into_iter().map(SharedSecret::from).collect())
        };
        Self { asked, answers: answers.boxed().shared(), inner: Arc::clone(inner) }
    }

    /// The question for one of them.
    fn ask(&self, id: &SecretId) -> impl Future<Output = Result<SharedSecret>> + Send + use<S> {
        let position = locked(&self.asked).as_mut().map(|ids| {
            ids.push(id.clone());
            ids.len() - 1
        });
        let (answers, inner, id) = (self.answers.clone(), Arc::clone(&self.inner), id.clone());
        async move {
            if let Some(position) = position {
                match answers.await {
                    Ok(secrets) => match secrets.get(position) {
                        Some(secret) if *secret.id() == id => return Ok(secret.clone()),
                        _ => {
                            return Err(Error::new(
                                ErrorKind::Unavailable,
                                "the store answered other secrets than asked",
                            ));
                        }
                    },
                    Err(error) if error.is_retryable() => return Err(repeated(&error)),
                    // One of them is the cause: each asks by itself.
                    Err(_) => {}
                }
            }
            inner.load(&id).await
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: SecretStore> Inner<S> {
    pub(super) async fn read_many(self: &Arc<Self>, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        let is_plain = options.version.is_none() && options.consistency == Consistency::Eventual;
        if self.entries().is_none() || !is_plain {
            let secrets = self.store.get_many_with(ids, options).await;
            let secrets = secrets.inspect_err(|error| self.heed_refusal(error, |id| ids.contains(id)))?;
            secrets.iter().for_each(|secret| self.heed(secret.info()));
            return Ok(secrets);
        }
        let batch = Batch::new(self);
        // Begun one by one before any is waited for, so that the call has all that are missing.
        let begun: Vec<_> = ids.iter().map(|id| self.begin(id, &options, || batch.ask(id))).collect();
        let reads: Vec<_> = ids.iter().zip(begun).map(|(id, begun)| self.end(id, &options, begun)).collect();
        stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await
    }
}
