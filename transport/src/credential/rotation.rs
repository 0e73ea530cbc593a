//! Rotation of one user's credential key.

mod conversion;
mod report;
mod shredding;

pub use report::{CredentialCensus, CredentialFinding, CredentialProgress, CredentialRotation};

use std::fmt;
use std::sync::Arc;

use secret_store_core::{Error, Precondition, Result, Stored, Write};

use super::key::CredentialKey;
use super::keys::{CredentialKeys, load_key};
use super::place::{CredentialKeyVersion, CredentialOwner, CredentialPlace};
use super::records::{self, KeyState, Slot, key_at, unchanged};
use super::submit::key_retired;
use conversion::{Conversion, Target};

type Callback = Arc<dyn Fn(&CredentialProgress) + Send + Sync>;

/// How a credential key is rotated.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CredentialRotationOptions {
    progress: Option<Callback>,
    unreadable: Unreadable,
}

/// What becomes of credentials that do not open under the key they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unreadable {
    #[default]
    KeepKey,
    Abandon,
}

impl CredentialRotationOptions {
    /// Calls this after each credential. It must not block.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&CredentialProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Deletes the old key although credentials are left that do not open under it: they are reported, and will never open.
    ///
    /// By default the old key stays then, because a copy of such a record may still be found. A client can sign what does not
    /// open, so a user may have to be told.
    #[must_use]
    pub fn abandoning_unreadable(mut self) -> Self {
        self.unreadable = Unreadable::Abandon;
        self
    }
}

impl fmt::Debug for CredentialRotationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRotationOptions").field("unreadable", &self.unreadable).finish_non_exhaustive()
    }
}

impl CredentialKeys {
    /// Counts a user's credentials by the version of the key they are under. Reads records alone: no key is asked for, nothing is
    /// changed. The dry run of a rotation.
    ///
    /// # Errors
    ///
    /// As the persistence.
    pub async fn census(&self, owner: &CredentialOwner) -> Result<CredentialCensus> {
        let mut census = CredentialCensus::default();
        let mut query = records::credentials(owner);
        loop {
            let page = self.records.0.list(&query).await?;
            for (sort, stored) in &page.items {
                match parse(owner, sort, stored) {
                    Ok((_, Slot::Credential(credential))) => {
                        *census.by_version.entry(credential.info().key_version).or_default() += 1;
                    }
                    Ok((_, Slot::Removed(_))) => census.removed += 1,
                    Err(_) => census.malformed += 1,
                }
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(census),
            }
        }
    }

    /// Replaces a user's key `from` by the next version: makes that and retires the old one in one commit, encrypts every credential
    /// anew under it (their revisions stay, so that what callers hold stays valid), then deletes every older key with its history.
    ///
    /// From the commit on the intake refuses what is under the old version; the user's client fetches the [new key](Self::key).
    /// Credentials can be used all the time.
    ///
    /// **Resumable**: wherever it ended, by an error, a kill or a dropped future, the same call (the same `from`) goes on, from
    /// this process or another, also from two at once. When it is done, the call answers so again and changes nothing.
    ///
    /// One read of the history for each version that there ever was, besides the credentials.
    ///
    /// When it returns a rotation that [is finished](CredentialRotation::is_finished), no wrapped copy of an older key is left in
    /// the store. Backups of its records, replicas, and the store's document key cache (for minutes) are beyond it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](secret_store_core::ErrorKind::NotFound) where the user has no version `from`, [`KeyRetired`](secret_store_core::ErrorKind::KeyRetired) where the version
    /// after it is retired as well, [`Conflict`](secret_store_core::ErrorKind::Conflict) where somebody else goes on changing the same credential,
    /// [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for a store that leaves earlier versions; otherwise as store, persistence and
    /// authority.
    pub async fn rotate_data_key(
        &self,
        owner: &CredentialOwner,
        from: CredentialKeyVersion,
        options: &CredentialRotationOptions,
    ) -> Result<CredentialRotation> {
        let target = self.begin(owner, from).await?;
        let to = target.key.version();
        // Also where it goes on: what is still taken under an older key would land behind the pass.
        let older = self.records.retire_below(owner, to).await?;
        let mut rotation = CredentialRotation::new(to);
        Conversion::new(self, owner, target).convert_all(options, &mut rotation).await?;
        if rotation.findings().is_empty() || options.unreadable == Unreadable::Abandon {
            self.shred_below(owner, older, &mut rotation).await?;
        }
        Ok(rotation)
    }

    /// The version that `from` is rotated to, made if there is none.
    async fn begin(&self, owner: &CredentialOwner, from: CredentialKeyVersion) -> Result<Target> {
        let next = from.next()?;
        let old = self.records.load_key(owner, from).await?;
        let (old, old_stored) = old.ok_or_else(Error::not_found)?;
        if let Some((state, stored)) = self.records.load_key(owner, next).await? {
            return match state {
                KeyState::Accepted(_) => {
                    Ok(Target { key: load_key(&*self.store, owner, next).await?, accepted: stored })
                }
                KeyState::Retired => Err(key_retired()),
            };
        }
        if old == KeyState::Retired {
            // One commit retires the old version and accepts the next: what says otherwise was made by somebody else.
            return Err(Error::integrity());
        }
        let key = self.keep(owner, CredentialKey::generate(owner.tenant().clone(), next)?).await?;
        let writes = vec![
            Write::put(key_at(owner, next), self.accepted(&key).await?.to_record(), Precondition::Absent),
            Write::put(key_at(owner, from), KeyState::Retired.to_record(), unchanged(Some(&old_stored))),
        ];
        let committed = self.records.0.commit(writes).await;
        match self.records.load_key(owner, next).await {
            Ok(Some((KeyState::Accepted(_), accepted))) => Ok(Target { key, accepted }),
            // Somebody else has come this far and further: the key just kept is not to stay.
            Ok(Some((KeyState::Retired, _))) => {
                self.shred(owner, next).await?;
                Err(key_retired())
            }
            found => Err(committed.err().or(found.err()).unwrap_or_else(Error::integrity)),
        }
    }
}

/// What stands at a sort key, if it belongs there.
fn parse(owner: &CredentialOwner, sort: &str, stored: &Stored) -> Result<(CredentialPlace, Slot)> {
    let place = records::place_of(sort).ok_or_else(Error::integrity)?;
    let slot = Slot::parse(&stored.record)?;
    match &slot {
        Slot::Credential(credential) => {
            let info = credential.info();
            let belongs = info.place == place && info.tenant == *owner.tenant();
            if belongs { Ok((place, slot)) } else { Err(Error::integrity()) }
        }
        Slot::Removed(_) => Ok((place, slot)),
    }
}
