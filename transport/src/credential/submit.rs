//! Taking a credential that a client submitted: what both kinds of intake share.

use async_trait::async_trait;
use secret_store_core::audit::{Action, AuditRecorder};
use secret_store_core::{ApplicationName, Clock, Error, ErrorKind, Result, SecretName, SecretVersion, Stored};

use super::message::{Credential, CredentialInfo};
use super::place::CredentialOwner;
use super::records::{CredentialRecords, KeyState, Slot};
use crate::wire::Message as _;

/// So often a submission that met another writer is looked at again.
const MAX_ATTEMPTS: usize = 16;

/// Tells whether a credential was made with its user's key.
#[async_trait]
pub(super) trait Judge: Sync {
    /// The key's version is accepted. An error refuses the credential.
    async fn judge(&self, owner: &CredentialOwner, credential: &Credential, key: &KeyState) -> Result<()>;
}

/// What an intake works with, besides its judge.
pub(super) struct Submission<'a> {
    pub(super) records: &'a CredentialRecords,
    pub(super) clock: &'a dyn Clock,
    pub(super) audit: Option<&'a AuditRecorder>,
}

impl Submission<'_> {
    /// Takes a credential, or refuses it and changes nothing.
    pub(super) async fn submit(
        &self,
        owner: &CredentialOwner,
        credential: Credential,
        judge: &dyn Judge,
    ) -> Result<CredentialInfo> {
        let info = credential.info();
        let (name, revision) = (info.place.audited_name(), SecretVersion::new(info.revision).ok());
        let taken = async { self.take(owner, credential, info, judge).await };
        self.recorded(owner.application(), &[name], taken, revision).await
    }

    /// Records that something was refused which is no credential at all.
    pub(super) async fn refuse(&self, owner: &CredentialOwner, refusal: Error) -> Result<CredentialInfo> {
        self.recorded(owner.application(), &[], async { Err(refusal) }, None).await
    }

    async fn recorded(
        &self,
        application: &ApplicationName,
        names: &[SecretName],
        taken: impl Future<Output = Result<CredentialInfo>> + Send,
        revision: Option<SecretVersion>,
    ) -> Result<CredentialInfo> {
        match self.audit {
            Some(audit) => audit.record_mutation(Action::Ingest, application, names, taken, |_| revision).await,
            None => taken.await,
        }
    }

    async fn take(
        &self,
        owner: &CredentialOwner,
        credential: Credential,
        info: CredentialInfo,
        judge: &dyn Judge,
    ) -> Result<CredentialInfo> {
        if info.tenant != *owner.tenant() {
            return Err(Error::integrity());
        }
        check_expiry(&info, self.clock)?;
        let (slot, mut judged) = (Slot::Credential(credential.clone()), None);
        let mut attempt = 0;
        loop {
            let (key, current) = self.records.load(owner, info.key_version, &info.place).await?;
            let (state, key) = accepted(key)?;
            if judged.as_ref() != Some(&state) {
                judge.judge(owner, &credential, &state).await?;
                judged = Some(state);
            }
            if is_stored(&credential, current.as_ref())? {
                return Ok(info);
            }
            let fence = Some((info.key_version, &key));
            match self.records.replace(owner, &info.place, &slot, current.as_ref(), fence).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < MAX_ATTEMPTS => attempt += 1,
                outcome => return outcome.map(|()| info),
            }
        }
    }
}

/// The state of a version under which credentials are taken.
fn accepted(key: Option<Stored>) -> Result<(KeyState, Stored)> {
    let Some(key) = key else {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "the user has no credential key of this version: create or rotate to it first",
        ));
    };
    match KeyState::parse(&key.record)? {
        KeyState::Retired => Err(key_retired()),
        state => Ok((state, key)),
    }
}

pub(super) fn key_retired() -> Error {
    Error::new(
        ErrorKind::KeyRetired,
        "the credential is under a retired version of the user's key: encrypt it again under the current one",
    )
}

/// Whether these very bytes stand there already; an error where something stands there that they must not replace.
fn is_stored(credential: &Credential, current: Option<&Stored>) -> Result<bool> {
    let Some(current) = current else { return Ok(false) };
    match Slot::parse(&current.record)? {
        Slot::Credential(stored) if stored.as_bytes() == credential.as_bytes() => Ok(true),
        slot if slot.revision() >= credential.info().revision => {
            Err(Error::conflict(0, Some(current.revision.clone())))
        }
        _ => Ok(false),
    }
}

pub(super) fn check_expiry(info: &CredentialInfo, clock: &dyn Clock) -> Result<()> {
    match info.expires {
        Some(expires) if clock.now() >= expires => {
            Err(Error::new(ErrorKind::Expired, "the credential has expired: have its user encrypt a current one"))
        }
        _ => Ok(()),
    }
}
