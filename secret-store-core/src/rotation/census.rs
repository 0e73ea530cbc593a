//! Counting what a rotation would meet, without changing anything and without asking for any key.

use std::collections::BTreeMap;

use super::options::RotationOptions;
use super::place::{Found, Phase, Place, Scope};
use super::report::{Finding, Findings};
use super::retry::Backoff;
use super::work::{Judgement, PassKind, Work};
use crate::envelope::protected::{ProtectedSecret, attribute};
use crate::envelope_store::Inner;
use crate::error::Result;
use crate::id::{ApplicationName, MasterKeyId};
use crate::persistence::Stored;
use crate::record::Record;

/// How many master keys are told apart; no store has so many, and a database could name any number.
const MAX_KEYS: usize = 256;

/// What a rotation would do to one application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationCensus {
    /// Which one.
    pub application: ApplicationName,
    /// Records of secrets, current ones and earlier versions.
    pub records: u64,
    /// Of these, as they were before the rotation: they would be changed.
    pub original: u64,
    /// As they are to be.
    pub terminal: u64,
    /// Neither: they would be reported and not touched.
    pub neither: Findings,
    /// How many wraps name which master key.
    pub wraps: BTreeMap<MasterKeyId, u64>,
    /// What the change would lose, where it loses anything: a migration back to format 0.
    pub losses: Losses,
}

/// How many records would lose what format 0 has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// Their number, and the binding of the value to its name: all that would be changed.
    pub versions: u64,
    /// The time they were made.
    pub creation_times: u64,
    /// Metadata, or an idempotency token.
    pub metadata: u64,
    /// Wraps under further master keys.
    pub further_wraps: u64,
}

/// What a rotation would do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Census {
    /// Application by application.
    pub applications: Vec<ApplicationCensus>,
}

impl Census {
    /// Records that would be changed.
    #[must_use]
    pub fn original(&self) -> u64 {
        self.applications.iter().map(|of| of.original).sum()
    }
}

pub(super) async fn take(
    inner: &Inner,
    work: &dyn Work,
    scope: &Scope,
    options: &RotationOptions,
) -> Result<ApplicationCensus> {
    let mut census = ApplicationCensus {
        application: scope.application.clone(),
        records: 0,
        original: 0,
        terminal: 0,
        neither: Findings::default(),
        wraps: BTreeMap::new(),
        losses: Losses::default(),
    };
    visit(inner, scope, options, |visited| match visited {
        Visited::Secret(place, stored) => census.count(inner, work, &place, &stored),
        Visited::Foreign(finding) => {
            census.records += 1;
            census.neither.push(finding);
        }
    })
    .await?;
    Ok(census)
}

impl ApplicationCensus {
    fn count(&mut self, inner: &Inner, work: &dyn Work, place: &Place, stored: &Stored) {
        self.records += 1;
        match work.judge(inner, place, &stored.record, PassKind::Closing) {
            Judgement::Original => {
                self.original += 1;
                if work.loses_what_format_0_lacks() {
                    self.losses.count(&stored.record);
                }
            }
            Judgement::Terminal => self.terminal += 1,
            Judgement::Neither(error) => self.neither.push(Finding::new(place, &error)),
        }
        let Ok(protected) = ProtectedSecret::from_record(&place.id, &stored.record) else { return };
        for wrapped in protected.all_wraps() {
            let id = wrapped.master_key_id();
            if self.wraps.contains_key(id) || self.wraps.len() < MAX_KEYS {
                *self.wraps.entry(id.clone()).or_default() += 1;
            }
        }
    }
}

impl Losses {
    fn count(&mut self, record: &Record) {
        let has = |name| u64::from(record.get(name).is_some());
        self.versions += has(attribute::VERSION);
        self.creation_times += has(attribute::CREATED_AT);
        self.metadata += has(attribute::METADATA);
        self.further_wraps += has(attribute::WRAPS);
    }
}

/// How many records of secrets there are.
pub(super) async fn count(inner: &Inner, scope: &Scope, options: &RotationOptions) -> Result<u64> {
    let mut records = 0;
    visit(inner, scope, options, |_| records += 1).await?;
    Ok(records)
}

pub(super) enum Visited {
    Secret(Place, Stored),
    Foreign(Finding),
}

/// Reads all records, strongly consistent, current ones before the history.
pub(super) async fn visit(
    inner: &Inner,
    scope: &Scope,
    options: &RotationOptions,
    mut visit: impl FnMut(Visited) + Send,
) -> Result<()> {
    for phase in Phase::ALL {
        let mut after = None;
        loop {
            let mut backoff = Backoff::new();
            let page = loop {
                match scope.page(inner, phase, after.as_ref(), options.page).await {
                    Ok(page) => break page,
                    Err(error) => backoff.wait(&*inner.clock, error).await?,
                }
            };
            for (sort, stored) in page.items {
                match scope.find(phase, &sort) {
                    Found::Secret(place) => visit(Visited::Secret(place, stored)),
                    Found::LastVersion => {}
                    Found::Foreign => visit(Visited::Foreign(Finding::foreign(scope.key(phase, &sort)))),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}
