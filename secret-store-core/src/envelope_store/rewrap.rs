//! Moving the wraps of one record from one master key to another; everything else of it stays as it is.

use std::sync::Arc;

use super::Inner;
use crate::context::EncryptionContext;
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::protected::attribute::{MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, WRAPS};
use crate::envelope::wraps::Wraps;
use crate::error::Result;
use crate::id::{MasterKeyId, SecretId, StoreId};
use crate::key::WrappedKey;
use crate::key_provider::KeyProvider;
use crate::record::{Record, Value};

impl Inner {
    pub(super) async fn rewrap(
        &self,
        protected: &ProtectedSecret,
        from: &MasterKeyId,
        to: &MasterKeyId,
    ) -> Result<Option<ProtectedSecret>> {
        let id = protected.id();
        self.config.application(id.application())?.check_unwrapping_key(from, &self.config, &*self.keys)?;
        self.config.wrapping_key(id.application(), Some(to), &*self.keys)?;
        let record = protected.to_record();
        let rewrapped = rewrap_record(&*self.keys, &self.config.store_id, id, &record, from, to).await?;
        let Some(record) = rewrapped else { return Ok(None) };
        let mut rewrapped = ProtectedSecret::from_record(id, &record)?;
        rewrapped.reservation.clone_from(&protected.reservation);
        Ok(Some(rewrapped))
    }

    /// In the tenant tier, what was protected a while ago under the version of the tenant's key that is active now: a save must
    /// not bring back a version that a rotation left behind. `None` in the master tier.
    pub(super) async fn under_active_version(&self, protected: &ProtectedSecret) -> Result<Option<ProtectedSecret>> {
        match protected.wrapped_key().master_key_id() {
            id if id.tenant().is_some() => self.rewrap(protected, id, id).await,
            _ => Ok(None),
        }
    }
}

/// The record of a secret, current or earlier, with its wrap under `from` replaced by one under `to`: no wrap names `from` any
/// longer, and every other attribute is as it was, to the byte. `None` where no wrap names `from`.
///
/// The wrap stays where it stands, as the first one or among the further ones. Where `to` has a wrap already, one of the two is
/// enough: that of `to` is made anew from that of `from`; where `from` gives no key any more, that of `to` stays, after it was
/// proved to open. A wrap is never given up for one that nobody has opened. With `from` and `to` the same, its wrap is made anew
/// in place (a tenant key's newest version).
///
/// One `rewrap_key`; a second one for that proof. Nothing is stored: conditions are the caller's business, and so are allow-lists
/// beyond the provider's own. Ids are compared as records name them: by ARN, not by alias.
///
/// # Errors
///
/// As [`ProtectedSecret::from_record`] and [`KeyProvider`]; `Unsupported` for a record of a later release.
pub(crate) async fn rewrap_record(
    keys: &dyn KeyProvider,
    store_id: &StoreId,
    id: &SecretId,
    record: &Record,
    from: &MasterKeyId,
    to: &MasterKeyId,
) -> Result<Option<Record>> {
    let protected = ProtectedSecret::from_record(id, record)?;
    let find = |id: &MasterKeyId| protected.all_wraps().find(|wrapped| wrapped.master_key_id() == id);
    let Some(old) = find(from) else { return Ok(None) };
    let there = find(to).filter(|_| from != to);
    let context = match protected.sealed()?.format() {
        Format::Zero => EncryptionContext::legacy(),
        Format::One => EncryptionContext::document_key(store_id, id, protected.version()),
    };
    let new = match (keys.rewrap_key(old, &context, to, &context).await, there) {
        (Ok(new), _) => new,
        (Err(error), None) => return Err(error),
        (Err(error), Some(there)) => match keys.rewrap_key(there, &context, to, &context).await {
            Ok(_) => there.clone(),
            Err(_) => return Err(error),
        },
    };
    with_wrap(&protected, record, from, new).map(Some)
}

/// Puts a wrap in the place of that under `replaced`, and of the one it has a master key in common with.
fn with_wrap(protected: &ProtectedSecret, record: &Record, replaced: &MasterKeyId, new: WrappedKey) -> Result<Record> {
    let is_replaced = |wrapped: &WrappedKey| [replaced, new.master_key_id()].contains(&wrapped.master_key_id());
    let mut further: Vec<_> =
        protected.further_wraps().iter().filter(|wrapped| !is_replaced(wrapped)).cloned().collect();
    let first = if is_replaced(protected.wrapped_key()) {
        new
    } else {
        further.push(new);
        protected.wrapped_key().clone()
    };
    let mut record = record.clone();
    record.set(MASTER_KEY_ID, Value::Text(Arc::clone(first.master_key_id().as_shared())));
    record.set(PROTECTED_DOCUMENT_KEY, Value::Bytes(Arc::clone(first.as_shared())));
    match Wraps::new(first.master_key_id(), further)? {
        Some(wraps) => record.set(WRAPS, Value::Bytes(Arc::clone(wraps.encoded()))),
        None => drop(record.remove(WRAPS)),
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
