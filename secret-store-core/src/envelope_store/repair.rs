//! What an operator does after a restore, and about records that cannot be read.

use super::config::HistoryRetention;
use super::retry::Retry;
use super::state::State;
use super::{Inner, layout};
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{SecretId, SecretVersion};
use crate::persistence::{Consistency, Precondition, Write};
use crate::secret::{Secret, SecretInfo};
use crate::store::PutOptions;

impl Inner {
    pub(super) async fn accept_rollback(&self, id: &SecretId) -> Result<Option<SecretInfo>> {
        let Some(secret) = self.read_current(id).await? else {
            self.marks.set(id, SecretVersion::UNVERSIONED);
            return Ok(None);
        };
        self.marks.set(id, secret.info().version);
        Ok(Some(secret.info().clone()))
    }

    /// Reads the current record as it is, whatever was seen before.
    async fn read_current(&self, id: &SecretId) -> Result<Option<Secret>> {
        let Some(stored) = self.records.load(&layout::current(id), Consistency::Strong).await? else { return Ok(None) };
        let protected = ProtectedSecret::from_current(id, &stored.record)?;
        self.open(&protected, stored.revision).await.map(Some)
    }

    pub(super) async fn repair(&self, id: &SecretId) -> Result<Option<SecretInfo>> {
        id.check_writable()?;
        let mut retry = Retry::new();
        loop {
            match self.try_repair(id).await {
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Contention) => {
                    retry.wait(&*self.clock, error).await?;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_repair(&self, id: &SecretId) -> Result<Option<SecretInfo>> {
        let state = self.unchecked_state(id).await?;
        let highest = self.highest_elsewhere(id, &state).await?;
        let Some(stored) = &state.current else {
            self.raise_last_version(id, &state, highest).await?;
            self.marks.set(id, SecretVersion::UNVERSIONED);
            return Ok(None);
        };
        if last_number(&state).is_none() {
            // A writer refuses a malformed one, whatever the current record says.
            self.raise_last_version(id, &state, highest).await?;
        }
        let protected = ProtectedSecret::from_current(id, &stored.record)?;
        let secret = self.open(&protected, stored.revision.clone()).await?;
        if self.is_in_order(id, &state, protected.version(), highest).await? {
            self.marks.set(id, protected.version());
            return Ok(Some(secret.info().clone()));
        }
        self.renumber(id, &state, secret, highest).await.map(Some)
    }

    /// Whether a current version is above every number that is known from elsewhere. A migration writes its own number down too; so
    /// does a delete, which where a history is kept leaves the version there.
    async fn is_in_order(
        &self,
        id: &SecretId,
        state: &State,
        version: SecretVersion,
        highest: SecretVersion,
    ) -> Result<bool> {
        if version == SecretVersion::UNVERSIONED || version > highest {
            return Ok(true);
        }
        let is_counted = last_number(state) == Some(version);
        let keeps_history = self.config.history(id.application())? != HistoryRetention::None;
        Ok(is_counted && keeps_history && version > self.highest_seen(id, state).await?)
    }

    /// Stores the current value again, above every number. Its old record goes to the history if that slot is free.
    async fn renumber(
        &self,
        id: &SecretId,
        state: &State,
        secret: Secret,
        highest: SecretVersion,
    ) -> Result<SecretInfo> {
        let options = PutOptions::default().with_metadata(secret.info().metadata.clone());
        let value = secret.into_value();
        let mut draft = self.draft(id, &value, &options)?;
        draft.format = Format::One;
        let trusted = self.trusted_settings(id.application()).await?;
        let protected = self.seal_format_1(&draft, highest.next()?, &trusted).await?;
        let mut writes = vec![Write::put(layout::current(id), protected.to_record(), state.current_unchanged())];
        if let (Some(stored), Some(version)) = (&state.current, state.outgoing_version()?) {
            let slot = layout::outgoing(id, version);
            if self.records.load(&slot, Consistency::Strong).await?.is_none() {
                writes.push(Write::put(slot, (*stored.record).clone(), Precondition::Absent));
            }
        }
        let revision = self.commit_under(&trusted, writes).await?.into_iter().next().flatten();
        self.marks.set(id, protected.version());
        protected
            .info(revision.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the persistence answered no revision"))?)
    }

    /// Current and last-version record in the order in which a delete between the two does no harm, without judging them.
    async fn unchecked_state(&self, id: &SecretId) -> Result<State> {
        let current = self.records.load(&layout::current(id), Consistency::Strong).await?;
        Ok(State::new(current, self.records.load(&layout::last_version(id), Consistency::Strong).await?))
    }

    /// The highest number known from anywhere but the current record. A malformed last-version record says nothing.
    async fn highest_elsewhere(&self, id: &SecretId, state: &State) -> Result<SecretVersion> {
        let seen = self.highest_seen(id, state).await?;
        Ok(seen.max(last_number(state).unwrap_or(SecretVersion::UNVERSIONED)))
    }

    /// The highest number in the history, or that this process has seen.
    async fn highest_seen(&self, id: &SecretId, state: &State) -> Result<SecretVersion> {
        let highest = self.history_tail(id).await?;
        let mark = self.marks.of(id);
        let is_current = !mark.deleted && state.current_version().ok().flatten() == Some(mark.seen);
        Ok(if is_current { highest } else { highest.max(mark.seen) })
    }

    /// Sets the last number right where it is too low or malformed.
    async fn raise_last_version(&self, id: &SecretId, state: &State, highest: SecretVersion) -> Result<()> {
        if last_number(state).is_some_and(|last| highest <= last) {
            return Ok(());
        }
        let (key, unchanged) = (layout::last_version(id), state.last_unchanged());
        // No record says 0: where nothing is known, none is right.
        let last = if highest == SecretVersion::UNVERSIONED {
            Write::delete(key, unchanged)
        } else {
            Write::put(key, layout::last_version_record(highest), unchanged)
        };
        self.commit(vec![Write::check(layout::current(id), state.current_unchanged()), last]).await.map(drop)
    }

    /// The state of a secret that could not be deleted as others are, because nobody can read its current record. Otherwise the
    /// error that stood in the way of the delete.
    pub(super) async fn unreadable_state(&self, id: &SecretId, error: Error) -> Result<State> {
        let state = self.unchecked_state(id).await?;
        let Some(stored) = &state.current else { return Err(error) };
        let opened = match ProtectedSecret::from_current(id, &stored.record) {
            Ok(protected) => self.open(&protected, stored.revision.clone()).await.map(drop),
            Err(malformed) => Err(malformed),
        };
        match opened {
            Err(unreadable) if unreadable.kind() == ErrorKind::Integrity => Ok(state),
            _ => Err(error),
        }
    }

    /// Deletes a current record that is malformed or does not open. Nothing is lost and nothing moves to the history; its number
    /// says nothing, so the last number goes above all that are known.
    pub(super) async fn delete_unreadable(&self, id: &SecretId, state: &State) -> Result<()> {
        let highest = self.highest_elsewhere(id, state).await?.next()?;
        let writes = vec![
            Write::delete(layout::current(id), state.current_unchanged()),
            Write::put(layout::last_version(id), layout::last_version_record(highest), state.last_unchanged()),
        ];
        self.commit(writes).await?;
        self.marks.raise_deleted(id, highest);
        Ok(())
    }
}

/// The last number, 0 where none is recorded; `None` where the record of it is malformed.
fn last_number(state: &State) -> Option<SecretVersion> {
    state.last.as_ref().map_or(Some(SecretVersion::UNVERSIONED), |last| layout::parse_last_version(&last.record).ok())
}
