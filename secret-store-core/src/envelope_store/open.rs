//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use std::sync::Arc;

use super::Inner;
use super::key_cache::KeyRef;
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::{Format, ReadyCipher, Sealed};
use crate::error::Result;
use crate::persistence::Revision;
use crate::secret::{Secret, SecretValue};

impl Inner {
    pub(super) async fn open(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        let value = match self.open_ready(protected)? {
            Some(value) => value,
            // Boxed, so that the future of a hit is not as large as that of a miss, and moves as little.
            None => Box::pin(self.open_wrapped(protected)).await?,
        };
        Ok(Secret::new(value, protected.info(revision)?))
    }

    /// Opens a value whose cipher is ready; `None` where it is not.
    fn open_ready(&self, protected: &ProtectedSecret) -> Result<Option<SecretValue>> {
        let (sealed, aad) = self.checked(protected)?;
        let key = KeyRef { wrapped: protected.wrapped_key(), context: key_context_bytes(&sealed, &aad) };
        self.cache.open_ready(&key, |cipher| cipher.open(&sealed, &aad))
    }

    async fn open_wrapped(&self, protected: &ProtectedSecret) -> Result<SecretValue> {
        let (sealed, aad) = self.checked(protected)?;
        let wrapped = protected.wrapped_key();
        // Whoever waits for the same key drives this: it borrows nothing.
        let unwrap = || {
            let (keys, wrapped, format) = (Arc::clone(&self.keys), wrapped.clone(), sealed.format());
            let context = match format {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => aad.key_context(),
            };
            async move { ReadyCipher::new(format, &keys.unwrap_key(&wrapped, &context).await?) }
        };
        let open = |cipher: &ReadyCipher| cipher.open(&sealed, &aad);
        let key = KeyRef { wrapped, context: key_context_bytes(&sealed, &aad) };
        self.cache.open(key, unwrap, open).await
    }

    /// Forgets the ready cipher of a value.
    pub(super) fn forget_key(&self, protected: &ProtectedSecret) -> Result<()> {
        let (sealed, aad) = self.checked(protected)?;
        self.cache.forget(&KeyRef { wrapped: protected.wrapped_key(), context: key_context_bytes(&sealed, &aad) });
        Ok(())
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
