//! One visit to all records of an application.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};

use super::lease::{Lease, Pulse, commit};
use super::options::{Mode, RotationOptions};
use super::place::{Found, Phase, Place, Position, Scope};
use super::report::{Finding, Tally};
use super::retry::Backoff;
use super::work::{Judgement, PassKind, Work};
use crate::envelope_store::Inner;
use crate::error::Result;
use crate::persistence::{Consistency, Page, Stored};

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every record was visited.
    Whole,
    /// It was cancelled.
    Cancelled,
}

/// What became of one record.
pub(super) enum Settled {
    Changed,
    /// It was terminal, or is gone: deleted, or moved to the history, which is visited after this.
    Nothing,
    /// It holds no secret.
    Skipped,
    Reported(Finding),
    /// It was not begun.
    Left,
}

pub(super) struct Pass<'a> {
    pub(super) inner: &'a Inner,
    pub(super) work: &'a dyn Work,
    pub(super) scope: &'a Scope,
    pub(super) options: &'a RotationOptions,
    pub(super) kind: PassKind,
}

impl Pass<'_> {
    /// Visits everything after a position: current records first, then the history.
    pub(super) async fn run(&self, lease: &mut Lease<'_>, from: Position, tally: &mut Tally) -> Result<Ended> {
        for phase in Phase::ALL.into_iter().filter(|phase| *phase >= from.phase) {
            let mut after = from.after.clone().filter(|_| phase == from.phase);
            loop {
                if self.options.wait_while_paused(lease).await? == Mode::Cancelled {
                    return Ok(Ended::Cancelled);
                }
                let page = lease.hold(self.page(phase, after.as_ref())).await??;
                let pulse = lease.pulse();
                let settled = lease.hold(self.settle_all(&pulse, phase, page.items)).await??;
                if !tally.add(settled) {
                    // Paused or cancelled in the middle: the page is visited again.
                    continue;
                }
                after = page.next;
                let (changed, position) = (tally.take_unwritten(), checkpoint(phase, after.as_ref()));
                lease
                    .write(|job| (job.changed, job.position) = (job.changed.saturating_add(changed), position))
                    .await?;
                self.options.report(&*self.inner.clock, tally, self.scope, phase, self.kind);
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(Ended::Whole)
    }

    async fn page(&self, phase: Phase, after: Option<&Arc<str>>) -> Result<Page<(Arc<str>, Stored)>> {
        let mut backoff = Backoff::new();
        loop {
            match self.scope.page(self.inner, phase, after, self.options.page).await {
                Ok(page) => return Ok(page),
                Err(error) => backoff.wait(&*self.inner.clock, error).await?,
            }
        }
    }

    /// Brings the records of a page to their end, several at a time. Where one fails, those under way are brought to theirs, so
    /// that nothing lands after the lease is given back.
    async fn settle_all(&self, pulse: &Pulse, phase: Phase, items: Vec<(Arc<str>, Stored)>) -> Result<Vec<Settled>> {
        let failed = AtomicBool::new(false);
        let mut settling = Vec::with_capacity(items.len());
        for (sort, stored) in items {
            let failed = &failed;
            settling.push(async move {
                if failed.load(Ordering::Relaxed) || self.options.mode() != Mode::Running {
                    return Ok(Settled::Left);
                }
                let settled = self.settle_found(pulse, phase, &sort, stored).await;
                if settled.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                settled
            });
        }
        let settled: Vec<_> = stream::iter(settling).buffer_unordered(self.options.concurrency.get()).collect().await;
        settled.into_iter().collect()
    }

    async fn settle_found(&self, pulse: &Pulse, phase: Phase, sort: &Arc<str>, stored: Stored) -> Result<Settled> {
        match self.scope.find(phase, sort) {
            Found::Secret(place) => self.settle(pulse, &place, stored).await,
            Found::LastVersion => Ok(Settled::Skipped),
            Found::Foreign => Ok(Settled::Reported(Finding::foreign(self.scope.key(phase, sort)))),
        }
    }

    /// Changes a record until it is terminal. After a lost race, or an answer that was lost, the record is looked at again.
    async fn settle(&self, pulse: &Pulse, place: &Place, mut stored: Stored) -> Result<Settled> {
        let mut backoff = Backoff::new();
        loop {
            match self.work.judge(self.inner, place, &stored.record, self.kind) {
                Judgement::Original => {}
                Judgement::Terminal => return Ok(Settled::Nothing),
                Judgement::Neither(error) => return Ok(Settled::Reported(Finding::new(place, &error))),
            }
            // A lost lease is the end, not a lost race.
            let Err(error) = self.change(pulse, place, &stored).await? else { return Ok(Settled::Changed) };
            if self.work.is_of_record(error.kind()) {
                return Ok(Settled::Reported(Finding::new(place, &error)));
            }
            backoff.wait(&*self.inner.clock, error.with_secret(&place.id)).await?;
            match self.reload(place, &mut backoff).await? {
                Some(found) => stored = found,
                None => return Ok(Settled::Nothing),
            }
        }
    }

    async fn change(&self, pulse: &Pulse, place: &Place, stored: &Stored) -> Result<Result<()>> {
        let writes = match self.work.change(self.inner, place, stored).await {
            Ok(writes) => writes,
            Err(error) => return Ok(Err(error)),
        };
        pulse.check(&*self.inner.clock)?;
        Ok(commit(self.inner, writes).await.map(drop))
    }

    async fn reload(&self, place: &Place, backoff: &mut Backoff) -> Result<Option<Stored>> {
        loop {
            match self.inner.records.load(&place.key, Consistency::Strong).await {
                Ok(found) => return Ok(found),
                Err(error) => backoff.wait(&*self.inner.clock, error).await?,
            }
        }
    }
}

/// Where to go on after a page.
fn checkpoint(phase: Phase, after: Option<&Arc<str>>) -> Position {
    let phase = if after.is_none() { Phase::History } else { phase };
    Position { phase, after: after.cloned() }
}
