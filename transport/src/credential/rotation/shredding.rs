//! The end of a rotation: older keys deleted with their history.

use secret_store_core::{Consistency, DeleteOptions, Error, ErrorKind, ListOptions, Result, SecretStore as _};

use super::CredentialRotation;
use crate::credential::keys::{CredentialKeys, key_id};
use crate::credential::place::{CredentialKeyVersion, CredentialOwner};

/// So often it is looked whether somebody has put an older key back.
const MAX_PASSES: usize = 16;

impl CredentialKeys {
    /// Deletes every older key that there is, of these versions and of those that a listing shows, until there is none.
    pub(super) async fn shred_below(
        &self,
        owner: &CredentialOwner,
        known: Vec<CredentialKeyVersion>,
        rotation: &mut CredentialRotation,
    ) -> Result<()> {
        let mut left = self.listed_below(owner, rotation.version()).await?;
        // Not only what a listing shows: of a key whose deletion was interrupted only earlier versions are left.
        for version in known {
            if !left.contains(&version) && self.has_history(owner, version).await? {
                left.push(version);
            }
        }
        for _ in 0..MAX_PASSES {
            if left.is_empty() {
                rotation.finish();
                return Ok(());
            }
            left.sort();
            for version in left {
                if self.shred(owner, version).await? && !rotation.shredded.contains(&version) {
                    rotation.shredded.push(version);
                }
            }
            left = self.listed_below(owner, rotation.version()).await?;
        }
        Err(left_by_the_store())
    }

    async fn listed_below(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
    ) -> Result<Vec<CredentialKeyVersion>> {
        let versions = self.versions(owner).await?;
        Ok(versions.into_iter().filter(|listed| *listed < version).collect())
    }

    /// Deletes a key with its history, and looks whether it is gone. Answers whether there was anything.
    pub(super) async fn shred(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<bool> {
        let id = key_id(owner, version);
        let existed = match self.store.delete_with(&id, DeleteOptions::default().with_history()).await {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if self.has_history(owner, version).await? { Err(left_by_the_store()) } else { Ok(existed) }
    }

    async fn has_history(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<bool> {
        let strong = ListOptions::default().with_consistency(Consistency::Strong);
        let earlier = self.store.history_with(&key_id(owner, version), strong).await?;
        Ok(!earlier.items.is_empty() || earlier.next.is_some())
    }
}

fn left_by_the_store() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the store left versions of the deleted key: use one whose `delete_with` follows `HistoryDeletion`",
    )
}
