//! The middle of a rotation: every credential encrypted anew under the next key.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use secret_store_core::{Error, ErrorKind, Result, Stored};

use super::{CredentialRotation, CredentialRotationOptions, parse};
use crate::credential::key::CredentialKey;
use crate::credential::keys::{CredentialKeys, load_key};
use crate::credential::message::Credential;
use crate::credential::place::{CredentialKeyVersion, CredentialOwner, CredentialPlace};
use crate::credential::records::{self, KeyState, Slot};
use crate::credential::seal::{NewCredential, decrypt_credential, encrypt_credential};
use crate::credential::submit::key_retired;

/// So often a credential that somebody else changed meanwhile is looked at again.
const MAX_ATTEMPTS: usize = 16;

/// What credentials are encrypted under.
pub(super) struct Target {
    pub(super) key: CredentialKey,
    /// The record that says so. Each write is conditioned on it: under a key that was retired meanwhile nothing lands.
    pub(super) accepted: Stored,
}

/// A credential as it was found.
struct Current<'a> {
    place: &'a CredentialPlace,
    slot: Slot,
    stored: Stored,
}

/// One pass over a user's credentials. Complete, because nothing under an older key has landed since it began.
pub(super) struct Conversion<'a> {
    keys: &'a CredentialKeys,
    owner: &'a CredentialOwner,
    target: Target,
    /// Each read once.
    old_keys: BTreeMap<CredentialKeyVersion, CredentialKey>,
}

impl<'a> Conversion<'a> {
    pub(super) fn new(keys: &'a CredentialKeys, owner: &'a CredentialOwner, target: Target) -> Self {
        Self { keys, owner, target, old_keys: BTreeMap::new() }
    }

    pub(super) async fn convert_all(
        mut self,
        options: &CredentialRotationOptions,
        rotation: &mut CredentialRotation,
    ) -> Result<()> {
        let mut query = records::credentials(self.owner);
        loop {
            let page = self.keys.records.0.list(&query).await?;
            for (sort, stored) in page.items {
                match self.convert_listed(&sort, stored).await {
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

    async fn convert_listed(&mut self, sort: &Arc<str>, stored: Stored) -> Result<bool> {
        let (place, slot) = parse(self.owner, sort, &stored)?;
        self.convert(Current { place: &place, slot, stored }).await
    }

    /// Encrypts a credential anew, unless it is; answers whether it was changed.
    async fn convert(&mut self, mut current: Current<'_>) -> Result<bool> {
        let (to, place) = (self.target.key.version(), current.place);
        for _ in 0..MAX_ATTEMPTS {
            let Slot::Credential(credential) = &current.slot else { return Ok(false) };
            if credential.info().key_version >= to {
                return Ok(false);
            }
            let slot = Slot::Credential(self.encrypt_anew(credential).await?);
            let fence = Some((to, &self.target.accepted));
            let records = &self.keys.records;
            match records.replace(self.owner, place, &slot, Some(&current.stored), fence).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
            match records.load_slot(self.owner, place).await? {
                Some((slot, stored)) => current = Current { place, slot, stored },
                None => return Ok(false),
            }
            self.check_still_accepted().await?;
        }
        Err(Error::conflict(0, Some(current.stored.revision)))
    }

    /// The key's record is another one after a renewal.
    async fn check_still_accepted(&mut self) -> Result<()> {
        match self.keys.records.load_key(self.owner, self.target.key.version()).await? {
            Some((KeyState::Accepted(_), stored)) => self.target.accepted = stored,
            _ => return Err(key_retired()),
        }
        Ok(())
    }

    async fn encrypt_anew(&mut self, credential: &Credential) -> Result<Credential> {
        let version = credential.info().key_version;
        let old = match self.old_keys.entry(version) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let key = load_key(&*self.keys.store, self.owner, version).await;
                place.insert(key.map_err(key_is_gone)?)
            }
        };
        let (info, value) = decrypt_credential(old, credential)?;
        encrypt_credential(&self.target.key, &NewCredential::like(&info), &value)
    }
}

/// A credential under a key that is not there opens no more than a forged one.
fn key_is_gone(error: Error) -> Error {
    if error.kind() == ErrorKind::NotFound { Error::integrity() } else { error }
}
