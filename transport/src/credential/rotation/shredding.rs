//! The end of a rotation: older keys deleted with their history.

use secret_store_core::{Consistency, DeleteOptions, Error, ErrorKind, ListOptions, Result, SecretStore as _};

use super::CredentialRotation;
use crate::credential::keys::{CredentialKeys, key_id};
use crate::credential::place::{CredentialKeyVersion, CredentialOwner};

/// So many versions before the current one are looked for when older keys are deleted, whether or not they are listed.
const RECENT: u32 = 16;

impl CredentialKeys {
    pub(super) async fn shred_below(
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
    pub(super) async fn shred(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<bool> {
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
