//! What a write finds: the current record and the last number, and what follows from them.

use std::num::NonZeroUsize;

use super::config::Legacy;
use super::high_water::Mark;
use super::settings_cache::{Knowledge, Trusted};
use super::{Inner, layout};
use crate::envelope::protected::{Reservation, stored_version};
use crate::envelope::wraps::is_same_version;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{SecretId, SecretVersion};
use crate::persistence::{Consistency, Precondition, RecordKey, Stored};
use crate::settings::ApplicationSettings;

/// The state of one secret.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) current: Option<Stored>,
    pub(super) last: Option<Stored>,
    /// The highest number in the history, where the current record has none of its own; 0 otherwise.
    tail: SecretVersion,
}

impl From<&Reservation> for State {
    fn from(reservation: &Reservation) -> Self {
        Self { current: reservation.current.clone(), last: reservation.last.clone(), tail: reservation.tail }
    }
}

impl From<State> for Reservation {
    fn from(state: State) -> Self {
        Self { current: state.current, last: state.last, tail: state.tail }
    }
}

impl State {
    pub(super) fn new(current: Option<Stored>, last: Option<Stored>) -> Self {
        Self { current, last, tail: SecretVersion::UNVERSIONED }
    }

    /// With the highest number in the history.
    pub(super) fn with_tail(self, tail: SecretVersion) -> Self {
        Self { tail, ..self }
    }

    /// The number of the current record, if there is one; 0 in format 0.
    pub(super) fn current_version(&self) -> Result<Option<SecretVersion>> {
        self.current.as_ref().map(|stored| stored_version(&stored.record)).transpose()
    }

    /// The last-version record's number; 0 where there is none.
    pub(super) fn last_version(&self) -> Result<SecretVersion> {
        let last = self.last.as_ref().map(|stored| layout::parse_last_version(&stored.record)).transpose()?;
        Ok(last.unwrap_or(SecretVersion::UNVERSIONED))
    }

    /// The number under which the current record moves to the history. One in format 0 takes the next free number: the original may
    /// have written it over a numbered one.
    pub(super) fn outgoing_version(&self) -> Result<Option<SecretVersion>> {
        match self.current_version()? {
            Some(SecretVersion::UNVERSIONED) => Ok(Some(self.last_version()?.max(self.tail).next()?)),
            version => Ok(version),
        }
    }

    /// The number of the current record; in format 0 the one that it takes now.
    pub(super) fn number_of_current(&self) -> Result<SecretVersion> {
        self.outgoing_version()?.ok_or_else(Error::not_found)
    }

    /// The number of the next version: above everything that was ever used.
    pub(super) fn next_version(&self) -> Result<SecretVersion> {
        let outgoing = self.outgoing_version()?.unwrap_or(SecretVersion::UNVERSIONED);
        outgoing.max(self.last_version()?).next()
    }

    /// Whether the last-version record decides the next number, so that a write must check that it is unchanged.
    pub(super) fn depends_on_last(&self) -> Result<bool> {
        Ok(self.current_version()?.is_none_or(|version| version == SecretVersion::UNVERSIONED))
    }

    /// A condition that holds as long as the current record is as it was found.
    pub(super) fn current_unchanged(&self) -> Precondition {
        unchanged(self.current.as_ref())
    }

    /// A condition that holds as long as the last-version record is as it was found.
    pub(super) fn last_unchanged(&self) -> Precondition {
        unchanged(self.last.as_ref())
    }

    /// Refuses a caller's precondition that does not hold.
    pub(super) fn check(&self, precondition: &Precondition) -> Result<()> {
        let current = self.current.as_ref().map(|stored| &stored.revision);
        if precondition.holds(current) { Ok(()) } else { Err(Error::conflict(0, current.cloned())) }
    }

    /// Refuses to put format 0 where format 1 was: only a reverted migration goes back, and leaves a current record in format 0.
    pub(super) fn check_not_in_format_1(&self) -> Result<()> {
        match self.current_version()? {
            Some(SecretVersion::UNVERSIONED) => Ok(()),
            None if self.last.is_none() => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "this name has held a secret in format 1: configure the application with `Legacy::Read` to write format 1, \
                 or revert its migration",
            )),
        }
    }

    /// Whether the state is older than one that was seen before the read began. Where format 0 is written, going back to it is a
    /// [reverted migration](crate::rotation::Rotator::revert_migration).
    fn is_older_than(&self, mark: &Mark, legacy: Legacy) -> Result<bool> {
        Ok(match self.current_version()? {
            Some(SecretVersion::UNVERSIONED) if legacy == Legacy::ReadWrite => false,
            Some(version) => version < mark.lowest(),
            None => self.last_version()? < mark.seen,
        })
    }
}

