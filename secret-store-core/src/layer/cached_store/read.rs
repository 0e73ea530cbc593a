//! Reads of one secret.

use std::sync::Arc;

use super::{Inner, SecretKey, SecretRef};
use crate::cache::{Answer, Turn, unshared};
use crate::error::{ErrorKind, Result};
use crate::id::SecretId;
use crate::persistence::Consistency;
use crate::secret::{Secret, SharedSecret};
use crate::store::{GetOptions, SecretStore};

/// A read that has begun and waits for nothing yet.
pub(super) enum Begun {
    /// It is answered.
    Ready(Result<Secret>),
    /// It waits for a question.
    Turn(Turn<SecretKey, SharedSecret>),
    /// It is to ask the backend, and to set the entry right.
    Directly,
    /// It has nothing to do with the cache.
    Past,
}

impl<S: SecretStore> Inner<S> {
    /// What needs no question.
    pub(super) fn ready(&self, id: &SecretId, options: &GetOptions) -> Option<Result<Secret>> {
        if options.consistency == Consistency::Strong {
            return None;
        }
        let key = SecretRef { scope: self.scope, id };
        let answer = self.entries()?.fresh(&key, |answer| suits(answer, options))?;
        Some(answer.map(Secret::from).map_err(unshared))
    }

    /// Where [`ready`](Self::ready) found nothing.
    pub(super) async fn read(self: &Arc<Self>, id: &SecretId, options: GetOptions) -> Result<Secret> {
        let inner = Arc::clone(self);
        let owned = id.clone();
        let begun = self.begin(id, &options, || async move { inner.load(&owned).await });
        self.end(id, &options, begun).await
    }

    pub(super) async fn load(&self, id: &SecretId) -> Result<SharedSecret> {
        Ok(self.store.get_with(id, GetOptions::default()).await?.into())
    }

    /// Takes what is there, or joins who asks, or asks: by the caller's question, in which options have no part.
    pub(super) fn begin<F>(&self, id: &SecretId, options: &GetOptions, question: impl FnOnce() -> F) -> Begun
    where
        F: Future<Output = Result<SharedSecret>> + Send + 'static,
    {
        match self.entries() {
            Some(_) if options.consistency == Consistency::Strong && options.version.is_none() => Begun::Directly,
            Some(entries) if options.version.is_none() => match self.ready(id, options) {
                Some(answer) => Begun::Ready(answer),
                None => Begun::Turn(entries.turn(self.key(id), question)),
            },
            _ => Begun::Past,
        }
    }

    /// The answer of a read that was begun.
    pub(super) async fn end(&self, id: &SecretId, options: &GetOptions, begun: Begun) -> Result<Secret> {
        let answer = match (begun, self.entries()) {
            (Begun::Ready(answer), _) => return answer,
            (Begun::Turn(turn), Some(entries)) => entries.settle(turn).await,
            (Begun::Directly, Some(_)) => return self.read_directly(id, options).await,
            _ => return self.store.get_with(id, options.clone()).await,
        };
        match answer {
            Ok(secret) if is_new_enough(&secret, options) => Ok(secret.into()),
            Err(error) if error.kind() != ErrorKind::NotFound || options.minimum_version.is_none() => Err(error),
            // The caller has seen something newer. The backend says what that means.
            _ => self.read_directly(id, options).await,
        }
    }

    /// Asks the backend with the caller's own options.
    async fn read_directly(&self, id: &SecretId, options: &GetOptions) -> Result<Secret> {
        let Some(entries) = self.entries() else { return self.store.get_with(id, options.clone()).await };
        let key = self.key(id);
        let direct = entries.begin_direct(&key);
        let answer = self.store.get_with(id, options.clone()).await.map(SharedSecret::from);
        entries.end_direct(&key, &direct, answer).map(Secret::from)
    }
}

/// Whether an entry is an answer to a read with these options.
fn suits(answer: &Answer<SharedSecret>, options: &GetOptions) -> bool {
    match answer {
        Ok(secret) => {
            options.version.is_none_or(|version| secret.info().version == version) && is_new_enough(secret, options)
        }
        Err(_) => options.version.is_none() && options.minimum_version.is_none(),
    }
}

fn is_new_enough(secret: &SharedSecret, options: &GetOptions) -> bool {
    options.minimum_version.is_none_or(|minimum| secret.info().version >= minimum)
}
