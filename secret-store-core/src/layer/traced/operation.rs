//! One operation under observation, from its first poll to its outcome.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, field};

use crate::clock::{Clock, SystemClock};
use crate::error::{ErrorKind, Result};
use crate::id::ApplicationName;
use crate::layer::blind_names::Blinding;
use crate::observe::{Cache, Lookup, Observation};

/// How a future that was dropped ended.
const CANCELLED: &str = "cancelled";
/// How a future ended that did not return from a poll.
const PANICKED: &str = "panicked";

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
    /// Shows names as keyed hashes.
    pub(super) blinding: Option<Blinding>,
}

/// An operation that is about to begin.
pub(super) struct Call<'a> {
    pub(super) span: Span,
    pub(super) operation: &'static str,
    /// The one that it is about, where it is about one.
    pub(super) application: Option<&'a ApplicationName>,
}

impl Observer {
    pub(super) fn new(layer: Layer, backend: &'static str) -> Self {
        Self { layer, backend, clock: Arc::new(SystemClock), metered: false, blinding: None }
    }

    /// Observes an operation, unless nobody wants to know: then it is the very same future.
    pub(super) fn observed<'a, T: 'a>(
        &self,
        call: Call<'_>,
        begin: impl FnOnce() -> BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        if call.span.is_disabled() && !self.metered && !self.warns() {
            return begin();
        }
        let under_way = UnderWay {
            span: call.span,
            name: call.operation,
            application: call.application.cloned(),
            observer: self.clone(),
            observation: Observation::begin(),
            began: self.clock.monotonic(),
            dropped: CANCELLED,
            over: false,
        };
        // What is done before the first poll is a part of it.
        let operation = under_way.within(begin);
        Box::pin(Observed { operation: Some(operation), under_way })
    }

    /// An application as it is shown: escaped, or blind.
    pub(super) fn shown(&self, application: &ApplicationName) -> String {
        match &self.blinding {
            Some(blinding) => blinding.display(application),
            None => application.to_string(),
        }
    }

    /// Whether somebody hears of alarming outcomes, who may want nothing else.
    fn warns(&self) -> bool {
        self.layer == Layer::Store && tracing::enabled!(target: "secret_store", tracing::Level::WARN)
    }
}

/// A span, unless nobody listens at its level: with the feature `log` of `tracing` its fields would be made for no span at all.
pub(super) fn spanned(level: Level, span: impl FnOnce() -> Span) -> Span {
    if level <= LevelFilter::current() { span() } else { Span::none() }
}

/// A future that tells how it ends.
struct Observed<'a, T> {
    /// Until it has ended.
    operation: Option<BoxFuture<'a, Result<T>>>,
    under_way: UnderWay,
}

impl<T> Future for Observed<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let operation = this.operation.as_mut().expect("a future that has ended is not polled");
        this.under_way.dropped = PANICKED;
        let polled = this.under_way.within(|| operation.as_mut().poll(context));
        this.under_way.dropped = CANCELLED;
        if let Poll::Ready(result) = &polled {
            this.under_way.within(|| this.operation = None);
            this.under_way.end(result.as_ref().map_or_else(|error| label(error.kind()), |_| "ok"));
        }
        polled
    }
}

impl<T> Drop for Observed<'_, T> {
    /// What the drop of an operation that is under way tells belongs to it still.
    fn drop(&mut self) {
        if self.operation.is_some() {
            self.under_way.within(|| self.operation = None);
        }
    }
}

struct UnderWay {
    span: Span,
    name: &'static str,
    application: Option<ApplicationName>,
    observer: Observer,
    observation: Arc<Observation>,
    began: Duration,
    /// The outcome if it is dropped now.
    dropped: &'static str,
    over: bool,
}

impl UnderWay {
    fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        let _observing = self.observation.enter();
        let _inside = self.span.enter();
        run()
    }

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
            tracing::warn!(
                target: "secret_store",
                parent: &self.span,
                operation = self.name,
                backend = self.observer.backend,
                application = self.application.as_ref().map(|name| field::display(self.observer.shown(name))),
                outcome,
                "what is stored was refused"
            );
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
            for cache in Cache::ALL {
                if let Some(found) = found(&self.observation, cache) {
                    self.span.record(cache_field(cache), found);
                }
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end(self.dropped);
    }
}

fn cache_field(cache: Cache) -> &'static str {
    match cache {
        Cache::Secrets => "cache",
        Cache::DocumentKeys => "key_cache",
        Cache::TenantKeys => "tenant_key_cache",
    }
}

/// What the lookups of one operation came to; `None` where there was none.
fn found(observation: &Observation, cache: Cache) -> Option<&'static str> {
    let mut found = Lookup::ALL.into_iter().filter(|lookup| observation.lookups(cache, *lookup) > 0);
    let first = found.next()?;
    Some(if found.next().is_some() { "mixed" } else { lookup_label(first) })
}

/// A lookup in one word, the same in spans and metrics.
pub(super) fn lookup_label(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Hit => "hit",
        Lookup::Negative => "negative",
        Lookup::Stale => "stale",
        Lookup::Miss => "miss",
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
        ErrorKind::NotSealed => "not_sealed",
        ErrorKind::KeyRetired => "key_retired",
        ErrorKind::Expired => "expired",
        ErrorKind::Replayed => "replayed",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unavailable => "unavailable",
    }
}

/// Spells out the signatures that `async_trait` gives the methods of a layer; each observes the future of the inner method.
macro_rules! observe {
    ($($(#[$attribute:meta])* fn $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),*) -> $answer:ty
        { $self:ident => $call:expr })*) => {$(
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
            let call = $call;
            $self.observer.observed(call, || $self.inner.$name($($argument),*))
        }
    )*};
}
pub(super) use observe;
