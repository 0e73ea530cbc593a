//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Inner;
use super::config::ApplicationConfig;
use super::key_cache::{KeyRef, Opened};
use super::tier::Applied;
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::envelope::{Format, ReadyCipher, Sealed};
use crate::error::{Error, Result};
use crate::id::ApplicationName;
use crate::key::WrappedKey;
use crate::key_provider::Refusals;
use crate::persistence::Revision;
use crate::secret::{Secret, SecretValue};

impl Inner {
    /// Opens a secret that was read, if its format is not below the floor.
    pub(super) async fn open(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        if protected.format()? == Format::Zero {
            Box::pin(self.check_floor(protected.id().application())).await?;
        }
        self.open_admitted(protected, revision).await
    }

    async fn check_floor(&self, application: &ApplicationName) -> Result<()> {
        // What the configuration refuses reads no settings.
        self.config.application(application)?.check_format(Format::Zero)?;
        self.check_settings_floor(application).await
    }

    /// Opens a secret that was kept elsewhere: nothing is read, and the floor is what this process knows of it.
    pub(super) async fn unprotect(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        if protected.format()? == Format::Zero {
            self.config.application(protected.id().application())?.check_format(Format::Zero)?;
            self.check_seen_floor(protected.id().application())?;
        }
        self.open_admitted(protected, revision).await
    }

    async fn open_admitted(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        let value = match self.open_ready(protected)? {
            Some(value) => value,
            // Boxed, so that the future of a hit is not as large as that of a miss, and moves as little.
            None => Box::pin(self.open_wrapped(protected)).await?,
        };
        Ok(Secret::new(value, protected.info(revision)?))
    }

    /// Opens a value whose cipher is ready; `None` where it is not, or where a further wrap may help.
    fn open_ready(&self, protected: &ProtectedSecret) -> Result<Option<SecretValue>> {
        let (application, sealed, aad) = self.checked(protected)?;
        let (first, has_further) = (protected.wrapped_key(), !protected.further_wraps().is_empty());
        match self.check_allowed(&application, first) {
            Err(_) if has_further => return Ok(None),
            outcome => outcome?,
        }
        match self.ready(first, &sealed, &aad) {
            None => Ok(None),
            Some(Opened::Tried(value)) => value.map(Some),
            Some(Opened::NoKey(_)) if has_further => Ok(None),
            Some(Opened::NoKey(error)) => Err(error),
        }
    }

    /// Asks for the key of one wrap after the other, the first one first, until one of them gives it. Wraps under master keys that
    /// are not allowed are left out.
    ///
    /// A key that was unwrapped belongs to this version: where it does not open the value, no other will.
    async fn open_wrapped(&self, protected: &ProtectedSecret) -> Result<SecretValue> {
        let (application, sealed, aad) = self.checked(protected)?;
        // Where one is ready nobody is asked: while the first one's holder is away, that spares each read a vain call.
        let is_allowed = |wrapped: &&WrappedKey| self.check_allowed(&application, wrapped).is_ok();
        for wrapped in protected.further_wraps().iter().filter(is_allowed) {
            if let Some(Opened::Tried(value)) = self.ready(wrapped, &sealed, &aad) {
                return value;
            }
        }
        let mut refusals = Refusals::default();
        for wrapped in self.candidates(protected.all_wraps().filter(is_allowed)) {
            match self.open_with(wrapped, &sealed, &aad).await {
                Opened::Tried(value) => return value,
                Opened::NoKey(error) => {
                    let (id, kind) = (wrapped.master_key_id(), error.kind());
                    tracing::debug!(master_key = %id, ?kind, "a wrap gave no key");
                    self.outages.note(id, kind, self.clock.monotonic());
                    refusals.add(error)?;
                }
            }
        }
        // Without a candidate nothing was asked: the refusal of the first one says why.
        Err(refusals.into_error(|| {
            let first = protected.wrapped_key();
            let refusal = self.check_allowed(&application, first).err();
            refusal.unwrap_or_else(|| Error::key_not_allowed(first.master_key_id()))
        }))
    }

    /// The order in which wraps are asked for: that of the record, those whose master key could not be used a moment ago last.
    fn candidates<'a>(
        &self,
        allowed: impl Iterator<Item = &'a WrappedKey>,
    ) -> SmallVec<[&'a WrappedKey; MAX_FURTHER_WRAPS + 1]> {
        let mut candidates: SmallVec<[_; MAX_FURTHER_WRAPS + 1]> = allowed.collect();
        if candidates.len() > 1 {
            let now = self.clock.monotonic();
            candidates.sort_by_key(|wrapped: &&WrappedKey| self.outages.has(wrapped.master_key_id(), now));
        }
        candidates
    }

    /// Opens a value with what the cache has of one wrap.
    fn ready(&self, wrapped: &WrappedKey, sealed: &Sealed<'_>, aad: &ValueAad) -> Option<Opened> {
        let key = KeyRef { wrapped, context: key_context_bytes(sealed, aad) };
        self.cache.open_ready(&key, |cipher| cipher.open(sealed, aad))
    }

    async fn open_with(&self, wrapped: &WrappedKey, sealed: &Sealed<'_>, aad: &ValueAad) -> Opened {
        // Whoever waits for the same key drives this: it borrows nothing.
        let unwrap = || {
            let (keys, wrapped, format) = (Arc::clone(&self.keys), wrapped.clone(), sealed.format());
            let context = match format {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => aad.key_context(),
            };
            async move { ReadyCipher::new(format, &keys.unwrap_key(&wrapped, &context).await?) }
        };
        let open = |cipher: &ReadyCipher| cipher.open(sealed, aad);
        let key = KeyRef { wrapped, context: key_context_bytes(sealed, aad) };
        self.cache.open(key, unwrap, open).await
    }

    /// Forgets the ready ciphers of a value.
    pub(super) fn forget_key(&self, protected: &ProtectedSecret) -> Result<()> {
        let (_, sealed, aad) = self.checked(protected)?;
        for wrapped in protected.all_wraps() {
            self.cache.forget(&KeyRef { wrapped, context: key_context_bytes(&sealed, &aad) });
        }
        Ok(())
    }

    /// Everything that is checked without a key.
    fn checked<'a>(&'a self, protected: &'a ProtectedSecret) -> Result<(Applied<'a>, Sealed<'a>, ValueAad)> {
        let id = protected.id();
        let sealed = protected.sealed()?;
        let application = self.config.application(id.application())?;
        application.check_format(sealed.format())?;
        let aad = ValueAad::new(&self.config.store_id, id, protected.version(), protected.encoded_metadata());
        Ok((application, sealed, aad))
    }

    fn check_allowed(&self, application: &ApplicationConfig, wrapped: &WrappedKey) -> Result<()> {
        application.check_unwrapping_key(wrapped.master_key_id(), &self.config, &*self.keys)
    }
}

/// The format selects the wrap: a format-1 wrap never opens for a format-0 value, nor the reverse.
fn key_context_bytes<'a>(sealed: &Sealed<'_>, aad: &'a ValueAad) -> &'a [u8] {
    match sealed.format() {
        Format::Zero => &[],
        Format::One => aad.key_context_bytes(),
    }
}
