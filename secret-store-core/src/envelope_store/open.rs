//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use super::Inner;
use super::key_cache::KeyRef;
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::{Format, ReadyCipher, Sealed};
use crate::error::Result;
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

    /// Opens a value whose cipher is ready; `None` where it is not.
    fn open_ready(&self, protected: &ProtectedSecret) -> Result<Option<SecretValue>> {
        let (sealed, aad) = self.checked(protected)?;
        let key = KeyRef { wrapped: protected.wrapped_key(), context: key_context_bytes(&sealed, &aad) };
        self.cache.open_ready(&key, &*self.clock, |cipher| cipher.open(&sealed, &aad))
    }

    async fn open_wrapped(&self, protected: &ProtectedSecret) -> Result<SecretValue> {
        let (sealed, aad) = self.checked(protected)?;
        let wrapped = protected.wrapped_key();
        let unwrap = || async {
            let context = match sealed.format() {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => aad.key_context(),
            };
            let key = self.keys.unwrap_key(wrapped, &context).await?;
            ReadyCipher::new(sealed.format(), &key)
        };
        let open = |cipher: &ReadyCipher| cipher.open(&sealed, &aad);
        let key = KeyRef { wrapped, context: key_context_bytes(&sealed, &aad) };
        self.cache.open(key, &*self.clock, unwrap, open).await
    }

    /// Everything that is checked without a key.
    fn checked<'a>(&self, protected: &'a ProtectedSecret) -> Result<(Sealed<'a>, ValueAad)> {
        let id = protected.id();
        let sealed = protected.sealed()?;
        self.config.check_format(id.application(), sealed.format())?;
        self.config.check_unwrapping_key(protected.wrapped_key().master_key_id(), &*self.keys)?;
        let aad = ValueAad::new(&self.config.store_id, id, protected.version(), protected.encoded_metadata());
        Ok((sealed, aad))
    }
}

/// The format selects the wrap: a format-1 wrap never opens for a format-0 value, nor the reverse.
fn key_context_bytes<'a>(sealed: &Sealed<'_>, aad: &'a ValueAad) -> &'a [u8] {
    match sealed.format() {
        Format::Zero => &[],
        Format::One => aad.key_context_bytes(),
    }
}
