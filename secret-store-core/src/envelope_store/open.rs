//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Inner;
use super::config::ApplicationConfig;
use super::key_cache::{KeyRef, Opened, ReadyKey};
use super::tier::Applied;
use crate::context::EncryptionContext;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::view::View;
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::envelope::{Format, Sealed};
use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::key::WrappedKey;
use crate::key_provider::Refusals;
use crate::persistence::{Revision, Stored};
use crate::secret::{Secret, SecretValue};

impl Inner {
    /// The usual read, of a record that is no older than it may be; as [`open_viewed`](Self::open_viewed).
    pub(super) fn open_at_once(&self, id: &SecretId, stored: &Stored, lowest: SecretVersion) -> Option<Result<Secret>> {
        let found = View::parse(id, &stored.record).ok()?;
        if found.version < lowest { None } else { self.open_viewed(id, found, &stored.revision) }
    }

    /// Opens what is around most values: format 1 under one wrap, whose key is ready. It makes the checks of
    /// [`open_admitted`](Self::open_admitted), and nothing but the answer. `None` leaves to that whatever is otherwise, and how to
    /// say so.
    #[inline]
    fn open_viewed(&self, id: &SecretId, found: View<'_>, revision: &Revision) -> Option<Result<Secret>> {
        if found.iv.format() != Format::One || found.wraps.is_some() {
            return None;
        }
        let sealed = found.sealed().ok()?;
        let application = self.config.application(id.application()).ok()?;
        application.check_format(Format::One).ok()?;
        let master_key_id = found.master_key_id();
        application.check_unwrapping_key(&master_key_id, &self.config, &*self.keys).ok()?;
        let (place, metadata) = (Some((id, found.version)), found.metadata.map(|bytes| &**bytes));
        let key = KeyRef { master_key_id: &master_key_id, wrapped: found.document_key, place };
        let value = match self.cache.open_ready(&key, |key| key.open(&sealed, metadata))? {
            Opened::Tried(Ok(value)) => value,
            Opened::Tried(Err(error)) | Opened::NoKey(error) => return Some(Err(error)),
        };
        // Authentic by now.
        match found.decoded_metadata() {
            Ok(metadata) => Some(Ok(Secret::new(value, found.info(id, revision, master_key_id, metadata)))),
            Err(error) => Some(Err(error)),
        }
    }

    /// Opens a secret that was read, if its format is not below the floor.
    pub(super) async fn open(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        if protected.format() == Format::Zero {
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
        if let Some(answer) = self.open_viewed(protected.id(), protected.view(), &revision) {
            return answer;
        }
        if protected.format() == Format::Zero {
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
        let (application, sealed) = self.checked(protected)?;
        let (first, has_further) = (protected.wrapped_key(), !protected.further_wraps().is_empty());
        match self.check_allowed(&application, first) {
            Err(_) if has_further => return Ok(None),
            outcome => outcome?,
        }
        match self.ready(first, protected, &sealed) {
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
        let (application, sealed) = self.checked(protected)?;
        // Where one is ready nobody is asked: while the first one's holder is away, that spares each read a vain call.
        let is_allowed = |wrapped: &&WrappedKey| self.check_allowed(&application, wrapped).is_ok();
        for wrapped in protected.further_wraps().iter().filter(is_allowed) {
            if let Some(Opened::Tried(value)) = self.ready(wrapped, protected, &sealed) {
                return value;
            }
        }
        let mut refusals = Refusals::default();
        for wrapped in self.candidates(protected.all_wraps().filter(is_allowed)) {
            match self.open_with(wrapped, protected, &sealed).await {
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
    #[inline]
    fn ready(&self, wrapped: &WrappedKey, protected: &ProtectedSecret, sealed: &Sealed<'_>) -> Option<Opened> {
        let key = KeyRef::new(wrapped, protected);
        self.cache.open_ready(&key, |key| key.open(sealed, protected.encoded_metadata()))
    }

    async fn open_with(&self, wrapped: &WrappedKey, protected: &ProtectedSecret, sealed: &Sealed<'_>) -> Opened {
        // Whoever waits for the same key drives this: it borrows nothing.
        let unwrap = || {
            let (keys, wrapped) = (Arc::clone(&self.keys), wrapped.clone());
            let context = match sealed.format() {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => {
                    EncryptionContext::document_key(&self.config.store_id, protected.id(), protected.version())
                }
            };
            async move { ReadyKey::new(&keys.unwrap_key(&wrapped, &context).await?, context) }
        };
        let open = |key: &ReadyKey| key.open(sealed, protected.encoded_metadata());
        self.cache.open(KeyRef::new(wrapped, protected), unwrap, open).await
    }

    /// Forgets the ready keys of a value.
    pub(super) fn forget_key(&self, protected: &ProtectedSecret) -> Result<()> {
        self.checked(protected)?;
        for wrapped in protected.all_wraps() {
            self.cache.forget(&KeyRef::new(wrapped, protected));
        }
        Ok(())
    }

    /// Everything that is checked without a key.
    #[inline]
    fn checked<'a>(&'a self, protected: &'a ProtectedSecret) -> Result<(Applied<'a>, Sealed<'a>)> {
        let sealed = protected.sealed()?;
        let application = self.config.application(protected.id().application())?;
        application.check_format(sealed.format())?;
        Ok((application, sealed))
    }

    fn check_allowed(&self, application: &ApplicationConfig, wrapped: &WrappedKey) -> Result<()> {
        application.check_unwrapping_key(wrapped.master_key_id(), &self.config, &*self.keys)
    }
}
