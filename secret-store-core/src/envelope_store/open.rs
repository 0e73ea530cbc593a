//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use smallvec::SmallVec;

use super::Inner;
use super::key_cache::{KeyRef, Opened};
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::envelope::{Format, ReadyCipher, Sealed};
use crate::error::{Error, Result};
use crate::key::WrappedKey;
use crate::key_provider::may_open_elsewhere;
use crate::observe::{self, Cache, Lookup};
use crate::persistence::Revision;
use crate::secret::{Secret, SecretValue};

impl Inner {
    pub(super) async fn open(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        let value = match self.open_ready(protected)? {
            Some(value) => {
                observe::cache(Cache::DocumentKeys, Lookup::Hit);
                value
            }
            None => {
                observe::cache(Cache::DocumentKeys, Lookup::Miss);
                // Boxed, so that the future of a hit is not as large as that of a miss, and moves as little.
                Box::pin(self.open_wrapped(protected)).await?
            }
        };
        Ok(Secret::new(value, protected.info(revision)?))
    }

    /// Opens a value whose cipher is ready; `None` where it is not, or where a further wrap may help.
    fn open_ready(&self, protected: &ProtectedSecret) -> Result<Option<SecretValue>> {
        let (sealed, aad) = self.checked(protected)?;
        let (first, has_further) = (protected.wrapped_key(), !protected.further_wraps().is_empty());
        match self.check_allowed(first) {
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
        let (sealed, aad) = self.checked(protected)?;
        // Where one is ready nobody is asked: while the first one's holder is away, that spares each read a vain call.
        for wrapped in protected.further_wraps().iter().filter(|wrapped| self.check_allowed(wrapped).is_ok()) {
            if let Some(Opened::Tried(value)) = self.ready(wrapped, &sealed, &aad) {
                return value;
            }
        }
        let mut first_error = None;
        for wrapped in self.candidates(protected) {
            match self.open_with(wrapped, &sealed, &aad).await {
                Opened::Tried(value) => return value,
                Opened::NoKey(error) => {
                    let (id, kind) = (wrapped.master_key_id(), error.kind());
                    tracing::debug!(master_key = %id, ?kind, "a wrap gave no key");
                    first_error.get_or_insert(error);
                    if !may_open_elsewhere(kind) {
                        break;
                    }
                    self.outages.note(id, kind, self.clock.monotonic());
                }
            }
        }
        // Without a candidate nothing was asked.
        Err(first_error.unwrap_or_else(|| Error::key_not_allowed(protected.wrapped_key().master_key_id())))
    }

    /// The wraps that may be opened: in the order of the record, those whose master key could not be used a moment ago last.
    fn candidates<'a>(&self, protected: &'a ProtectedSecret) -> SmallVec<[&'a WrappedKey; MAX_FURTHER_WRAPS + 1]> {
        let mut candidates: SmallVec<[_; MAX_FURTHER_WRAPS + 1]> =
            protected.all_wraps().filter(|wrapped| self.check_allowed(wrapped).is_ok()).collect();
        if candidates.len() > 1 {
            let now = self.clock.monotonic();
            candidates.sort_by_key(|wrapped: &&WrappedKey| self.outages.has(wrapped.master_key_id(), now));
        }
        candidates
    }

    /// Opens a value with what the cache has of one wrap.
    fn ready(&self, wrapped: &WrappedKey, sealed: &Sealed<'_>, aad: &ValueAad) -> Option<Opened> {
        let key = KeyRef { wrapped, context: key_context_bytes(sealed, aad) };
        self.cache.open_ready(&key, &*self.clock, |cipher| cipher.open(sealed, aad))
    }

    async fn open_with(&self, wrapped: &WrappedKey, sealed: &Sealed<'_>, aad: &ValueAad) -> Opened {
        let unwrap = || async {
            let context = match sealed.format() {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => aad.key_context(),
            };
            let key = self.keys.unwrap_key(wrapped, &context).await?;
            ReadyCipher::new(sealed.format(), &key)
        };
        let open = |cipher: &ReadyCipher| cipher.open(sealed, aad);
        let key = KeyRef { wrapped, context: key_context_bytes(sealed, aad) };
        self.cache.open(key, &*self.clock, unwrap, open).await
    }

    /// Everything that is checked without a key.
    fn checked<'a>(&self, protected: &'a ProtectedSecret) -> Result<(Sealed<'a>, ValueAad)> {
        let id = protected.id();
        let sealed = protected.sealed()?;
        self.config.check_format(id.application(), sealed.format())?;
        let aad = ValueAad::new(&self.config.store_id, id, protected.version(), protected.encoded_metadata());
        Ok((sealed, aad))
    }

    fn check_allowed(&self, wrapped: &WrappedKey) -> Result<()> {
        self.config.check_unwrapping_key(wrapped.master_key_id(), &*self.keys)
    }
}

/// The format selects the wrap: a format-1 wrap never opens for a format-0 value, nor the reverse.
fn key_context_bytes<'a>(sealed: &Sealed<'_>, aad: &'a ValueAad) -> &'a [u8] {
    match sealed.format() {
        Format::Zero => &[],
        Format::One => aad.key_context_bytes(),
    }
}
