//! Puts, saves and deletes: one commit each, conditioned on the state they were made for.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::config::{HistoryRetention, Legacy};
use super::retry::Retry;
use super::settings_cache::{Trusted, check_floor};
use super::state::{State, rollback_detected};
use super::{Inner, layout};
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::wraps::is_same_version;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{SecretId, SecretVersion};
use crate::key::WrappedKey;
use crate::persistence::{Consistency, Precondition, Revision, Stored, Write};
use crate::record::{Record, Value};
use crate::secret::{SecretInfo, SecretValue};
use crate::store::{DeleteOptions, HistoryDeletion, PutOptions};

/// The position of the history write in every commit that has one.
const HISTORY_WRITE: usize = 1;
/// In how many versions an idempotency token is looked for, the current one included.
const TOKEN_WINDOW: usize = 32;

/// The record that a write moves to the history, and under which number.
struct Outgoing {
    version: SecretVersion,
    record: Arc<Record>,
}

impl Inner {
    pub(super) async fn put(&self, id: &SecretId, value: &SecretValue, options: &PutOptions) -> Result<SecretInfo> {
        let token = options.idempotency_token.as_deref();
        let draft = self.draft(id, value, options.master_key_id.as_ref(), &options.metadata, token)?;
        let mut retry = Retry::new();
        loop {
            let (state, trusted) = self.state_for_put(id).await?;
            if let Some(token) = token
                && let Some(info) = self.find_token(id, token, &state).await?
            {
                return Ok(info);
            }
            state.check(&options.precondition)?;
            // A new document key each time: the version is part of what it seals.
            let protected = self.seal(&draft, &state, &trusted).await?;
            match self.commit_put(&state, &trusted, &protected).await {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                outcome => return outcome,
            }
        }
    }

    pub(super) async fn save(&self, protected: &ProtectedSecret) -> Result<SecretInfo> {
        self.check_savable(protected)?;
        let mut reserved = protected.reservation().map(State::from);
        let mut retry = Retry::new();
        loop {
            let (state, trusted) = match &reserved {
                Some(state) => (state.clone(), self.trusted_settings(protected.id().application()).await?),
                None => self.state_for_put(protected.id()).await?,
            };
            // Each time: which version of a tenant's key is active is trusted for a while only.
            let moved = self.under_active_version(protected).await?;
            let error = match self.try_save(&state, &trusted, moved.as_ref().unwrap_or(protected)).await {
                Err(error) if is_race(&error) => error,
                outcome => return outcome,
            };
            if error.kind() == ErrorKind::Conflict {
                // A reservation is of a version: it survives a rotation of the record that it found.
                let rewrapped = match &reserved {
                    Some(state) => self.under_other_wraps(protected.id(), state).await,
                    None => None,
                };
                let Some(state) = rewrapped else { return Err(error) };
                reserved = Some(state);
            }
            retry.wait(&*self.clock, error).await?;
        }
    }

    async fn try_save(&self, state: &State, trusted: &Trusted, protected: &ProtectedSecret) -> Result<SecretInfo> {
        let outcome = match self.check_is_next(state, protected).and_then(|()| check_admitted(protected, trusted)) {
            Ok(()) => self.commit_put(state, trusted, protected).await,
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.kind() == ErrorKind::Conflict => self.recognise(protected, error).await,
            outcome => outcome,
        }
    }

    fn check_savable(&self, protected: &ProtectedSecret) -> Result<()> {
        let id = protected.id();
        id.check_writable()?;
        for wrapped in protected.all_wraps() {
            self.config.wrapping_key(id.application(), Some(wrapped.master_key_id()), &*self.keys)?;
        }
        if protected.is_numbered_format_0()? {
            return Err(Error::invalid_input(
                "an earlier version in format 0 cannot become the current record: put its value as a new version",
            ));
        }
        let legacy = self.config.application(id.application())?.legacy;
        match protected.sealed()?.format() {
            Format::Zero if legacy != Legacy::ReadWrite => Err(Error::new(
                ErrorKind::Unsupported,
                "the secret is in format 0: configure the application with `Legacy::ReadWrite` to store it",
            )),
            _ => Ok(()),
        }
    }

