//! Rotation of one user's credential key.

mod report;

pub use report::{CredentialCensus, CredentialFinding, CredentialProgress, CredentialRotation};

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use secret_store_core::{
    Consistency, DeleteOptions, Error, ErrorKind, ListOptions, Precondition, Result, SecretStore as _, Stored, Write,
};

use super::key::CredentialKey;
use super::keys::{CredentialKeys, key_id, load_key};
use super::message::Credential;
use super::place::{CredentialKeyVersion, CredentialOwner, CredentialPlace};
use super::records::{self, KeyState, Slot, key_at, unchanged};
use super::seal::{NewCredential, decrypt_credential, encrypt_credential};
use super::submit::key_retired;

/// So often a credential that somebody else changed meanwhile is looked at again.
const MAX_ATTEMPTS: usize = 16;
/// So many versions before the current one are looked for when older keys are deleted, whether or not they are listed.
const RECENT: u32 = 16;

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
    /// When it returns a rotation that [is finished](CredentialRotation::is_finished), no wrapped copy of an older key is left in
    /// the store. Backups of its records, replicas, and the store's document key cache (for minutes) are beyond it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where the user has no version `from`, [`KeyRetired`](ErrorKind::KeyRetired) where the version
    /// after it is retired as well, [`Conflict`](ErrorKind::Conflict) where somebody else goes on changing the same credential,
    /// [`Unsupported`](ErrorKind::Unsupported) for a store that leaves earlier versions; otherwise as store, persistence and
    /// authority.
    pub async fn rotate_data_key(
        &self,
        owner: &CredentialOwner,
        from: CredentialKeyVersion,
        options: &CredentialRotationOptions,
    ) -> Result<CredentialRotation> {
        let (to, fence) = self.begin(owner, from).await?;
        let mut rotation = CredentialRotation::new(to.version());
        self.convert_all(owner, &to, &fence, options, &mut rotation).await?;
        if rotation.findings().is_empty() || options.unreadable == Unreadable::Abandon {
            self.shred_below(owner, to.version(), &mut rotation).await?;
        }
        Ok(rotation)
    }

    /// One pass over a user's credentials. Complete, because nothing under an older key has landed since it began.
    async fn convert_all(
        &self,
        owner: &CredentialOwner,
        to: &CredentialKey,
        fence: &Stored,
        options: &CredentialRotationOptions,
        rotation: &mut CredentialRotation,
    ) -> Result<()> {
        let mut old_keys = OldKeys::new();
        let mut query = records::credentials(owner);
        loop {
            let page = self.records.0.list(&query).await?;
            for (sort, stored) in page.items {
                let changed = match parse(owner, &sort, &stored) {
                    Ok((place, slot)) => {
                        let current = Current { place: &place, slot, stored };
                        self.convert(owner, current, to, fence, &mut old_keys).await
                    }
                    Err(error) => Err(error),
                };
                match changed {
                    Ok(changed) => rotation.count(changed),
                    Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Unsupported) => {
                        rotation.find(&sort, &error);
                    }
                    Err(error) => return Err(error),
                }
                if let Some(progress) = &options.progress {
                    progress(&rotation.progress());
                }
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(()),
            }
        }
    }

    /// The version that `from` is rotated to, made if there is none, and what its record must stay.
    async fn begin(&self, owner: &CredentialOwner, from: CredentialKeyVersion) -> Result<(CredentialKey, Stored)> {
        let next = from.next()?;
        let old = self.records.load_key(owner, from).await?;
        let (old, old_stored) = old.ok_or_else(Error::not_found)?;
        if let Some((state, stored)) = self.records.load_key(owner, next).await? {
            return match state {
                KeyState::Accepted(_) => Ok((load_key(&*self.store, owner, next).await?, stored)),
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
            Ok(Some((KeyState::Accepted(_), stored))) => Ok((key, stored)),
            // Somebody else has come this far and further: the key just kept is not to stay.
            Ok(Some((KeyState::Retired, _))) => {
                self.shred(owner, next).await?;
                Err(key_retired())
            }
            found => Err(committed.err().or(found.err()).unwrap_or_else(Error::integrity)),
        }
    }

    /// Encrypts a credential anew under `to`, unless it is; answers whether it was changed.
    async fn convert(
        &self,
        owner: &CredentialOwner,
        mut current: Current<'_>,
        to: &CredentialKey,
        fence: &Stored,
        old_keys: &mut OldKeys,
    ) -> Result<bool> {
        for _ in 0..MAX_ATTEMPTS {
            let Slot::Credential(credential) = &current.slot else { return Ok(false) };
            let version = credential.info().key_version;
            if version >= to.version() {
                return Ok(false);
            }
            let old = self.old_key(owner, version, old_keys).await?;
            let slot = Slot::Credential(encrypt_anew(credential, old, to)?);
            let fence = Some((to.version(), fence));
            match self.records.replace(owner, current.place, &slot, Some(&current.stored), fence).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
            match self.records.load_slot(owner, current.place).await? {
                Some((slot, stored)) => current = Current { place: current.place, slot, stored },
                None => return Ok(false),
            }
        }
        Err(Error::conflict(0, Some(current.stored.revision.clone())))
    }

    /// An older key, read once.
    async fn old_key<'a>(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
        old_keys: &'a mut OldKeys,
    ) -> Result<&'a CredentialKey> {
        match old_keys.entry(version) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let key = load_key(&*self.store, owner, version).await;
                Ok(place.insert(key.map_err(key_is_gone)?))
            }
        }
    }

    async fn shred_below(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
        rotation: &mut CredentialRotation,
    ) -> Result<()> {
        let mut older = self.versions(owner).await?;
        // Not only what a listing shows: of a key whose deletion was interrupted only earlier versions are left.
        let recent = version.get().saturating_sub(RECENT)..version.get();
        older.extend(recent.filter_map(|number| CredentialKeyVersion::new(number).ok()));
        older.retain(|older| *older < version);
        older.sort();
        older.dedup();
        for older in older {
            if self.shred(owner, older).await? {
                rotation.shredded.push(older);
            }
        }
        rotation.finish();
        Ok(())
    }

    /// Deletes a key with its history, and looks whether it is gone. Answers whether there was anything.
    async fn shred(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<bool> {
        let id = key_id(owner, version);
        let existed = match self.store.delete_with(&id, DeleteOptions::default().with_history()).await {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let strong = ListOptions::default().with_consistency(Consistency::Strong);
        let left = self.store.history_with(&id, strong).await?;
        if left.items.is_empty() && left.next.is_none() {
            return Ok(existed);
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "the store left earlier versions of the deleted key: use one whose `delete_with` follows `HistoryDeletion`",
        ))
    }
}

type OldKeys = BTreeMap<CredentialKeyVersion, CredentialKey>;

/// A credential as it was found.
struct Current<'a> {
    place: &'a CredentialPlace,
    slot: Slot,
    stored: Stored,
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

fn encrypt_anew(credential: &Credential, old: &CredentialKey, new: &CredentialKey) -> Result<Credential> {
    let (info, value) = decrypt_credential(old, credential)?;
    encrypt_credential(new, &NewCredential::like(&info), &value)
}

/// A credential under a key that is not there opens no more than a forged one.
fn key_is_gone(error: Error) -> Error {
    if error.kind() == ErrorKind::NotFound { Error::integrity() } else { error }
}
