//! Counting what a rotation would meet, without changing anything and without asking for any key.

use std::collections::BTreeMap;

use super::options::RotationOptions;
use super::place::{Found, Phase, Place, Scope};
use super::report::{Finding, Findings};
use super::retry::Backoff;
use super::work::{Judgement, PassKind, Work};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::Inner;
use crate::error::Result;
use crate::id::{ApplicationName, MasterKeyId};
use crate::persistence::Stored;

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
            Judgement::Original => self.original += 1,
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