    fn check_is_next(&self, state: &State, protected: &ProtectedSecret) -> Result<()> {
        let is_next = if protected.version() == SecretVersion::UNVERSIONED {
            state.check_not_in_format_1()?;
            true
        } else {
            protected.version() >= state.next_version()?
        };
        if is_next {
            Ok(())
        } else {
            Err(Error::conflict(0, state.current.as_ref().map(|stored| stored.revision.clone())))
        }
    }

    /// Stores a new current record, moving the one it replaces to the history.
    async fn commit_put(&self, state: &State, trusted: &Trusted, protected: &ProtectedSecret) -> Result<SecretInfo> {
        let id = protected.id();
        let in_format_1 = protected.version() != SecretVersion::UNVERSIONED;
        let outgoing = if in_format_1 { self.outgoing(id, state)? } else { None };
        let put = Write::put(layout::current(id), protected.to_record(), state.current_unchanged());
        let mut others = Vec::with_capacity(2);
        if state.depends_on_last()? {
            others.push(Write::check(layout::last_version(id), state.last_unchanged()));
        }
        others.extend(self.pruned(id, outgoing.as_ref())?);
        match self.commit_with_history(id, state, Some(trusted), put, outgoing.as_ref(), others).await {
            Ok(revision) => {
                self.marks.raise(id, protected.version());
                let revision = revision.ok_or_else(|| {
                    Error::new(
                        ErrorKind::Unavailable,
                        "the persistence answered no revision: the write may have landed",
                    )
                })?;
                protected.info(revision)
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => self.recognise(protected, error).await,
            Err(error) => Err(error),
        }
    }

    /// What a write moves to the history, unless nothing is kept.
    fn outgoing(&self, id: &SecretId, state: &State) -> Result<Option<Outgoing>> {
        if self.config.history(id.application())? == HistoryRetention::None {
            return Ok(None);
        }
        let (Some(stored), Some(version)) = (&state.current, state.outgoing_version()?) else { return Ok(None) };
        Ok(Some(Outgoing::new(stored, version)))
    }

    /// The version that falls out of the retention when another moves in.
    fn pruned(&self, id: &SecretId, outgoing: Option<&Outgoing>) -> Result<Option<Write>> {
        let HistoryRetention::Versions(kept) = self.config.history(id.application())? else { return Ok(None) };
        let number = outgoing.and_then(|outgoing| outgoing.version.get().checked_sub(kept.get()));
        let version = number.and_then(|number| SecretVersion::new(number).ok());
        Ok(version.map(|version| Write::delete(layout::outgoing(id, version), Precondition::Any)))
    }

    /// Commits the main write, the history write after it, and the others. The history slot may hold the very same version already
    /// (of a restore, or of an earlier life of this record), under the same wraps or under others, which a rotation may have
    /// replaced on either side: that is success. Another version there is a rollback.
    async fn commit_with_history(
        &self,
        id: &SecretId,
        state: &State,
        trusted: Option<&Trusted>,
        main: Write,
        outgoing: Option<&Outgoing>,
        others: Vec<Write>,
    ) -> Result<Option<Revision>> {
        let mut history = outgoing.map(|outgoing| outgoing.write(id));
        loop {
            let puts_history = matches!(history, Some(Write::Put { .. }));
            let writes = [main.clone()].into_iter().chain(history.take()).chain(others.iter().cloned()).collect();
            trusted.map_or(Ok(()), |trusted| trusted.check_age(&*self.clock))?;
            let error = match self.commit(writes).await {
                Ok(revisions) => return Ok(revisions.into_iter().next().flatten()),
                Err(error) => error,
            };
            let collided = error.kind() == ErrorKind::Conflict && error.failed_write() == Some(HISTORY_WRITE);
            match outgoing.filter(|_| puts_history && collided) {
                Some(outgoing) => history = Some(self.already_in_history(id, state, outgoing, error).await?),
                None => return Err(error),
            }
        }
    }

    /// Finds out what occupies a history slot: the same version, which then only must stay there; another, which is a rollback
    /// unless the state has changed meanwhile; or nothing any more, which is a race like any other.
    async fn already_in_history(
        &self,
        id: &SecretId,
        state: &State,
        outgoing: &Outgoing,
        error: Error,
    ) -> Result<Write> {
        let key = layout::outgoing(id, outgoing.version);
        let Some(found) = self.records.load(&key, Consistency::Strong).await? else { return Err(error) };
        if is_same_version(&found.record, &outgoing.record) {
            return Ok(Write::check(key, Precondition::Revision(found.revision)));
        }
        let current = self.records.load(&layout::current(id), Consistency::Strong).await?;
        let unchanged = state.current_unchanged().holds(current.as_ref().map(|stored| &stored.revision));
        Err(if unchanged { rollback_detected() } else { error })
    }

    /// After an answer that left it open: whether the secret stands there as it was to be written, save for its wraps, which a
    /// rotation may have replaced since.
    async fn recognise(&self, protected: &ProtectedSecret, error: Error) -> Result<SecretInfo> {
        let id = protected.id();
        match self.records.load(&layout::current(id), Consistency::Strong).await {
            Ok(Some(found)) if is_same_version(&found.record, &protected.to_record()) => {
                let Ok(info) = ProtectedSecret::from_current(id, &found.record).and_then(|it| it.info(found.revision))
                else {
                    return Err(error);
                };
                self.marks.raise(id, protected.version());
                Ok(info)
            }
            _ => Err(error),
        }
    }

    /// The version that an earlier try of the same put made, if it is among the newest.
    async fn find_token(&self, id: &SecretId, token: &str, state: &State) -> Result<Option<SecretInfo>> {
        let carries = |stored: &Stored| -> Result<Option<SecretInfo>> {
            let protected = ProtectedSecret::from_record(id, &stored.record)?;
            let found = protected.idempotency_token()?.as_deref() == Some(token);
            if found { protected.info(stored.revision.clone()).map(Some) } else { Ok(None) }
        };
        if let Some(current) = &state.current
            && let Some(info) = carries(current)?
        {
            return Ok(Some(info));
        }
        if state.current.is_none() && state.last.is_none() {
            return Ok(None);
        }
        let mut left = TOKEN_WINDOW - usize::from(state.current.is_some());
        let mut query = layout::history(id).with_consistency(Consistency::Strong);
        while let Some(limit) = NonZeroUsize::new(left) {
            let page = self.records.list(&query.clone().with_limit(limit)).await?;
            for (_, stored) in &page.items {
                if let Some(info) = carries(stored)? {
                    return Ok(Some(info));
                }
            }
            left = left.saturating_sub(page.items.len());
            let Some(next) = page.next else { break };
            query = query.continued(next);
        }
        Ok(None)
    }

    pub(super) async fn delete(&self, id: &SecretId, options: &DeleteOptions) -> Result<()> {
        match options.history {
            HistoryDeletion::Kept => self.delete_current(id, options).await,
            HistoryDeletion::Deleted => self.delete_with_history(id, options).await,
        }
    }

    pub(super) async fn delete_current(&self, id: &SecretId, options: &DeleteOptions) -> Result<()> {
        let precondition = &options.precondition;
        if *precondition == Precondition::Absent {
            return Err(Error::invalid_input("a delete on the condition that nothing is there would delete nothing"));
        }
        let mut retry = Retry::new();
        loop {
            let outcome = match self.state(id).await {
                Ok(state) if state.current.is_none() => return Err(Error::not_found()),
                Ok(state) => {
                    state.check(precondition)?;
                    self.commit_delete(id, &state, options.history).await
                }
                Err(error) => Err(error),
            };
            let outcome = match outcome {
                Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::RollbackDetected) => {
                    let state = self.unreadable_state(id, error).await?;
                    state.check(precondition)?;
                    self.delete_unreadable(id, &state).await
                }
                outcome => outcome,
            };
            match outcome {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                outcome => return outcome,
            }
        }
    }

