//! A stored value under a new document key: the same place, other bytes.

use super::Inner;
use super::seal::Draft;
use super::settings_cache::Trusted;
use crate::context::{EncryptionContext, ValueAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::protected::attribute::{
    INITIALISATION_VECTOR, MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, PROTECTED_SECRET_VALUE, VERSION, WRAPS,
};
use crate::envelope::{Format, ReadyCipher};
use crate::error::{Error, Result};
use crate::id::{MasterKeyId, SecretVersion};
use crate::key_provider::Refusals;
use crate::record::{Record, Value};
use crate::secret::SecretValue;

impl Inner {
    /// The record of a secret, current or earlier, with its value sealed under a new document key, as the same version in the same
    /// format; every other attribute as it was.
    ///
    /// The new key is wrapped as that of a new version would be. Only where the old one was under a master key that the
    /// configuration does not use by itself (a put chose it) it stays under that one, once it has opened: what a record merely
    /// names gains nothing.
    ///
    /// # Errors
    ///
    /// As reads and puts.
    pub(crate) async fn resealed(&self, protected: &ProtectedSecret, record: &Record) -> Result<Record> {
        self.resealed_as(protected, record, protected.format()?, protected.version()).await
    }

    /// As [`resealed`](Self::resealed), in this format and under this number. Format 0 has room for nothing but a value: of another
    /// format's record it leaves the six attributes.
    pub(crate) async fn resealed_as(
        &self,
        protected: &ProtectedSecret,
        record: &Record,
        format: Format,
        version: SecretVersion,
    ) -> Result<Record> {
        let id = protected.id();
        let (value, opened_by) = self.open_uncached(protected).await?;
        let trusted = self.trusted_settings(id.application()).await?;
        let draft = Draft {
            id,
            value: &value,
            master_key_id: self.key_to_reseal_under(protected, opened_by, &trusted)?,
            further_keys: self.config.further_keys(id.application(), &*self.keys)?,
            metadata: protected.encoded_metadata().map(<[u8]>::to_vec),
            format,
        };
        let sealed = match format {
            Format::Zero => self.seal_format_0(&draft, &trusted).await?,
            Format::One => self.seal_format_1(&draft, version, &trusted).await?,
        };
        let record = match (protected.format()?, format) {
            (Format::One, Format::Zero) => sealed.to_record(),
            (Format::Zero, Format::One) => {
                with_sealed(record, &sealed.to_record()).with(VERSION, Value::Number(version.get()))
            }
            _ => with_sealed(record, &sealed.to_record()),
        };
        record.check_size(self.records.limits().record_bytes)?;
        Ok(record)
    }

    fn key_to_reseal_under(
        &self,
        protected: &ProtectedSecret,
        opened_by: &MasterKeyId,
        trusted: &Trusted,
    ) -> Result<MasterKeyId> {
        let application = protected.id().application();
        let (keys, settings) = (&*self.keys, &*trusted.settings);
        if self.config.application(application)?.tenant.is_some() {
            return self.config.wrapping_key(application, None, keys);
        }
        if let Ok(configured) = self.config.wrapping_key(application, None, keys) {
            let opened = self.config.in_use(opened_by, settings, keys)?;
            let further = self.config.further_keys(application, keys)?;
            for usual in std::iter::once(&configured).chain(&further) {
                if self.config.in_use(usual, settings, keys)? == opened {
                    return Ok(configured);
                }
            }
        }
        self.config.wrapping_key(application, Some(opened_by), keys)
    }

    /// Opens a stored value past the cache of keys, which belongs to the readers. Answers the master key that did it, too.
    async fn open_uncached<'a>(&self, protected: &'a ProtectedSecret) -> Result<(SecretValue, &'a MasterKeyId)> {
        let (id, sealed) = (protected.id(), protected.sealed()?);
        let application = self.config.application(id.application())?;
        application.check_format(sealed.format())?;
        let aad = ValueAad::new(&self.config.store_id, id, protected.version(), protected.encoded_metadata());
        let context = match sealed.format() {
            Format::Zero => EncryptionContext::legacy(),
            Format::One => aad.key_context(),
        };
        let mut refusals = Refusals::default();
        let mut nobody = None;
        for wrapped in protected.all_wraps() {
            if let Err(error) = application.check_unwrapping_key(wrapped.master_key_id(), &self.config, &*self.keys) {
                nobody.get_or_insert(error);
                continue;
            }
            match self.keys.unwrap_key(wrapped, &context).await {
                Ok(key) => {
                    let value = ReadyCipher::new(sealed.format(), &key)?.open(&sealed, &aad)?;
                    return Ok((value, wrapped.master_key_id()));
                }
                Err(error) => refusals.add(error)?,
            }
        }
        Err(refusals.into_error(|| nobody.unwrap_or_else(Error::integrity)))
    }
}

/// A record with what sealing made in the place of what stood there.
fn with_sealed(record: &Record, sealed: &Record) -> Record {
    let mut record = record.clone();
    for name in [INITIALISATION_VECTOR, MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, PROTECTED_SECRET_VALUE, WRAPS] {
        match sealed.get(name) {
            Some(value) => record.set(name, value.clone()),
            None => drop(record.remove(name)),
        }
    }
    record
}
