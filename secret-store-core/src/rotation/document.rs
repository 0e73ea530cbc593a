//! Values get new document keys: the same versions with the same metadata, sealed anew.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::{ReencryptionId, RotationTarget};
use super::lease::Pulse;
use super::master::readable;
use super::place::{Place, Scope};
use super::work::{Judgement, PassKind, Work};
use crate::envelope::Format;
use crate::envelope_store::Inner;
use crate::error::{ErrorKind, Result};
use crate::id::{SecretId, SecretName};
use crate::persistence::{Precondition, Stored, Write};
use crate::record::{Record, Value};

/// Which re-encryption a record has been through last. It tells a rotation what is done and binds nothing: whoever can forge it
/// can put back the old record as well.
pub(crate) const REENCRYPTED: &str = "Reencrypted";

#[derive(Debug)]
pub(super) struct DocumentRotation {
    pub(super) id: ReencryptionId,
    pub(super) secret: Option<SecretName>,
}

#[async_trait]
impl Work for DocumentRotation {
    fn target(&self) -> RotationTarget {
        RotationTarget::DocumentKeys { id: self.id, secret: self.secret.clone() }
    }

    fn of_secret(&self, id: &SecretId) -> Option<Arc<dyn Work>> {
        Some(Arc::new(Self { id: self.id, secret: Some(id.name().clone()) }))
    }

    fn check(&self, _: &Inner, _: &Scope) -> Result<()> {
        Ok(())
    }

    async fn probe(&self, _: &Inner, _: &Scope) -> Result<()> {
        Ok(())
    }

    /// What a writer makes from now on has a new key anyway. What began before lands within the grace period. The settings are
    /// read for their floor.
    async fn shut_out(&self, inner: &Inner, scope: &Scope, _: &Pulse) -> Result<()> {
        inner.current_settings(&scope.application).await.map(drop)
    }

    fn judge(&self, inner: &Inner, place: &Place, record: &Record, pass: PassKind) -> Judgement {
        let protected = match readable(inner, place, record) {
            Ok(protected) => protected,
            Err(error) => return Judgement::Neither(error),
        };
        let is_marked = record.bytes(REENCRYPTED).is_some_and(|id| **id == *self.id.as_bytes());
        // Format 0 has no room for a mark: the closing pass, which is whole, sees to it.
        let is_left_for_later =
            pass == PassKind::Early && protected.format().is_ok_and(|format| format == Format::Zero);
        if is_marked || is_left_for_later { Judgement::Terminal } else { Judgement::Original }
    }

    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>> {
        let protected = readable(inner, place, &stored.record)?;
        let mut record = inner.resealed(&protected, &stored.record).await?;
        if protected.format()? == Format::One {
            record.set(REENCRYPTED, Value::from(self.id.as_bytes()));
        }
        record.check_size(inner.records.limits().record_bytes)?;
        Ok(vec![Write::put(place.key.clone(), record, Precondition::Revision(stored.revision.clone()))])
    }

    async fn confirm(&self, _: &Inner, _: &Scope) -> Result<()> {
        Ok(())
    }

    /// A record that names a master key outside the allow-list is forged, or not for this store to read.
    fn is_of_record(&self, kind: ErrorKind) -> bool {
        matches!(
            kind,
            ErrorKind::Integrity
                | ErrorKind::Unsupported
                | ErrorKind::TooLarge { .. }
                | ErrorKind::InvalidInput
                | ErrorKind::KeyNotAllowed
        )
    }
}
