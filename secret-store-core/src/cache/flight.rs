//! A question under way, from its registration to what is kept of its answer.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::slot::{Answer, is_outage};
use super::stripe::{Flight, Stripe};
use super::{Cache, Key, Value};
use crate::error::Result;

/// Stands for a question as long as somebody may join it.
struct Registration<K: Key, T: Value> {
    cache: Arc<Cache<K, T>>,
    key: K,
    number: u64,
    since: Duration,
}

impl<K: Key, T: Value> Cache<K, T> {
    /// Registers a question. What follows its answer is part of it, so that it happens once, whoever drives it.
    pub(super) fn ask<F>(self: &Arc<Self>, stripe: &mut Stripe<K, T>, key: K, since: Duration, load: F) -> Flight<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let number = stripe.next_number();
        let registration = Registration { cache: Arc::clone(self), key: key.clone(), number, since };
        let question = async move {
            // After a panic nobody joins any more, and whoever waits panics too.
            let answer = AssertUnwindSafe(load).catch_unwind().await;
            let answer = answer.unwrap_or_else(|panic| resume_unwind(panic)).map_err(Arc::new);
            registration.end(&answer);
            answer
        };
        let flight = question.boxed().shared();
        stripe.register(key, number, since, &flight);
        flight
    }
}

impl<K: Key, T: Value> Registration<K, T> {
    /// Keeps the answer if it is still wanted.
    fn end(self, answer: &Answer<T>) {
        let cache = &self.cache;
        let mut stripe = cache.stripe(&self.key);
        let now = cache.clock.monotonic();
        if !stripe.unregister(&self.key, self.number) {
            // Something came between, so that the answer may be out of date. What is kept may be so as well: a refusal ends it.
            if answer.as_ref().is_err_and(|error| !is_outage(error.kind())) {
                drop(cache.entries.remove(&self.key));
            }
        } else if !stripe.is_written(&self.key, now) {
            cache.keep(&mut stripe, &self.key, answer, self.since, now);
        }
        // The lock first: the end of `self` takes it too.
        drop(stripe);
    }
}

impl<K: Key, T: Value> Drop for Registration<K, T> {
    /// Dropped before the answer: whoever comes next asks anew.
    fn drop(&mut self) {
        self.cache.stripe(&self.key).unregister(&self.key, self.number);
    }
}
