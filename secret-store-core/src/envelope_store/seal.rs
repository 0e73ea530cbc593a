//! From a value to a protected secret.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::Inner;
use super::config::Legacy;
use super::state::State;
use crate::context::{EncryptionContext, ValueAad};
use crate::crypto::Aes256Gcm;
use crate::envelope::protected::{ProtectedSecret, Reservation};
use crate::envelope::wraps::Wraps;
use crate::envelope::{Format, format, legacy, metadata};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, SecretId, SecretVersion};
use crate::key::GeneratedKey;
use crate::secret::{Metadata, SecretValue};
use crate::store::PutOptions;

/// How to protect a value without storing it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProtectOptions {
    /// Under which master key; the configured one by default.
    pub master_key_id: Option<MasterKeyId>,
    /// What to say about the secret, not encrypted but authenticated.
    pub metadata: Metadata,
}

impl ProtectOptions {
    /// Wraps the document key under this master key.
    #[must_use]
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_key_id = Some(id);
        self
    }

    /// Attaches metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

/// Everything about a new version that the caller decides, checked before anything is contacted.
pub(super) struct Draft<'a> {
    pub(super) id: &'a SecretId,
    value: &'a SecretValue,
    master_key_id: &'a MasterKeyId,
    /// May hold `master_key_id` too.
    further_keys: &'a [MasterKeyId],
    metadata: Option<Vec<u8>>,
    pub(super) format: Format,
}

impl Inner {
    pub(super) async fn protect(
        &self,
        id: &SecretId,
        value: &SecretValue,
        options: ProtectOptions,
    ) -> Result<ProtectedSecret> {
        let options =
            PutOptions { master_key_id: options.master_key_id, metadata: options.metadata, ..PutOptions::default() };
        let draft = self.draft(id, value, &options)?;
        let state = self.state(id).await?;
        let mut protected = self.seal(&draft, &state).await?;
        protected.reservation = Some(Arc::new(Reservation::from(state)));
        Ok(protected)
    }

    /// Checks what a caller wants stored.
    pub(super) fn draft<'a>(
        &'a self,
        id: &'a SecretId,
        value: &'a SecretValue,
        options: &'a PutOptions,
    ) -> Result<Draft<'a>> {
        id.check_writable()?;
        self.check_value_bytes(value.len())?;
        let application = self.config.application(id.application());
        let format = if application.legacy == Legacy::ReadWrite { Format::Zero } else { Format::One };
        let metadata = metadata::encode(&options.metadata, options.idempotency_token.as_deref())?;
        if format == Format::Zero && metadata.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "format 0 has no room for metadata or an idempotency token: configure the application with `Legacy::Read`",
            ));
        }
        let master_key_id = self.config.wrapping_key(id.application(), options.master_key_id.as_ref(), &*self.keys)?;
        let further_keys = self.config.further_keys(id.application(), &*self.keys)?;
        Ok(Draft { id, value, master_key_id, further_keys, metadata, format })
    }

    fn check_value_bytes(&self, actual: usize) -> Result<()> {
        let room = self.records.limits().record_bytes.saturating_sub(format::OVERHEAD_BYTES);
        let limit = self.config.value_bytes.min(room);
        if actual > limit {
            return Err(Error::too_large("secret value", limit as u64, actual as u64));
        }
        Ok(())
    }

    /// Refuses a record that the persistence would refuse, before anything is sent there.
    fn check_record_bytes(&self, protected: &ProtectedSecret) -> Result<()> {
        let (limit, actual) = (self.records.limits().record_bytes, protected.record_bytes());
        if actual > limit {
            return Err(Error::too_large("record", limit as u64, actual as u64));
        }
        Ok(())
    }

    /// Seals a draft as the next version after a state.
    pub(super) async fn seal(&self, draft: &Draft<'_>, state: &State) -> Result<ProtectedSecret> {
        match draft.format {
            Format::Zero => {
                state.check_never_in_format_1()?;
                self.seal_format_0(draft).await
            }
            Format::One => self.seal_format_1(draft, state.next_version()?).await,
        }
    }

    pub(super) async fn seal_format_1(&self, draft: &Draft<'_>, version: SecretVersion) -> Result<ProtectedSecret> {
        let aad = ValueAad::new(&self.config.store_id, draft.id, version, draft.metadata.as_deref());
        let context = aad.key_context();
        let generated = self.keys.generate_key(draft.master_key_id, &context).await?;
        let wraps = match draft.further_keys {
            [] => None,
            // Boxed, so that the usual put carries no room for it.
            _ => Box::pin(self.wrap_further(draft, &generated, &context)).await?,
        };
        let (value, nonce) = format::seal::<Aes256Gcm>(generated.document_key, &aad, draft.value.expose_secret())?;
        let (id, metadata, now) = (draft.id.clone(), draft.metadata.clone(), self.clock.now());
        let protected = ProtectedSecret::new(id, version, generated.wrapped, &nonce, value, Some(now), metadata);
        let protected = protected.with_wraps(wraps);
        self.check_record_bytes(&protected)?;
        Ok(protected)
    }

    /// Wraps a new document key under every further master key: all of them, or an error.
    async fn wrap_further(
        &self,
        draft: &Draft<'_>,
        generated: &GeneratedKey,
        context: &EncryptionContext,
    ) -> Result<Option<Arc<Wraps>>> {
        let first = generated.wrapped.master_key_id();
        // A provider may name a key otherwise than the configuration does: by its ARN instead of an alias.
        let further = draft.further_keys.iter().filter(|id| *id != draft.master_key_id && *id != first);
        let wraps = further.map(|id| self.keys.wrap_key(id, &generated.document_key, context));
        Wraps::new(first, try_join_all(wraps).await?)
    }

    async fn seal_format_0(&self, draft: &Draft<'_>) -> Result<ProtectedSecret> {
        let generated = self.keys.generate_key(draft.master_key_id, &EncryptionContext::legacy()).await?;
        let (value, iv) = legacy::seal(generated.document_key, draft.value.expose_secret())?;
        let version = SecretVersion::UNVERSIONED;
        let protected = ProtectedSecret::new(draft.id.clone(), version, generated.wrapped, &iv, value, None, None);
        self.check_record_bytes(&protected)?;
        Ok(protected)
    }
}
