//! One operation under observation, from its first poll to its outcome.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::Span;

use crate::clock::{Clock, SystemClock};
use crate::error::{ErrorKind, Result};
use crate::observe::{Cache, Lookup, Observation};

/// How a future that was dropped ended.
const CANCELLED: &str = "cancelled";

/// Which trait is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Store,
    Keys,
    Records,
}

impl Layer {
    #[cfg(feature = "metrics")]
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Keys => "keys",
            Self::Records => "records",
        }
    }
}

/// What a layer knows of all its operations.
#[derive(Clone, Debug)]
pub(super) struct Observer {
    pub(super) layer: Layer,
    pub(super) backend: &'static str,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether metrics are recorded too.
    pub(super) metered: bool,
}

impl Observer {
    pub(super) fn new(layer: Layer, backend: &'static str) -> Self {
        Self { layer, backend, clock: Arc::new(SystemClock), metered: false }
    }

    /// Observes an operation, unless nobody wants to know: then it is the very same future.
    pub(super) fn observed<'a, T: 'a>(
        &self,
        span: Span,
        name: &'static str,
        operation: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        if span.is_disabled() && !self.metered && !self.warns() {
            return operation;
        }
        let (observation, began) = (Observation::begin(), self.clock.monotonic());
        let under_way = UnderWay { span, name, observer: self.clone(), observation, began, over: false };
        Box::pin(Observed { operation, under_way })
    }

    /// Whether somebody hears of alarming outcomes, who may want nothing else.
    fn warns(&self) -> bool {
        self.layer == Layer::Store && tracing::enabled!(target: "secret_store", tracing::Level::WARN)
    }
}

/// A future that tells how it ends.
struct Observed<'a, T> {
    operation: BoxFuture<'a, Result<T>>,
    under_way: UnderWay,
}

impl<T> Future for Observed<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = {
            let _observing = this.under_way.observation.enter();
            let _inside = this.under_way.span.enter();
            this.operation.as_mut().poll(context)
        };
        if let Poll::Ready(result) = &polled {
            this.under_way.end(result.as_ref().map_or_else(|error| label(error.kind()), |_| "ok"));
        }
        polled
    }
}

struct UnderWay {
    span: Span,
    name: &'static str,
    observer: Observer,
    observation: Arc<Observation>,
    began: Duration,
    over: bool,
}

impl UnderWay {
    fn end(&mut self, outcome: &'static str) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let duration = self.observer.clock.monotonic().saturating_sub(self.began);
        self.record(outcome, duration);
        #[cfg(feature = "metrics")]
        if self.observer.metered {
            super::metrics::record(&self.observer, self.name, outcome, duration, &self.observation);
        }
        // Somebody may have touched the database.
        let is_alarming = matches!(outcome, "integrity" | "rollback_detected" | "key_not_allowed");
        if self.observer.layer == Layer::Store && is_alarming {
            let operation = self.name;
            tracing::warn!(target: "secret_store", parent: &self.span, operation, outcome, "what is stored was refused");
        }
    }

    fn record(&self, outcome: &'static str, duration: Duration) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("outcome", outcome);
        self.span.record("duration_us", u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        if let Some(units) = self.observation.capacity() {
            self.span.record("capacity", units);
        }
        if self.observer.layer == Layer::Store {
            self.span.record("attempts", self.observation.retries().saturating_add(1));
            for (field, cache) in [("cache", Cache::Secrets), ("key_cache", Cache::DocumentKeys)] {
                if let Some(found) = found(&self.observation, cache) {
                    self.span.record(field, found);
                }
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end(CANCELLED);
    }
}

/// What the lookups of one operation came to; `None` where there was none.
fn found(observation: &Observation, cache: Cache) -> Option<&'static str> {
    let times = |lookup| observation.lookups(cache, lookup) > 0;
    match (times(Lookup::Hit), times(Lookup::Miss)) {
        (false, false) => None,
        (true, false) => Some("hit"),
        (false, true) => Some("miss"),
        (true, true) => Some("mixed"),
    }
}

/// An outcome in one word, the same in spans and metrics.
fn label(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Contention => "contention",
        ErrorKind::Integrity => "integrity",
        ErrorKind::RollbackDetected => "rollback_detected",
        ErrorKind::KeyDestroyed => "key_destroyed",
        ErrorKind::KeyNotAllowed => "key_not_allowed",
        ErrorKind::KeyUnavailable => "key_unavailable",
        ErrorKind::PermissionDenied => "permission_denied",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::TooLarge { .. } => "too_large",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unavailable => "unavailable",
    }
}

/// Spells out the signatures that `async_trait` gives the methods of a layer; each observes the future of the inner method.
macro_rules! observe {
    ($($(#[$attribute:meta])* fn $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),*) -> $answer:ty
        { $self:ident => $span:expr })*) => {$(
        $(#[$attribute])*
        fn $name<'life0, $($life,)* 'async_trait>(
            &'life0 $self,
            $($argument: $type),*
        ) -> futures_util::future::BoxFuture<'async_trait, crate::error::Result<$answer>>
        where
            'life0: 'async_trait,
            $($life: 'async_trait,)*
            Self: 'async_trait,
        {
            let (span, operation) = $span;
            $self.observer.observed(span, operation, $self.inner.$name($($argument),*))
        }
    )*};
}
pub(super) use observe;
