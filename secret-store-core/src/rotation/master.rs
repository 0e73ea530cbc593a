//! Document keys move from one master key to another; values stay as they are, to the byte.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::RotationTarget;
use super::lease::Pulse;
use super::place::{Place, Scope};
use super::probe::probe;
use super::settings;
use super::work::{Judgement, PassKind, Work};
use crate::context::EncryptionContext;
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::Inner;
use crate::envelope_store::rewrap::rewrap_record;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, SecretId, SecretName, SecretVersion};
use crate::persistence::{Precondition, Stored, Write};
use crate::record::Record;

/// The name in the context of the key that is made to try a master key. It is never stored.
const PROBE: &str = "rotation-probe";

#[derive(Debug)]
pub(super) struct MasterRotation {
    pub(super) from: MasterKeyId,
    pub(super) to: MasterKeyId,
}

#[async_trait]
impl Work for MasterRotation {
    fn target(&self) -> RotationTarget {
        RotationTarget::MasterKey { from: self.from.clone(), to: self.to.clone() }
    }

    fn of_secret(&self, _: &SecretId) -> Option<Arc<dyn Work>> {
        None
    }

    fn check(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        if self.from == self.to {
            return Err(Error::invalid_input("a master key cannot take its own place: name another one"));
        }
        if self.from.tenant().is_some() || self.to.tenant().is_some() {
            return Err(Error::invalid_input(
                "a tenant's key is no master key: a tenant's key has versions of its own",
            ));
        }
        let application = inner.config.application(&scope.application)?;
        application.check_unwrapping_key(&self.from, &inner.config, &*inner.keys)?;
        inner.config.check_replacement(&self.to, &*inner.keys)?;
        application.check_unwrapping_key(&self.to, &inner.config, &*inner.keys)
    }

    async fn probe(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        // Before a job is begun that could not go on.
        let (settings, _) = inner.current_settings(&scope.application).await?;
        settings.replacing(&self.from, &self.to)?;
        let id = SecretId::new(scope.application.clone(), SecretName::new(PROBE)?);
        // A number that no version has: policies of a key holder can grant this key, and nothing that was ever stored.
        let context = EncryptionContext::document_key(&inner.config.store_id, &id, SecretVersion::UNVERSIONED);
        probe(&*inner.keys, &self.to, &context).await
    }

    async fn shut_out(&self, inner: &Inner, scope: &Scope, pulse: &Pulse) -> Result<()> {
        settings::change(inner, &scope.application, pulse, |settings| settings.replacing(&self.from, &self.to)).await
    }

    fn judge(&self, inner: &Inner, place: &Place, record: &Record, _: PassKind) -> Judgement {
        match readable(inner, place, record) {
            Ok(protected) if names(&protected, &self.from) => Judgement::Original,
            Ok(_) => Judgement::Terminal,
            Err(error) => Judgement::Neither(error),
        }
    }

    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>> {
        let (store, id) = (&inner.config.store_id, &place.id);
        let rewrapped = rewrap_record(&*inner.keys, store, id, &stored.record, &self.from, &self.to).await?;
        let Some(record) = rewrapped else { return Ok(Vec::new()) };
        let parsed = ProtectedSecret::from_record(id, &record)?;
        if names(&parsed, &self.from) || !names(&parsed, &self.to) {
            return Err(Error::new(
                ErrorKind::KeyNotAllowed,
                format!("the key provider wrapped under another master key than {}: name it as records do", self.to),
            ));
        }
        record.check_size(inner.records.limits().record_bytes)?;
        Ok(vec![Write::put(place.key.clone(), record, Precondition::Revision(stored.revision.clone()))])
    }

    async fn confirm(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        let (settings, _) = inner.current_settings(&scope.application).await?;
        if settings.replacement(&self.from) == Some(&self.to) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "the application's settings were changed while its keys were rotated: find out by whom, and run it again",
        ))
    }
}

/// What a record says, where the application may read it.
pub(super) fn readable(inner: &Inner, place: &Place, record: &Record) -> Result<ProtectedSecret> {
    let protected = match place.version {
        None => ProtectedSecret::from_current(&place.id, record)?,
        Some(version) => {
            let protected = ProtectedSecret::from_record(&place.id, record)?;
            if protected.version() != version {
                return Err(Error::integrity());
            }
            protected
        }
    };
    let application = place.id.application();
    let format = protected.sealed()?.format();
    inner.config.application(application)?.check_format(format)?;
    if format == Format::Zero {
        inner.check_seen_floor(application)?;
    }
    Ok(protected)
}

/// Whether any wrap of a secret is under a master key.
pub(super) fn names(protected: &ProtectedSecret, id: &MasterKeyId) -> bool {
    protected.all_wraps().any(|wrapped| wrapped.master_key_id() == id)
}