    async fn commit_delete(&self, id: &SecretId, state: &State, history: HistoryDeletion) -> Result<()> {
        let main = Write::delete(layout::current(id), state.current_unchanged());
        let Some(version) = self.number_to_keep(id, state)? else {
            return self.commit(vec![main]).await.map(drop);
        };
        let outgoing = match history {
            HistoryDeletion::Kept => self.outgoing(id, state)?,
            HistoryDeletion::Deleted => None,
        };
        let record = layout::last_version_record(version);
        let mut others = vec![Write::put(layout::last_version(id), record.clone(), state.last_unchanged())];
        others.extend(self.pruned(id, outgoing.as_ref())?);
        match self.commit_with_history(id, state, None, main, outgoing.as_ref(), others).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => self.recognise_delete(id, &record, error).await?,
            outcome => drop(outcome?),
        }
        // From now on only a version above the deleted one is acceptable.
        self.marks.raise_deleted(id, version);
        Ok(())
    }

    /// The number that a delete must not let be used again. Format 0 has none as long as the original writes too, and under names
    /// that only the original could write.
    fn number_to_keep(&self, id: &SecretId, state: &State) -> Result<Option<SecretVersion>> {
        let shared = self.config.application(id.application())?.legacy == Legacy::ReadWrite;
        let unnumbered = state.current_version()? == Some(SecretVersion::UNVERSIONED);
        if id.check_writable().is_err() || (unnumbered && shared) {
            return Ok(None);
        }
        state.outgoing_version()
    }

    async fn recognise_delete(&self, id: &SecretId, last: &Record, error: Error) -> Result<()> {
        let gone = matches!(self.records.load(&layout::current(id), Consistency::Strong).await, Ok(None));
        let stored = self.records.load(&layout::last_version(id), Consistency::Strong).await;
        let counted = matches!(stored, Ok(Some(stored)) if *stored.record == *last);
        if gone && counted { Ok(()) } else { Err(error) }
    }
}

