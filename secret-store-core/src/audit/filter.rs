//! Which entries to read.

use super::codes::{Action, Outcome};
use super::entry::AuditEntry;
use super::records;
use super::timestamp::Timestamp;
use crate::id::{ApplicationName, SecretName};
use crate::persistence::ListQuery;

/// Which entries of a log to read: all by default, and of several conditions those that meet all of them.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    actor: Option<String>,
    request: Option<String>,
    application: Option<ApplicationName>,
    name: Option<SecretName>,
    action: Option<Action>,
    outcome: Option<Outcome>,
}

impl AuditFilter {
    /// Every entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Written at this time or later, by the writers' clocks.
    #[must_use]
    pub fn from(mut self, time: impl Into<Timestamp>) -> Self {
        self.from = Some(time.into());
        self
    }

    /// Written before this time, by the writers' clocks.
    #[must_use]
    pub fn until(mut self, time: impl Into<Timestamp>) -> Self {
        self.until = Some(time.into());
        self
    }

    /// On behalf of this actor.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// In this request.
    #[must_use]
    pub fn request_id(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// About this application's secrets. An [`AuditLog`](super::AuditLog) is read one application at a time anyway.
    #[must_use]
    pub fn application(mut self, application: ApplicationName) -> Self {
        self.application = Some(application);
        self
    }

    /// Naming this secret, of whatever application.
    #[must_use]
    pub fn name(mut self, name: SecretName) -> Self {
        self.name = Some(name);
        self
    }

    /// Of this action.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// That ended like this.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Whether it admits an entry: the one definition for every log.
    #[must_use]
    pub fn admits(&self, entry: &AuditEntry) -> bool {
        self.from.is_none_or(|from| entry.time() >= from)
            && self.until.is_none_or(|until| entry.time() < until)
            && self.actor.as_deref().is_none_or(|actor| entry.actor() == actor)
            && self.request.as_deref().is_none_or(|request| entry.request_id() == Some(request))
            && self.application.as_ref().is_none_or(|application| entry.application() == application)
            && self.name.as_ref().is_none_or(|name| entry.secrets().iter().any(|secret| secret.name == *name))
            && self.action.is_none_or(|action| entry.action() == action)
            && self.outcome.is_none_or(|outcome| entry.outcome() == Some(outcome))
    }

    /// The times as bounds of a listing.
    pub(super) fn bound(&self, query: ListQuery) -> ListQuery {
        let query = match self.from {
            Some(from) => query.with_after(records::sort_before(from)),
            None => query,
        };
        match self.until {
            Some(until) => query.with_before(records::sort_before(until)),
            None => query,
        }
    }
}
