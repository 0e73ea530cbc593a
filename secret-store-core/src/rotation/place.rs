//! Where the records of an application's secrets stand, in the order in which a pass visits them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::envelope::protected::stored_id;
use crate::envelope_store::{Inner, layout};
use crate::error::Result;
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::persistence::{Consistency, ListQuery, Page, RecordKey, Stored};

/// The two parts of a pass. The order matters: a write moves records from the first to the second, never back, so that what
/// escapes the first is met in the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Current records.
    Current,
    /// Earlier versions.
    History,
}

impl Phase {
    pub(super) const ALL: [Self; 2] = [Self::Current, Self::History];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::History => "history",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// How far a pass is: everything before was visited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) phase: Phase,
    pub(super) after: Option<Arc<str>>,
}

impl Position {
    pub(super) fn beginning() -> Self {
        Self { phase: Phase::Current, after: None }
    }
}

/// Where one record of a secret stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: RecordKey,
    pub(super) id: SecretId,
    /// The number of an earlier version; `None` for the current record.
    pub(super) version: Option<SecretVersion>,
}

/// What stands at a sort key.
pub(super) enum Found {
    /// A version of a secret.
    Secret(Place),
    /// The last number of a secret: nothing is encrypted there.
    LastVersion,
    /// Nothing that this library puts there.
    Foreign,
}

/// Which records of an application are meant.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) application: ApplicationName,
    /// Those of this secret alone.
    pub(super) secret: Option<SecretId>,
}

impl Scope {
    /// One page of a phase, strongly consistent.
    pub(super) async fn page(
        &self,
        inner: &Inner,
        phase: Phase,
        after: Option<&Arc<str>>,
        limit: NonZeroUsize,
    ) -> Result<Page<(Arc<str>, Stored)>> {
        let query = match (phase, &self.secret) {
            (Phase::Current, Some(id)) => return load_one(inner, id).await,
            (Phase::Current, None) => ListQuery::new(Arc::clone(self.application.as_shared())).in_any_order(),
            (Phase::History, Some(id)) => layout::history(id),
            (Phase::History, None) => ListQuery::new(layout::history_partition(&self.application)).in_any_order(),
        };
        let query = query.with_limit(limit).with_consistency(Consistency::Strong);
        let query = match after {
            Some(after) => query.continued(Arc::clone(after)),
            None => query,
        };
        inner.records.list(&query).await
    }

    /// What a sort key of a phase says.
    pub(super) fn find(&self, phase: Phase, sort: &Arc<str>) -> Found {
        match phase {
            Phase::Current => match stored_id(&self.application, sort) {
                Ok(id) => Found::Secret(Place { key: layout::current(&id), id, version: None }),
                Err(_) => Found::Foreign,
            },
            Phase::History => self.find_in_history(sort),
        }
    }

    fn find_in_history(&self, sort: &Arc<str>) -> Found {
        let Some(name) = layout::name_in_history(sort) else { return Found::Foreign };
        let Ok(id) = stored_id(&self.application, &Arc::from(name)) else { return Found::Foreign };
        if **sort == **layout::last_version(&id).sort() {
            return Found::LastVersion;
        }
        match layout::history_number(&id, sort) {
            Some(version) => Found::Secret(Place { key: layout::outgoing(&id, version), id, version: Some(version) }),
            None => Found::Foreign,
        }
    }

    /// Where a sort key of a phase stands.
    pub(super) fn key(&self, phase: Phase, sort: &Arc<str>) -> RecordKey {
        match phase {
            Phase::Current => RecordKey::new(Arc::clone(self.application.as_shared()), Arc::clone(sort)),
            Phase::History => RecordKey::new(layout::history_partition(&self.application), Arc::clone(sort)),
        }
    }
}

async fn load_one(inner: &Inner, id: &SecretId) -> Result<Page<(Arc<str>, Stored)>> {
    let stored = inner.records.load(&layout::current(id), Consistency::Strong).await?;
    let items = stored.into_iter().map(|stored| (Arc::clone(id.name().as_shared()), stored)).collect();
    Ok(Page { items, next: None })
}