impl Outgoing {
    /// A format-0 record gets its number now.
    fn new(stored: &Stored, version: SecretVersion) -> Self {
        use crate::envelope::protected::attribute::VERSION;
        let number = Value::Number(version.get());
        if stored.record.get(VERSION) == Some(&number) {
            return Self { version, record: Arc::clone(&stored.record) };
        }
        let record = Record::clone(&stored.record).with(VERSION, number);
        Self { version, record: Arc::new(record) }
    }

    fn write(&self, id: &SecretId) -> Write {
        Write::put(layout::outgoing(id, self.version), Arc::clone(&self.record), Precondition::Absent)
    }
}

/// Refuses to store what was protected under a key that was replaced since (nothing is written under it any more), or below a
/// floor that was raised since.
fn check_admitted(protected: &ProtectedSecret, trusted: &Trusted) -> Result<()> {
    if protected.format() == Format::Zero {
        check_floor(trusted.floor)?;
    }
    let ids = protected.all_wraps().map(WrappedKey::master_key_id);
    match ids.filter_map(|id| Some((id, trusted.settings.replacement(id)?))).next() {
        None => Ok(()),
        Some((id, next)) => Err(Error::new(
            ErrorKind::Conflict,
            format!("master key {id} was replaced by {next} since this was protected: protect the value again"),
        )),
    }
}

/// A lost race, after which everything is read again. A caller's precondition is then checked against what is read.
fn is_race(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Contention)
}
