//! From a protected secret to its value: every check that needs no key comes before the key provider is asked.

use super::Inner;
use super::key_cache::KeyRef;
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::{Format, ReadyCipher};
use crate::error::Result;
use crate::persistence::Revision;
use crate::secret::{Secret, SecretValue};

impl Inner {
    pub(super) async fn open(&self, protected: &ProtectedSecret, revision: Revision) -> Result<Secret> {
        let value = self.open_value(protected).await?;
        Ok(Secret::new(value, protected.info(revision)?))
    }

    async fn open_value(&self, protected: &ProtectedSecret) -> Result<SecretValue> {
        let (id, wrapped) = (protected.id(), protected.wrapped_key());
        let sealed = protected.sealed()?;
        self.config.check_format(id.application(), sealed.format())?;
        self.config.check_unwrapping_key(wrapped.master_key_id(), &*self.keys)?;
        let aad = ValueAad::new(&self.config.store_id, id, protected.version(), protected.encoded_metadata());
        // The format selects the wrap: a format-1 wrap never opens for a format-0 value, nor the reverse.
        let context = match sealed.format() {
            Format::Zero => &[][..],
            Format::One => aad.key_context_bytes(),
        };
        let unwrap = || async {
            let context = match sealed.format() {
                Format::Zero => EncryptionContext::legacy(),
                Format::One => aad.key_context(),
            };
            let key = self.keys.unwrap_key(wrapped, &context).await?;
            ReadyCipher::new(sealed.format(), &key)
        };
        let open = |cipher: &ReadyCipher| cipher.open(&sealed, &aad);
        self.cache.open(KeyRef { wrapped, context }, &*self.clock, unwrap, open).await
    }
}