fn unchanged(stored: Option<&Stored>) -> Precondition {
    stored.map_or(Precondition::Absent, |stored| Precondition::Revision(stored.revision.clone()))
}

impl Inner {
    /// Reads what a delete of a secret must know: one round trip.
    pub(super) async fn state(&self, id: &SecretId) -> Result<State> {
        let mark = self.marks.of(id);
        let keys = [layout::current(id), layout::last_version(id)];
        let [current, last] = self.load_together(&keys).await?;
        self.judged(id, State::new(current, last), &mark, &keys).await
    }

    /// Reads what a put of a secret must know: one round trip, also where the application's settings are to be read again.
    pub(super) async fn state_for_put(&self, id: &SecretId) -> Result<(State, Trusted)> {
        let reading = match self.known_settings(id.application())? {
            Knowledge::Fresh(trusted) => return Ok((self.state(id).await?, trusted)),
            Knowledge::ToRead(reading) => reading,
        };
        let mark = self.marks.of(id);
        let keys = [layout::current(id), layout::last_version(id), ApplicationSettings::key(id.application())];
        let [current, last, settings] = self.load_together(&keys).await.map_err(settings_denied)?;
        let trusted = reading.finish(settings.as_ref())?;
        let [current_key, last_key, _] = keys;
        Ok((self.judged(id, State::new(current, last), &mark, &[current_key, last_key]).await?, trusted))
    }

    async fn load_together<const N: usize>(&self, keys: &[RecordKey; N]) -> Result<[Option<Stored>; N]> {
        let found = self.records.load_many(keys, Consistency::Strong).await?;
        found.try_into().map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the persistence answered another number of records than asked")
        })
    }

    /// A state that is no older than it may be, with what else a write must know.
    async fn judged(&self, id: &SecretId, state: State, mark: &Mark, keys: &[RecordKey; 2]) -> Result<State> {
        let legacy = self.config.application(id.application())?.legacy;
        if !state.is_older_than(mark, legacy)? {
            return self.with_tail(id, state).await;
        }
        // The two records may be of different moments. Read in this order, a delete in between cannot look like a rollback.
        let [current, last] = keys;
        let current = self.records.load(current, Consistency::Strong).await?;
        let state = State::new(current, self.records.load(last, Consistency::Strong).await?);
        if state.is_older_than(mark, legacy)? { Err(rollback_detected()) } else { self.with_tail(id, state).await }
    }

    /// The state as it is now, if nothing but the wraps of the current record has changed since.
    pub(super) async fn under_other_wraps(&self, id: &SecretId, then: &State) -> Option<State> {
        let now = self.state(id).await.ok()?;
        let (Some(before), Some(after)) = (&then.current, &now.current) else { return None };
        let is_rewrapped = before.revision != after.revision && is_same_version(&before.record, &after.record);
        (is_rewrapped && then.last_unchanged() == now.last_unchanged()).then_some(now)
    }

    /// Looks for the history's highest number where it decides the next one: under a format-0 record that is to be numbered.
    async fn with_tail(&self, id: &SecretId, mut state: State) -> Result<State> {
        let is_numbered = self.config.application(id.application())?.legacy != Legacy::ReadWrite;
        if is_numbered && state.current_version()? == Some(SecretVersion::UNVERSIONED) {
            state.tail = self.history_tail(id).await?;
        }
        Ok(state)
    }

    /// The highest number in the history, 0 for none. Read off the keys: what stands there may be malformed.
    pub(super) async fn history_tail(&self, id: &SecretId) -> Result<SecretVersion> {
        let mut query = layout::history(id).with_limit(NonZeroUsize::MIN).with_consistency(Consistency::Strong);
        loop {
            let page = self.records.list(&query).await?;
            if let Some(number) = page.items.iter().find_map(|(sort, _)| layout::history_number(id, sort)) {
                return Ok(number);
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(SecretVersion::UNVERSIONED),
            }
        }
    }
}

/// A role that may read secrets and not the settings gets to know which of the two it lacks.
fn settings_denied(error: Error) -> Error {
    if error.kind() != ErrorKind::PermissionDenied {
        return error;
    }
    let message = "the secret's state or the application's settings may not be read: grant reading the partitions `~h~` and \
                   `~s~` of the application, or configure `SettingsUse::Ignored`";
    Error::new(ErrorKind::PermissionDenied, message).with_source(error)
}

pub(super) fn rollback_detected() -> Error {
    Error::new(
        ErrorKind::RollbackDetected,
        "the database holds an older state than was seen before: after a restore, accept it with `accept_rollback` and, \
         if writes are refused still, `repair`",
    )
}
