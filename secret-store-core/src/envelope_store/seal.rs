//! From a value to a protected secret.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::Inner;
use super::config::Legacy;
use super::settings_cache::{Trusted, check_floor};
use super::state::State;
use crate::context::{EncryptionContext, ValueAad};
use crate::crypto::Aes256Gcm;
use crate::envelope::protected::{ProtectedSecret, Reservation};
use crate::envelope::view::Iv;
use crate::envelope::wraps::Wraps;
use crate::envelope::{Format, format, legacy, metadata};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, SecretId, SecretVersion};
use crate::key::{GeneratedKey, WrappedKey};
use crate::secret::{Metadata, SecretValue};
use crate::settings::ApplicationSettings;

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
    pub(super) value: &'a SecretValue,
    pub(super) master_key_id: MasterKeyId,
    /// May hold `master_key_id` too.
    pub(super) further_keys: Vec<MasterKeyId>,
    pub(super) metadata: Option<Vec<u8>>,
    pub(super) format: Format,
}

impl Inner {
    pub(super) async fn protect(
        &self,
        id: &SecretId,
        value: &SecretValue,
        options: &ProtectOptions,
    ) -> Result<ProtectedSecret> {
        let draft = self.draft(id, value, options.master_key_id.as_ref(), &options.metadata, None)?;
        let (state, trusted) = self.state_for_put(id).await?;
        let protected = self.seal(&draft, &state, &trusted).await?;
        Ok(protected.with_reservation(Some(Reservation::from(state))))
    }

    /// Checks what a caller wants stored.
    pub(super) fn draft<'a>(
        &self,
        id: &'a SecretId,
        value: &'a SecretValue,
        master_key_id: Option<&MasterKeyId>,
        metadata: &Metadata,
        idempotency_token: Option<&str>,
    ) -> Result<Draft<'a>> {
        id.check_writable()?;
        self.check_value_bytes(value.len())?;
        let legacy = self.config.application(id.application())?.legacy;
        let format = if legacy == Legacy::ReadWrite { Format::Zero } else { Format::One };
        let metadata = metadata::encode(metadata, idempotency_token)?;
        if format == Format::Zero && metadata.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "format 0 has no room for metadata or an idempotency token: configure the application with `Legacy::Read`",
            ));
        }
        let master_key_id = self.config.wrapping_key(id.application(), master_key_id, &*self.keys)?;
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

    /// Seals a draft as the next version after a state, under the key that the settings leave in use.
    pub(super) async fn seal(&self, draft: &Draft<'_>, state: &State, trusted: &Trusted) -> Result<ProtectedSecret> {
        match draft.format {
            Format::Zero => {
                state.check_not_in_format_1()?;
                Box::pin(self.seal_format_0(draft, trusted)).await
            }
            Format::One => self.seal_format_1(draft, state.next_version()?, trusted).await,
        }
    }

    pub(super) async fn seal_format_1(
        &self,
        draft: &Draft<'_>,
        version: SecretVersion,
        trusted: &Trusted,
    ) -> Result<ProtectedSecret> {
        let context = EncryptionContext::document_key(&self.config.store_id, draft.id, version);
        let generated = self.generate_in_use(&draft.master_key_id, &trusted.settings, &context).await?;
        // Boxed, so that the usual put carries no room for it.
        let wraps = if draft.further_keys.is_empty() {
            None
        } else {
            Box::pin(self.wrap_further(draft, trusted, &generated, &context)).await?
        };
        self.sealed_under(generated, wraps, draft, version, context)
    }

    /// Seals a draft under a key that was generated for it.
    fn sealed_under(
        &self,
        generated: GeneratedKey,
        wraps: Option<Arc<Wraps>>,
        draft: &Draft<'_>,
        version: SecretVersion,
        context: EncryptionContext,
    ) -> Result<ProtectedSecret> {
        let (id, metadata, now) = (draft.id.clone(), draft.metadata.as_deref(), self.clock.now());
        let aad = ValueAad::of_document_key(context, metadata);
        let (value, nonce) = format::seal::<Aes256Gcm>(generated.document_key, &aad, draft.value.expose_secret())?;
        let iv = Iv::One(nonce);
        let protected = ProtectedSecret::new(id, version, generated.wrapped, iv, value, Some(now), metadata);
        let protected = protected.with_wraps(wraps);
        self.check_record_bytes(&protected)?;
        Ok(protected)
    }

    /// A new document key under the master key that is in use in the place of this one.
    async fn generate_in_use(
        &self,
        id: &MasterKeyId,
        settings: &ApplicationSettings,
        context: &EncryptionContext,
    ) -> Result<GeneratedKey> {
        let id = self.config.in_use(id, settings, &*self.keys)?;
        let generated = self.keys.generate_key(id, context).await?;
        // A provider may name a key otherwise than the configuration does (by its ARN instead of an alias), and a rotation goes
        // by what records name.
        let next = self.config.in_use(generated.wrapped.master_key_id(), settings, &*self.keys)?;
        if next == generated.wrapped.master_key_id() {
            return Ok(generated);
        }
        self.keys.generate_key(next, context).await
    }

    /// Wraps a new document key under every further master key: all of them, or an error.
    async fn wrap_further(
        &self,
        draft: &Draft<'_>,
        trusted: &Trusted,
        generated: &GeneratedKey,
        context: &EncryptionContext,
    ) -> Result<Option<Arc<Wraps>>> {
        let settings = &*trusted.settings;
        let named = self.config.in_use(&draft.master_key_id, settings, &*self.keys)?;
        let mut further: Vec<&MasterKeyId> = Vec::with_capacity(draft.further_keys.len());
        for id in &draft.further_keys {
            let id = self.config.in_use(id, settings, &*self.keys)?;
            if id != named && id != generated.wrapped.master_key_id() && !further.contains(&id) {
                further.push(id);
            }
        }
        let wraps = further.into_iter().map(|id| self.wrap_in_use(id, settings, generated, context));
        let wraps = try_join_all(wraps).await?.into_iter().flatten().collect();
        Wraps::new(generated.wrapped.master_key_id(), wraps)
    }

    /// As [`generate_in_use`](Self::generate_in_use); `None` where the first wrap is under the key in use already.
    async fn wrap_in_use(
        &self,
        id: &MasterKeyId,
        settings: &ApplicationSettings,
        generated: &GeneratedKey,
        context: &EncryptionContext,
    ) -> Result<Option<WrappedKey>> {
        let wrapped = self.keys.wrap_key(id, &generated.document_key, context).await?;
        let next = self.config.in_use(wrapped.master_key_id(), settings, &*self.keys)?;
        if next == wrapped.master_key_id() {
            return Ok(Some(wrapped));
        }
        if next == generated.wrapped.master_key_id() {
            return Ok(None);
        }
        self.keys.wrap_key(next, &generated.document_key, context).await.map(Some)
    }

    pub(super) async fn seal_format_0(&self, draft: &Draft<'_>, trusted: &Trusted) -> Result<ProtectedSecret> {
        check_floor(trusted.floor)?;
        let context = EncryptionContext::legacy();
        let generated = self.generate_in_use(&draft.master_key_id, &trusted.settings, &context).await?;
        let (value, iv) = legacy::seal(generated.document_key, draft.value.expose_secret())?;
        let version = SecretVersion::UNVERSIONED;
        let (id, iv) = (draft.id.clone(), Iv::Zero(iv));
        let protected = ProtectedSecret::new(id, version, generated.wrapped, iv, value.into(), None, None);
        self.check_record_bytes(&protected)?;
        Ok(protected)
    }
}
